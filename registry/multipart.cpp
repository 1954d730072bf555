#include "registry/multipart.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/error.hpp"
#include "base/shown_text.hpp"

namespace ros::registry {
namespace {

constexpr std::string_view kType = "multipart/byteranges";
constexpr std::string_view kBoundaryName = "boundary";
constexpr std::string_view kBlanks = " \t";
constexpr std::size_t kMaxBoundary = 70;  // RFC 2046, section 5.1.1

[[noreturn]] void Refuse(const std::string& why) {
  throw Error(ErrorKind::kNetwork, "the answer with several ranges: " + why);
}

std::string_view Trim(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

bool IsSame(std::string_view text, std::string_view lower_case) {
  return std::ranges::equal(text, lower_case, [](char c, char lower) {
    return (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) == lower;
  });
}

// bchars of RFC 2046, section 5.1.1.
bool MayBeInBoundary(char c) {
  constexpr std::string_view kOthers = "'()+_,-./:=? ";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         kOthers.find(c) != std::string_view::npos;
}

// Cuts the next parameter off, up to a semicolon that no quotes are around.
std::string_view NextParameter(std::string_view& rest) {
  bool quoted = false;
  std::size_t end = 0;
  while (end < rest.size() && (quoted || rest[end] != ';')) {
    quoted = quoted != (rest[end] == '"');
    ++end;
  }
  const auto parameter = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return Trim(parameter);
}

std::string CheckBoundary(std::string_view value) {
  if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"')) {
    value = value.substr(1, value.size() - 2);
  }
  if (value.empty() || value.size() > kMaxBoundary || value.ends_with(' ') ||
      !std::ranges::all_of(value, MayBeInBoundary)) {
    Refuse("\"" + ShowText(value) + "\" is no boundary");
  }
  return std::string(value);
}

// Cuts a number off; none where there is no number of 64 bits.
std::optional<Bytes> TakeNumber(std::string_view& text) {
  Bytes number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

bool Take(std::string_view& text, std::string_view start) {
  const bool has = text.starts_with(start);
  text.remove_prefix(has ? start.size() : 0);
  return has;
}

// A part's place in a file of this size, "bytes 5-9/100" or "bytes 5-9/*" (RFC 9110, section 14.4);
// none for anything else.
std::optional<ByteRange> ParseContentRange(std::string_view text, Bytes size) {
  if (!Take(text, "bytes ")) {
    return std::nullopt;
  }
  const auto first = TakeNumber(text);
  if (!first || !Take(text, "-")) {
    return std::nullopt;
  }
  const auto last = TakeNumber(text);
  if (!last || *last < *first || (text != "/*" && text != "/" + std::to_string(size))) {
    return std::nullopt;
  }
  return ByteRange{.offset = *first, .length = *last - *first + 1};
}

}  // namespace

std::optional<std::string> FindBoundary(std::string_view content_type) {
  if (!IsSame(NextParameter(content_type), kType)) {
    return std::nullopt;
  }
  while (!content_type.empty()) {
    const auto parameter = NextParameter(content_type);
    const auto equals = std::min(parameter.find('='), parameter.size());
    if (IsSame(parameter.substr(0, equals), kBoundaryName)) {
      return CheckBoundary(parameter.substr(std::min(equals + 1, parameter.size())));
    }
  }
  Refuse("it has no boundary");
}

MultipartReader::MultipartReader(const std::string& boundary,
                                 std::vector<ByteRange> asked,
                                 Bytes size)
    : boundary_("--" + boundary), asked_(std::move(asked)), size_(size) {}

MultipartReader::Piece MultipartReader::Read(ByteSpan& input) {
  while (!input.empty() && state_ != State::kBody) {
    if (state_ == State::kEnd) {
      input = {};
    } else if (GatherLine(input)) {
      TakeLine(std::exchange(line_, {}));
    }
  }
  const auto length = std::min<Bytes>(left_, input.size());
  const Piece piece{.offset = place_, .bytes = input.first(length)};
  input = input.subspan(length);
  place_ += length;
  left_ -= length;
  if (state_ == State::kBody && left_ == 0) {
    state_ = State::kBodyEnd;
  }
  return piece;
}

bool MultipartReader::GatherLine(ByteSpan& input) {
  const auto text = AsText(input);
  const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
  head_ += end;
  if (head_ > kMaxPartHead) {
    Refuse("more than " + FormatBytes(kMaxPartHead) + " around a part");
  }
  line_ += text.substr(0, end);
  input = input.subspan(end);
  return line_.ends_with('\n');
}

void MultipartReader::TakeLine(std::string_view line) {
  if (!line.ends_with("\r\n")) {
    Refuse("a line that does not end as lines do, \"" + ShowText(line) + "\"");
  }
  line.remove_suffix(2);
  if (state_ == State::kHeaders) {
    TakeHeader(line);
  } else if (state_ == State::kBoundary) {
    TakeBoundary(line);
  } else if (line.empty()) {
    state_ = State::kBoundary;
  } else {
    Refuse("a part is longer than it says");
  }
}

void MultipartReader::TakeBoundary(std::string_view line) {
  // Apache and nginx begin with an empty line.
  if (line.empty()) {
    return;
  }
  line = line.substr(0, line.find_last_not_of(kBlanks) + 1);
  if (line == boundary_ + "--") {
    state_ = State::kEnd;
  } else if (line == boundary_) {
    state_ = State::kHeaders;
    part_range_.clear();
  } else {
    Refuse("\"" + ShowText(line) + "\" in the place of a boundary");
  }
}

void MultipartReader::TakeHeader(std::string_view line) {
  if (line.empty()) {
    BeginPart();
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) {
    Refuse("\"" + ShowText(line) + "\" in the place of a header");
  }
  if (IsSame(line.substr(0, colon), "content-range")) {
    part_range_ = Trim(line.substr(colon + 1));
  }
}

void MultipartReader::BeginPart() {
  if (next_ == asked_.size()) {
    Refuse("more parts than were asked for");
  }
  const auto range = ParseContentRange(part_range_, size_);
  const auto begin = asked_.begin() + static_cast<std::ptrdiff_t>(next_);
  const auto last = std::find_if(begin, asked_.end(), [&](const ByteRange& one) {
    return range && one.offset + (one.length - 1) == range->offset + (range->length - 1);
  });
  if (!range || range->offset != begin->offset || last == asked_.end()) {
    Refuse("asked for the bytes from " + std::to_string(begin->offset) + " on, and got \"" +
           ShowText(part_range_) + "\"");
  }
  next_ = static_cast<std::size_t>(last - asked_.begin()) + 1;
  place_ = range->offset;
  left_ = range->length;
  head_ = 0;
  state_ = State::kBody;
}

}  // namespace ros::registry
