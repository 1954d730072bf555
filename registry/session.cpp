#include "registry/session.hpp"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <utility>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "base/shown_text.hpp"
#include "keys/base64.hpp"
#include "registry/http_status.hpp"
#include "registry/reference.hpp"

namespace ros::registry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kMaxRedirects = 5;
constexpr int kMaxTries = 5;
constexpr seconds kLongestWait{60};
constexpr Bytes kMaxToken = Bytes{64} << 10U;

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool OnlyReads(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

// Whether a server that answers so has done nothing, and wants to be asked later. What is in front
// of it may say that it is not there when it has a part of a body.
bool IsPutOff(int status, const HttpRequest& request) {
  const bool has_body = request.body && request.body->size > 0;
  return status == kTooManyRequests || (status == kServiceUnavailable && !has_body);
}

void SetHeader(HttpRequest& request, const std::string& name, const std::string& value) {
  std::erase_if(request.headers, [&](const HttpHeader& header) { return header.name == name; });
  if (!value.empty()) {
    request.headers.push_back({name, value});
  }
}

// Ends early where an interrupt waits, or nobody does.
void WaitFor(milliseconds time, const std::function<bool()>& cancelled) {
  constexpr milliseconds kSlice{200};
  const auto interrupts = HoldsInterrupts() ? OpenInterrupts() : UniqueFd();
  for (; time.count() > 0 && !(cancelled && cancelled()); time -= kSlice) {
    pollfd waiting{.fd = interrupts.get(), .events = POLLIN, .revents = 0};
    ::poll(&waiting, 1, static_cast<int>(std::min(time, kSlice).count()));
    ThrowIfInterrupted();
  }
}

milliseconds WaitBefore(int next_try, const HttpResponse& response) {
  const auto asked = response.Header("retry-after");
  const auto given = asked ? ParseRetryAfter(*asked, std::time(nullptr)) : std::nullopt;
  return given ? std::min(*given, kLongestWait) : seconds(1 << (next_try - 2));
}

// "CODE: message" of a registry's error (distribution-spec, "Error Codes"); empty where the body is
// none.
std::string SaidBy(const HttpResponse& response) {
  try {
    const auto json = Json::Parse(response.body, "");
    const auto& errors = json.At("errors", "").AsArray("");
    if (errors.empty()) {
      return {};
    }
    const auto* message = errors.front().Find("message", "");
    return ShowText(errors.front().At("code", "").AsString("")) +
           (message == nullptr ? "" : ": " + ShowText(message->AsString("")));
  } catch (const Error&) {
    return {};
  }
}

// Throws kVerification as Json does.
std::string FindToken(const HttpResponse& response) {
  const std::string where = "the token";
  const auto json = Json::Parse(response.body, where);
  for (const auto* name : {"token", "access_token"}) {
    if (const auto* token = json.Find(name, where); token != nullptr) {
      return token->AsString(where);
    }
  }
  throw Error(ErrorKind::kNetwork, "there is no token in the answer");
}

std::string TokenIn(const HttpResponse& response) {
  std::string token;
  try {
    token = FindToken(response);
  } catch (const Error& error) {
    throw Error(ErrorKind::kNetwork, error.message());
  }
  // It becomes a part of a header.
  if (token.empty() || !std::ranges::all_of(token, [](char c) { return c > ' ' && c < 0x7f; })) {
    throw Error(ErrorKind::kNetwork, "the token is none that a header may have");
  }
  return token;
}

std::string Basic(const Credentials& credentials) {
  return "Basic " + keys::EncodeBase64(AsBytes(credentials.user + ":" + credentials.password));
}

// Empty where it has none of that name.
std::string ParameterOf(const Challenge& challenge, const std::string& name) {
  const auto found = challenge.parameters.find(name);
  return found == challenge.parameters.end() ? std::string() : found->second;
}

// The distribution project's token authentication ("Token Authentication Specification", and its
// OAuth2 form for an identity token).
HttpRequest TokenRequest(const std::string& realm,
                         const Challenge& challenge,
                         const std::optional<Credentials>& credentials) {
  auto query = "service=" + PercentEncode(ParameterOf(challenge, "service"));
  if (const auto scope = ParameterOf(challenge, "scope"); !scope.empty()) {
    query += "&scope=" + PercentEncode(scope);
  }
  HttpRequest request;
  request.url = realm;
  request.limit = kMaxToken;
  if (credentials && !credentials->identity_token.empty()) {
    query += "&client_id=ros&grant_type=refresh_token&refresh_token=" +
             PercentEncode(credentials->identity_token);
    request.method = "POST";
    request.headers.push_back({"content-type", "application/x-www-form-urlencoded"});
    request.body =
        HttpBody{.size = query.size(), .read = [query](Bytes offset, MutableByteSpan into) {
                   std::ranges::copy(AsBytes(query).subspan(offset, into.size()), into.begin());
                 }};
    return request;
  }
  request.url += (realm.find('?') == std::string::npos ? "?" : "&") + query;
  if (credentials && !credentials->user.empty()) {
    request.headers.push_back({"authorization", Basic(*credentials)});
  }
  return request;
}

}  // namespace

