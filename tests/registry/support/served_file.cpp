#include "tests/registry/support/served_file.hpp"

#include <algorithm>
#include <vector>

namespace ros::testing {
namespace {

// Of "bytes=0-9,20-29", the last of which may have no end.
std::vector<ByteRange> ParseRanges(const std::string& text, Bytes size) {
  std::vector<ByteRange> ranges;
  for (std::size_t at = text.find('='); at != std::string::npos; at = text.find(',', at + 1)) {
    const auto dash = text.find('-', at);
    const Bytes first = std::stoull(text.substr(at + 1));
    const bool ends = dash + 1 < text.size();
    const Bytes last = ends ? std::stoull(text.substr(dash + 1)) : size - 1;
    ranges.push_back({.offset = first, .length = std::min(last, size - 1) + 1 - first});
  }
  return ranges;
}

std::string ContentRange(const std::string& content, const ByteRange& range) {
  return "bytes " + std::to_string(range.offset) + "-" + std::to_string(range.End() - 1) + "/" +
         std::to_string(content.size());
}

ServedReply Part(const std::string& content, const ByteRange& range) {
  return {.status = 206,
          .headers = {{"content-range", ContentRange(content, range)}},
          .body = content.substr(range.offset, range.length)};
}

// As Go writes it.
ServedReply Parts(const std::string& content, const std::vector<ByteRange>& ranges) {
  ServedReply reply{.status = 206,
                    .headers = {{"content-type", "multipart/byteranges; boundary=b0unda4y"}},
                    .body = {}};
  for (const auto& range : ranges) {
    reply.body += reply.body.empty() ? "" : "\r\n";
    reply.body += "--b0unda4y\r\nContent-Range: " + ContentRange(content, range) +
                  "\r\nContent-Type: application/octet-stream\r\n\r\n" +
                  content.substr(range.offset, range.length);
  }
  reply.body += "\r\n--b0unda4y--\r\n";
  return reply;
}

}  // namespace

ServedReply ServeFile(const ServedRequest& request, const std::string& content) {
  const auto ranges = ParseRanges(request.Header("range"), content.size());
  if (ranges.empty()) {
    return {.headers = {}, .body = content};
  }
  if (ranges.front().offset >= content.size()) {
    return {.status = 416, .headers = {}, .body = {}};
  }
  return ranges.size() == 1 ? Part(content, ranges.front()) : Parts(content, ranges);
}

}  // namespace ros::testing
