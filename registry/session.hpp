#pragma once

#include <chrono>
#include <ctime>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "registry/challenge.hpp"
#include "registry/credentials.hpp"
#include "registry/http.hpp"
#include "registry/range_support.hpp"

namespace ros::registry {

struct SessionOptions {
  std::string host;  // "registry.example:5000"
  std::optional<Credentials> credentials;
  // http:// in the place of https://, for the host and what it redirects to.
  bool plain_http = false;
  // Whether a token is fetched from where the host says, with the credentials; else they go to the
  // host alone, where it asks for them.
  enum class Tokens { kFetch, kNever } tokens = Tokens::kFetch;
  // Waits; may throw to end it. Tests bring their own.
  std::function<void(std::chrono::milliseconds)> wait;
  // Whether nobody wants an answer any more: a request that is on its way fails then, and no other
  // is begun. May be asked on any thread that sends.
  std::function<bool()> cancelled;
  // Another source has the same: nothing is tried again, and a host that is not reached throws.
  bool has_others = false;
  // What was found out about hosts; of this session alone where it is null.
  std::shared_ptr<RangeSupport> ranges;
};

// Requests to one registry: signs in as it asks (basic, or a bearer token, by credentials or
// without), follows redirects, and tries again what may pass. For one thread.
class Session {
 public:
  // Both outlive the session.
  Session(Transport& transport, SessionOptions options);

  [[nodiscard]] const std::string& host() const { return options_.host; }

  // Sends a request; its URL is a path ("/v2/...") on the host, or absolute. Answers of 401 are met
  // by signing in, once. Redirects are followed for GET and HEAD, five at most, never from https to
  // http; what is secret goes to the origin of the host alone. 429, 500, 502, 503, 504 and failed
  // connections of GET and HEAD are tried four times more, after 1, 2, 4 and 8 seconds or when
  // Retry-After says so, up to a minute; so are 429 of any other method, 503 of one without a body,
  // and asking for a token. The last response is returned, whatever its status; one whose sink has
  // taken bytes is not sent again, but returned with status 0. Throws kNetwork.
  HttpResponse Send(HttpRequest request);

  // Whether its server answers a request for several ranges of a file: by what this session has
  // found out, or else what others have.
  [[nodiscard]] SeveralRanges several_ranges() const {
    return several_ranges_ == SeveralRanges::kUnknown ? options_.ranges->Of(host())
                                                      : several_ranges_;
  }

  void set_several_ranges(SeveralRanges found) { several_ranges_ = found; }

  // Tells it to the other sessions.
  void ShareSeveralRanges() const { options_.ranges->Set(host(), several_ranges_); }

  // The URL that a Location or Link header of the host means.
  [[nodiscard]] std::string Resolve(const std::string& location) const;

  // Whether nobody wants an answer any more.
  [[nodiscard]] bool IsCancelled() const { return options_.cancelled && options_.cancelled(); }

  // The status of what Send returned last; 0 where it has thrown, but 401 where signing in was
  // refused.
  [[nodiscard]] int last_status() const { return last_status_; }

  // What went wrong, as a sentence for people: "registry.example: MANIFEST_UNKNOWN: ...".
  [[nodiscard]] Error ErrorOf(const HttpResponse& response, const std::string& doing) const;

  // As Send, but a response whose status is none of `expected` throws ErrorOf.
  HttpResponse Expect(const HttpRequest& request,
                      std::initializer_list<int> expected,
                      const std::string& doing);

 private:
  // Whether --plain-http would change where it may be led.
  [[nodiscard]] bool MayBePlain() const;
  HttpResponse SendOnce(const HttpRequest& request, const std::string& url);
  HttpResponse SendSignedIn(HttpRequest request);
  // Sends until what may pass has passed, as long as `may`.
  HttpResponse TryAgain(const std::function<HttpResponse()>& send,
                        const std::function<bool(int status)>& may);
  HttpResponse Follow(HttpRequest request, HttpResponse response);
  bool SignIn(const HttpResponse& refused);
  std::string FetchToken(const Challenge& challenge);

  Transport& transport_;
  SessionOptions options_;
  std::string base_;           // "https://registry.example"
  std::string authorization_;  // the header's value, once signed in
  SeveralRanges several_ranges_ = SeveralRanges::kUnknown;
  int last_status_ = 0;
};

// The seconds that a Retry-After header means (RFC 9110, section 10.2.3): a number, or a date in
// the form that servers send (section 5.6.7, IMF-fixdate), which is none of them when it is past.
// None for anything else.
std::optional<std::chrono::seconds> ParseRetryAfter(std::string_view value, std::time_t now);

}  // namespace ros::registry