Session::Session(Transport& transport, SessionOptions options)
    : transport_(transport), options_(std::move(options)) {
  // Docker Hub answers elsewhere than where its name says.
  base_ = (options_.plain_http ? "http://" : "https://") +
          (options_.host == kDockerHub ? "registry-1.docker.io" : options_.host);
  if (!options_.ranges) {
    options_.ranges = std::make_shared<RangeSupport>();
  }
  if (!options_.wait) {
    options_.wait = [this](milliseconds time) { WaitFor(time, options_.cancelled); };
  }
}

// A mirror's URL says how it is reached, and so does a file's.
bool Session::MayBePlain() const {
  return !options_.has_others && options_.tokens == SessionOptions::Tokens::kFetch;
}

HttpResponse Session::SendOnce(const HttpRequest& request, const std::string& url) {
  HttpRequest sent = request;
  sent.url = url;
  sent.cancelled = options_.cancelled;
  if (!options_.plain_http && !url.starts_with("https://")) {
    throw Error(ErrorKind::kNetwork,
                options_.host + " leads to " + ShowText(WithoutQuery(url)) +
                    ", which is not encrypted" +
                    (MayBePlain() ? "; --plain-http allows that" : ""));
  }
  SetHeader(sent, "authorization", OriginOf(url) == OriginOf(base_) ? authorization_ : "");
  return InContext(options_.host, [&] { return transport_.Send(sent); });
}

HttpResponse Session::Follow(HttpRequest request, HttpResponse response) {
  for (int hops = 0; IsRedirect(response.status) && OnlyReads(request); ++hops) {
    const auto location = response.Header("location");
    if (!location || hops == kMaxRedirects) {
      throw Error(
          ErrorKind::kNetwork,
          options_.host + (location ? ": redirects without an end" : ": a redirect to nowhere"));
    }
    request.url = InContext(options_.host + ": a redirect",
                            [&] { return ResolveUrl(request.url, *location); });
    response = SendOnce(request, request.url);
  }
  return response;
}

HttpResponse Session::SendSignedIn(HttpRequest request) {
  if (request.url.starts_with('/')) {
    request.url = base_ + request.url;
  }
  auto response = SendOnce(request, request.url);
  if (response.status == kUnauthorized && SignIn(response)) {
    response = SendOnce(request, request.url);
  }
  return Follow(std::move(request), std::move(response));
}

HttpResponse Session::Send(HttpRequest request) {
  // A body that has begun goes on where it is, not from its start.
  bool begun = false;
  if (const auto open = request.open_sink; open) {
    request.open_sink = [&begun, open](const HttpResponse& head) {
      begun = true;
      return open(head);
    };
  }
  last_status_ = 0;
  auto response = TryAgain([&] { return SendSignedIn(request); },
                           [&](int status) {
                             return !begun && !request.once &&
                                    (request.waits_for_host || status != 0) &&
                                    (OnlyReads(request) || IsPutOff(status, request));
                           });
  if (options_.has_others && response.status == 0 && !begun && !request.once) {
    throw Error(ErrorKind::kNetwork, options_.host + ": " + response.failure);
  }
  last_status_ = response.status;
  return response;
}

