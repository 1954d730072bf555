#include "registry/curl_transport.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <exception>

#include "base/c_ptr.hpp"
#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/shown_text.hpp"
#include "registry/curl_library.hpp"

namespace ros::registry {
namespace {

constexpr long kConnectSeconds = 30;
constexpr long kLowSpeed = 1024;  // bytes a second

// The functions of libcurl that carry requests.
struct CurlLibrary {
  CurlLibrary() {
    FindCurlFunction("curl_easy_init", easy_init);
    FindCurlFunction("curl_easy_cleanup", easy_cleanup);
    FindCurlFunction("curl_easy_reset", easy_reset);
    FindCurlFunction("curl_easy_setopt", easy_setopt);
    FindCurlFunction("curl_easy_getinfo", easy_getinfo);
    FindCurlFunction("curl_easy_perform", easy_perform);
    FindCurlFunction("curl_easy_strerror", easy_strerror);
    FindCurlFunction("curl_slist_append", slist_append);
    FindCurlFunction("curl_slist_free_all", slist_free_all);
  }

  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_reset) easy_reset = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
};

const CurlLibrary& Curl() {
  static const CurlLibrary curl;
  return curl;
}

void FreeEasy(CURL* easy) {
  Curl().easy_cleanup(easy);
}

void FreeList(curl_slist* list) {
  Curl().slist_free_all(list);
}

using CurlEasy = CPtr<CURL, FreeEasy>;
using CurlList = CPtr<curl_slist, FreeList>;

// Of OpenSSL: what it says of any answer ("error:0A00010B:SSL routines::wrong version number"), of
// one that is not TLS, and of an end in place of one.
constexpr std::string_view kOfTls = "SSL routines";
constexpr std::string_view kNoTls = "wrong version number";
constexpr std::string_view kEndOfFile = "unexpected eof";

// What trying again does not mend. A TLS handshake may also end since the line broke meanwhile.
bool IsFinal(CURLcode code, std::string_view why) {
  if (code == CURLE_SSL_CONNECT_ERROR) {
    return why.find(kOfTls) != std::string_view::npos &&
           why.find(kEndOfFile) == std::string_view::npos;
  }
  constexpr std::array kFinal = {CURLE_UNSUPPORTED_PROTOCOL,
                                 CURLE_URL_MALFORMAT,
                                 CURLE_PEER_FAILED_VERIFICATION,
                                 CURLE_SSL_CACERT_BADFILE,
                                 CURLE_SSL_ISSUER_ERROR};
  return std::ranges::find(kFinal, code) != kFinal.end();
}

// One request on its way: what libcurl's callbacks see. None of them may throw, so what is thrown
// waits here until libcurl has returned.
class Transfer {
 public:
  explicit Transfer(const HttpRequest& request) : request_(request) {}

  HttpResponse& response() { return response_; }

  void ThrowIfFailed() const {
    if (thrown_) {
      std::rethrow_exception(thrown_);
    }
  }

  bool TakeHeader(std::string_view line) {
    return Guarded([&] {
      header_bytes_ += line.size();
      if (header_bytes_ > kMaxHeaders) {
        throw Error(ErrorKind::kNetwork, "the headers are longer than " + FormatBytes(kMaxHeaders));
      }
      if (line.starts_with("HTTP/")) {
        // Of this response; those of a proxy's answer or of "100 Continue" came before.
        response_.headers.clear();
        head_ended_ = false;
        return;
      }
      if (head_ended_) {
        return;  // A trailer, behind the body.
      }
      head_ended_ = line == "\r\n" || line == "\n";
      const auto colon = line.find(':');
      if (colon != std::string_view::npos) {
        response_.headers.push_back(Split(line, colon));
      }
    });
  }

  bool TakeBody(ByteSpan piece, long status) {
    return Guarded([&] {
             Open(status);
             const bool wanted = status == 200 || status == 206;
             if (!wanted && received_ + piece.size() > kMaxErrorBody) {
               enough_ = true;
               return;
             }
             received_ += piece.size();
             if (const auto limit = request_.limit; wanted && received_ > limit) {
               throw Error(
                   ErrorKind::kNetwork,
                   "the server sends more than the " + FormatBytes(limit) + " that are expected");
             }
             if (sink_) {
               sink_(piece);
             } else {
               response_.body += AsText(piece);
             }
           }) &&
           !enough_;
  }

