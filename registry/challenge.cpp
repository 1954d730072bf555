#include "registry/challenge.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace ros::registry {
namespace {

constexpr std::string_view kWhite = " \t";

// tchar of RFC 9110, section 5.6.2, and what a token68 has besides.
bool IsTokenCharacter(char c) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~/";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kOthers.find(c) != std::string_view::npos;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool AtEnd() const { return rest_.empty(); }

  void SkipWhite() { rest_.remove_prefix(std::min(rest_.find_first_not_of(kWhite), rest_.size())); }

  // Commas and white space between the members of a list.
  void SkipCommas() {
    SkipWhite();
    while (Take(',')) {
      SkipWhite();
    }
  }

  void SkipPadding() { rest_.remove_prefix(std::min(rest_.find_first_not_of('='), rest_.size())); }

  bool Take(char c) {
    if (!rest_.starts_with(c)) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }

  std::string TakeToken() {
    const auto end = std::ranges::find_if_not(rest_, IsTokenCharacter);
    std::string token(rest_.begin(), end);
    rest_.remove_prefix(token.size());
    return token;
  }

  // A quoted-string without its quotes; none where it does not end.
  std::optional<std::string> TakeQuoted() {
    std::string text;
    while (!rest_.empty()) {
      char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') {
        return text;
      }
      if (c == '\\' && !rest_.empty()) {
        c = rest_.front();
        rest_.remove_prefix(1);
      }
      text += c;
    }
    return std::nullopt;
  }

 private:
  std::string_view rest_;
};

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

}  // namespace

std::vector<Challenge> ParseChallenges(std::string_view value) {
  std::vector<Challenge> challenges;
  Reader reader(value);
  for (reader.SkipCommas(); !reader.AtEnd(); reader.SkipCommas()) {
    auto name = Lower(reader.TakeToken());
    if (name.empty()) {
      break;
    }
    reader.SkipWhite();
    if (!reader.Take('=')) {
      challenges.push_back({.scheme = std::move(name), .parameters = {}});
      continue;
    }
    reader.SkipWhite();
    const bool quoted = reader.Take('"');
    auto text = quoted ? reader.TakeQuoted() : reader.TakeToken();
    if (challenges.empty() || !text) {
      break;
    }
    if (!quoted && text->empty()) {
      // No parameter but a token68, which `=` fills up.
      reader.SkipPadding();
      continue;
    }
    challenges.back().parameters.emplace(std::move(name), std::move(*text));
  }
  return challenges;
}

}  // namespace ros::registry
