#include "registry/web_file.hpp"

#include <charconv>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/shown_text.hpp"
#include "registry/credentials.hpp"
#include "registry/download.hpp"
#include "registry/http_status.hpp"

namespace ros::registry {
namespace {

// None for what is no size of a file.
std::optional<Bytes> ParseSize(std::string_view text) {
  Bytes size = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  const bool whole = error == std::errc() && at == text.data() + text.size();
  return whole && size <= kMaxWebFile ? std::optional(size) : std::nullopt;
}

// The whole file's size as a Content-Range tells it, "bytes 0-65535/1048576"; none where it does
// not.
std::optional<Bytes> SizeIn(std::string_view range) {
  const auto slash = range.rfind('/');
  return slash == std::string_view::npos ? std::nullopt : ParseSize(range.substr(slash + 1));
}

// Some servers send a small file whole, whatever part of it was asked for.
std::optional<Bytes> SizeOfSmall(const HttpResponse& head) {
  const auto size = ParseSize(head.Header("content-length").value_or(""));
  return head.status == kOk && size && *size <= kWebFileBeginning ? size : std::nullopt;
}

WebFileFacts FactsOf(const HttpResponse& head) {
  if (const auto size = SizeOfSmall(head)) {
    return {.size = *size, .beginning = {}};
  }
  if (head.status != kPartial) {
    throw Error(ErrorKind::kNetwork,
                "the server knows no ranges, by which an image is read where it is; download the "
                "file and give that, or use a registry");
  }
  const auto range = head.Header("content-range").value_or("");
  const auto size = SizeIn(range);
  if (!range.starts_with("bytes 0-") || !size || *size == 0) {
    throw Error(ErrorKind::kNetwork,
                "asked for the first bytes of the file, and got \"" + ShowText(range) + "\"");
  }
  return {.size = *size, .beginning = {}};
}

enum class Wanted { kPart, kWhole };

// Throws where this cannot come of the file that was looked at. Tags and times are not compared:
// servers that share an address may have different ones for the same file, and what was replaced by
// a file of the same size does not have the image's digests.
void CheckSame(const WebFileFacts& facts, Wanted wanted, const HttpResponse& head) {
  if (head.status != kPartial && wanted == Wanted::kPart && !SizeOfSmall(head)) {
    throw Error(
        ErrorKind::kNetwork,
        "the server sends the whole file where a part was asked for, and sent parts before");
  }
  const auto size = head.status == kPartial ? SizeIn(head.Header("content-range").value_or(""))
                                            : ParseSize(head.Header("content-length").value_or(""));
  if (size && *size != facts.size) {
    throw Error(ErrorKind::kNetwork,
                "the file on the server was replaced while it was read; run it again");
  }
}

const WebAddress& Allowed(const WebAddress& address, const ConnectionOptions& options) {
  if (!address.encrypted && !options.plain_http) {
    throw Error(ErrorKind::kUsage,
                address.ToString() + ": the connection is not encrypted; --plain-http allows that");
  }
  return address;
}

}  // namespace

WebFile::WebFile(const WebAddress& address,
                 const ConnectionOptions& options,
                 std::function<bool()> cancelled)
    : address_(Allowed(address, options)),
      transport_({.ca_file = options.ca_file}),
      session_(transport_,
               {.host = address.host,
                .credentials = FindCredentials(address.host, "", CredentialFiles()),
                .plain_http = !address.encrypted,
                .tokens = SessionOptions::Tokens::kNever,
                .wait = {},
                .cancelled = std::move(cancelled),
                .ranges = options.ranges}) {}

WebFileFacts WebFile::Look() {
  WebFileFacts facts;
  HttpRequest request;
  request.url = address_.url;
  request.limit = kWebFileBeginning;
  request.headers.push_back({"range", "bytes=0-" + std::to_string(kWebFileBeginning - 1)});
  request.open_sink = [&](const HttpResponse& head) -> BodySink {
    facts = FactsOf(head);
    return [&](ByteSpan piece) { facts.beginning += AsText(piece); };
  };
  const auto response = InContext(address_.ToString(), [&] { return session_.Send(request); });
  // A connection that breaks within the beginning has told enough.
  if (facts.size == 0 && response.status == kNotFound) {
    throw Error(ErrorKind::kNetwork, address_.ToString() + ": the server has no such file");
  }
  if (facts.size == 0 && (response.status == kRangeNotSatisfiable || response.status == kOk)) {
    throw Error(ErrorKind::kNetwork, address_.ToString() + ": the file is empty");
  }
  if (facts.size == 0) {
    throw session_.ErrorOf(response, address_.ToString());
  }
  if (facts.beginning.size() > facts.size) {
    throw Error(ErrorKind::kNetwork,
                address_.ToString() + ": more came than the " + std::to_string(facts.size) +
                    " bytes that the server says it has");
  }
  return facts;
}

void WebFile::ReadRanges(const WebFileFacts& facts,
                         std::span<const ByteRange> ranges,
                         const BodySink& sink) {
  const bool is_whole =
      !ranges.empty() && ranges.front().offset == 0 && ranges.back().End() == facts.size;
  const auto wanted = is_whole ? Wanted::kWhole : Wanted::kPart;
  DownloadRanges(session_,
                 {.url = address_.url,
                  .size = facts.size,
                  .what = address_.ToString(),
                  .check = [&](const HttpResponse& head) { CheckSame(facts, wanted, head); }},
                 ranges,
                 sink);
}

}  // namespace ros::registry