  // libcurl takes a head that is cut between two headers for one that is whole.
  [[nodiscard]] bool HeadEnded() const { return head_ended_; }

  // Of an error's body: the rest is not worth the time.
  [[nodiscard]] bool HasEnough() const { return enough_; }

  // A sink is opened for an empty body too.
  void Open(long status) {
    if (opened_) {
      return;
    }
    opened_ = true;
    response_.status = static_cast<int>(status);
    if (request_.open_sink && (status == 200 || status == 206)) {
      sink_ = request_.open_sink(response_);
    }
  }

  // Fills the whole buffer or to the end of the body.
  std::size_t GiveBody(MutableByteSpan into) {
    const auto length = std::min<Bytes>(into.size(), request_.body->size - sent_);
    const bool given = Guarded([&] { request_.body->read(sent_, into.first(length)); });
    sent_ += length;
    return given ? length : CURL_READFUNC_ABORT;
  }

  [[nodiscard]] bool IsCancelled() const { return request_.cancelled && request_.cancelled(); }

  bool Rewind(curl_off_t offset) {
    sent_ = static_cast<Bytes>(offset);
    return sent_ <= request_.body->size;
  }

 private:
  template <typename Work>
  bool Guarded(Work&& work) {
    try {
      work();
      return true;
    } catch (...) {
      thrown_ = std::current_exception();
      return false;
    }
  }

  static HttpHeader Split(std::string_view line, std::size_t colon) {
    constexpr std::string_view kAround = " \t\r\n";
    std::string name(line.substr(0, colon));
    std::ranges::transform(name, name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    auto value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(kAround), value.size()));
    value = value.substr(0, value.find_last_not_of(kAround) + 1);
    return {.name = std::move(name), .value = std::string(value)};
  }

  const HttpRequest& request_;
  HttpResponse response_;
  BodySink sink_;
  bool opened_ = false;
  bool head_ended_ = false;
  bool enough_ = false;
  Bytes header_bytes_ = 0;
  Bytes received_ = 0;
  Bytes sent_ = 0;
  std::exception_ptr thrown_;
};

std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* transfer) {
  const bool taken = static_cast<Transfer*>(transfer)->TakeHeader({data, size * count});
  return taken ? size * count : 0;
}

int OnProgress(void* transfer, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return WaitingInterrupt() || static_cast<Transfer*>(transfer)->IsCancelled() ? 1 : 0;
}

std::size_t OnUpload(char* into, std::size_t size, std::size_t count, void* transfer) {
  return static_cast<Transfer*>(transfer)->GiveBody(
      std::as_writable_bytes(std::span(into, size * count)));
}

int OnRewind(void* transfer, curl_off_t offset, int origin) {
  const bool can = origin == SEEK_SET && offset >= 0;
  return can && static_cast<Transfer*>(transfer)->Rewind(offset) ? CURL_SEEKFUNC_OK
                                                                 : CURL_SEEKFUNC_FAIL;
}

}  // namespace

struct CurlTransport::State {
  TransportOptions options;
  CurlEasy easy;

  template <typename Value>
  void Set(CURLoption option, Value value) const {
    if (Curl().easy_setopt(easy.get(), option, value) != CURLE_OK) {
      throw Error(ErrorKind::kFailed, "libcurl does not know what is asked of it");
    }
  }

  [[nodiscard]] long Status() const {
    long status = 0;
    Curl().easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
    return status;
  }
};

namespace {

// The body's callback needs the status, which only the handle has.
struct BodyTarget {
  Transfer& transfer;
  CURL* easy;
};

std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* target) {
  auto& [transfer, easy] = *static_cast<BodyTarget*>(target);
  long status = 0;
  Curl().easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  const auto piece = std::as_bytes(std::span(data, size * count));
  return transfer.TakeBody(piece, status) ? piece.size() : 0;
}

