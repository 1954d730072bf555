#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace ros::registry {

// Limits on what a server may send beside the body that was asked for.
inline constexpr Bytes kMaxHeaders = Bytes{64} << 10U;
inline constexpr Bytes kMaxErrorBody = Bytes{64} << 10U;

struct HttpHeader {
  std::string name;  // in lower case
  std::string value;

  bool operator==(const HttpHeader&) const = default;
};

// What came back. A status of 0: the connection failed on the way, `failure` says how, and what has
// been received until then stays received. It may be tried again.
struct HttpResponse {
  int status = 0;
  std::string failure;
  std::vector<HttpHeader> headers;
  std::string body;  // where no sink took it

  // The first header of this name (in lower case); none where there is none.
  [[nodiscard]] std::optional<std::string> Header(std::string_view name) const;
};

// Takes the body, piece by piece, in order.
using BodySink = std::function<void(ByteSpan piece)>;

// A body to be sent. `read` fills `into` from `offset`; it may be asked for the same bytes again.
struct HttpBody {
  Bytes size = 0;
  std::function<void(Bytes offset, MutableByteSpan into)> read;
};

// Whether a later try may get another answer: no answer at all (0), too many requests, and what is
// out of order for a while.
constexpr bool MayPass(int status) {
  return status == 0 || status == 429 || status == 500 || status == 502 || status == 503 ||
         status == 504;
}

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<HttpHeader> headers;
  std::optional<HttpBody> body;
  // The longest body of a 200 or 206 that is taken; a longer one throws kNetwork. Of any other no
  // more than kMaxErrorBody is read.
  Bytes limit = kMaxErrorBody;
  // Called with status and headers of a response of 200 or 206 before its body: where that goes.
  // It and the sink may throw, which ends the transfer and leaves Send. Without it the body is
  // kept.
  std::function<BodySink(const HttpResponse& head)> open_sink;
  // A question of what the server knows: a session asks it once, whatever comes.
  bool once = false;
  // Whether a host that is not reached is tried again.
  bool waits_for_host = true;
  // Asked about once a second and more: a yes ends the transfer as a failed connection.
  std::function<bool()> cancelled;
};

// Carries one request to the server of its URL and the response back: no redirects, no credentials
// of its own, no second try. An interface, because tests of sessions bring their own.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  Transport(Transport&&) = delete;
  Transport& operator=(Transport&&) = delete;
  virtual ~Transport() = default;

  // Throws kNetwork for what trying again cannot mend (a certificate that is not trusted, a body
  // beyond the limit), kFailed when an interrupt waits, and what the sink throws.
  virtual HttpResponse Send(const HttpRequest& request) = 0;
};

// The URL that `location` means in a response from `base` (RFC 3986, section 5). Throws kNetwork
// for what is none.
std::string ResolveUrl(const std::string& base, const std::string& location);

// "https://registry.example:443": what may be told the same secrets. Throws as above.
std::string OriginOf(const std::string& url);

// For messages: what stands behind a URL's "?" may be what opens it.
std::string WithoutQuery(std::string_view url);

// As a part of a query (RFC 3986, section 2.1): %XX for all but letters, digits and -._~.
std::string PercentEncode(std::string_view text);

}  // namespace ros::registry