HttpResponse Session::TryAgain(const std::function<HttpResponse()>& send,
                               const std::function<bool(int status)>& may) {
  for (int next_try = 2;; ++next_try) {
    auto response = send();
    if (IsCancelled() || options_.has_others || !MayPass(response.status) ||
        !may(response.status) || next_try > kMaxTries) {
      return response;
    }
    options_.wait(WaitBefore(next_try, response));
  }
}

bool Session::SignIn(const HttpResponse& refused) {
  for (const auto& header : refused.headers) {
    if (header.name != "www-authenticate") {
      continue;
    }
    for (const auto& challenge : ParseChallenges(header.value)) {
      const auto realm = challenge.parameters.find("realm");
      const bool leads = options_.tokens == SessionOptions::Tokens::kFetch &&
                         realm != challenge.parameters.end() && !realm->second.empty();
      if (challenge.scheme == "bearer" && leads) {
        authorization_ = "Bearer " + FetchToken(challenge);
        return true;
      }
      const auto& credentials = options_.credentials;
      if (challenge.scheme == "basic" && credentials && !credentials->user.empty()) {
        authorization_ = Basic(*credentials);
        return true;
      }
    }
  }
  return false;
}

std::string Session::FetchToken(const Challenge& challenge) {
  const auto realm = Resolve(ParameterOf(challenge, "realm"));
  if (!options_.plain_http && !realm.starts_with("https://")) {
    throw Error(ErrorKind::kNetwork,
                options_.host + " wants a token from " + ShowText(WithoutQuery(realm)) +
                    ", which is not encrypted");
  }
  auto request = TokenRequest(realm, challenge, options_.credentials);
  request.cancelled = options_.cancelled;
  const auto doing = options_.host + ": signing in at " + ShowText(WithoutQuery(realm));
  return InContext(doing, [&] {
    const auto response =
        TryAgain([&] { return transport_.Send(request); }, [](int /*status*/) { return true; });
    if (response.status != 200) {
      last_status_ = MayPass(response.status) ? 0 : kUnauthorized;
      throw ErrorOf(response, "");
    }
    return TokenIn(response);
  });
}

std::string Session::Resolve(const std::string& location) const {
  return InContext(options_.host, [&] { return ResolveUrl(base_, location); });
}

Error Session::ErrorOf(const HttpResponse& response, const std::string& doing) const {
  std::string text;
  if (response.status == 0) {
    text = response.failure;
  } else if (const auto said = SaidBy(response); !said.empty()) {
    text = said;
  } else {
    text = "the server answers with status " + std::to_string(response.status);
  }
  if (response.status == kUnauthorized || response.status == kForbidden) {
    text += options_.credentials
                ? "; the credentials of this machine for it do not suffice"
                : "; this machine has no credentials for it: log in with `podman login` or `docker "
                  "login`, or put them into /etc/ros/auth.json";
  }
  if (doing.empty()) {
    return {ErrorKind::kNetwork, text};
  }
  return {ErrorKind::kNetwork, options_.host + ": " + doing + ": " + text};
}

HttpResponse Session::Expect(const HttpRequest& request,
                             std::initializer_list<int> expected,
                             const std::string& doing) {
  auto response = InContext(doing, [&] { return Send(request); });
  if (std::ranges::find(expected, response.status) == expected.end()) {
    throw ErrorOf(response, doing);
  }
  return response;
}

std::optional<seconds> ParseRetryAfter(std::string_view value, std::time_t now) {
  unsigned count = 0;
  const auto* const end = value.data() + value.size();
  const auto [at, error] = std::from_chars(value.data(), end, count);
  if (error == std::errc() && at == end) {
    return seconds(count);
  }
  std::tm date{};
  const std::string text(value);
  const auto* const rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (rest == nullptr || *rest != '\0') {
    return std::nullopt;
  }
  return seconds(std::max<std::time_t>(::timegm(&date) - now, 0));
}

}  // namespace ros::registry