CurlList MakeHeaders(const HttpRequest& request) {
  CurlList list;
  const auto add = [&list](const std::string& line) {
    auto* const longer = Curl().slist_append(list.get(), line.c_str());
    if (longer == nullptr) {
      throw Error(ErrorKind::kFailed, "no memory for a header");
    }
    static_cast<void>(list.release());
    list.reset(longer);
  };
  for (const auto& header : request.headers) {
    add(header.name + ": " + header.value);
  }
  add("Expect:");  // no pause before a body is sent
  return list;
}

// What the transfer came to; `why` is libcurl's own text, which may be empty.
HttpResponse Conclude(Transfer& transfer, CURLcode code, long status, const char* why) {
  auto& response = transfer.response();
  response.status = 0;
  if (code == CURLE_OK && !transfer.HeadEnded()) {
    response.failure = "the connection ended within the headers";
    return std::move(response);
  }
  if (code == CURLE_OK || transfer.HasEnough()) {
    transfer.Open(status);
    response.status = static_cast<int>(status);
    return std::move(response);
  }
  // What it says of a header that is longer than it takes.
  if (code == CURLE_OUT_OF_MEMORY) {
    throw Error(ErrorKind::kNetwork, "no memory is left, or a header is of any length");
  }
  response.failure = ShowText(*why != '\0' ? why : Curl().easy_strerror(code));
  if (IsFinal(code, response.failure)) {
    const bool is_plain = response.failure.find(kNoTls) != std::string::npos;
    throw Error(ErrorKind::kNetwork,
                response.failure +
                    (is_plain ? "; for a registry without encryption there is --plain-http" : ""));
  }
  return std::move(response);
}

}  // namespace

CurlTransport::CurlTransport(TransportOptions options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  state_->easy.reset(Curl().easy_init());
  if (!state_->easy) {
    throw Error(ErrorKind::kFailed, "libcurl does not start");
  }
}

CurlTransport::~CurlTransport() = default;

HttpResponse CurlTransport::Send(const HttpRequest& request) {
  const auto& state = *state_;
  Transfer transfer(request);
  BodyTarget target{transfer, state.easy.get()};
  const auto headers = MakeHeaders(request);
  // Connections stay open over a reset.
  Curl().easy_reset(state.easy.get());
  state.Set(CURLOPT_URL, request.url.c_str());
  state.Set(CURLOPT_PROTOCOLS_STR, "http,https");
  state.Set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_2TLS});
  state.Set(CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  state.Set(CURLOPT_NOSIGNAL, 1L);
  state.Set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  state.Set(CURLOPT_LOW_SPEED_LIMIT, kLowSpeed);
  state.Set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(state.options.longest_stall.count()));
  state.Set(CURLOPT_USERAGENT, "ros");
  state.Set(CURLOPT_HTTPHEADER, headers.get());
  state.Set(CURLOPT_HEADERFUNCTION, &OnHeader);
  state.Set(CURLOPT_HEADERDATA, &transfer);
  state.Set(CURLOPT_WRITEFUNCTION, &OnBody);
  state.Set(CURLOPT_WRITEDATA, &target);
  state.Set(CURLOPT_XFERINFOFUNCTION, &OnProgress);
  state.Set(CURLOPT_XFERINFODATA, &transfer);
  state.Set(CURLOPT_NOPROGRESS, 0L);
  std::array<char, CURL_ERROR_SIZE> why{};
  state.Set(CURLOPT_ERRORBUFFER, why.data());
  if (!state.options.ca_file.empty()) {
    state.Set(CURLOPT_CAINFO, state.options.ca_file.c_str());
  }
  if (request.method == "HEAD") {
    state.Set(CURLOPT_NOBODY, 1L);
  } else if (request.body) {
    state.Set(CURLOPT_UPLOAD, 1L);
    state.Set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body->size));
    state.Set(CURLOPT_READFUNCTION, &OnUpload);
    state.Set(CURLOPT_READDATA, &transfer);
    state.Set(CURLOPT_SEEKFUNCTION, &OnRewind);
    state.Set(CURLOPT_SEEKDATA, &transfer);
  }
  state.Set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  const auto code = Curl().easy_perform(state.easy.get());
  transfer.ThrowIfFailed();
  ThrowIfInterrupted();
  return Conclude(transfer, code, state.Status(), why.data());
}

}  // namespace ros::registry
