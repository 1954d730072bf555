#include <algorithm>

#include "fuzz/target.hpp"
#include "registry/challenge.hpp"

namespace ros::fuzz {
namespace {

bool IsName(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != ',' && c != '=' && (c < 'A' || c > 'Z');
  });
}

// All values quoted: what RFC 9110, section 11.6.1, can say of any value.
std::string Write(const std::vector<registry::Challenge>& challenges) {
  std::string text;
  for (const auto& challenge : challenges) {
    text += (text.empty() ? "" : ", ") + challenge.scheme;
    const char* separator = " ";
    for (const auto& [name, value] : challenge.parameters) {
      text += separator + name + "=\"";
      for (const char c : value) {
        text += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
      }
      text += '"';
      separator = ",";
    }
  }
  return text;
}

}  // namespace

void Run(ByteSpan input) {
  const auto challenges = registry::ParseChallenges(AsText(input));
  std::size_t size = 0;
  for (const auto& challenge : challenges) {
    Expect(IsName(challenge.scheme), "a scheme is a name in lower case");
    size += challenge.scheme.size();
    for (const auto& [name, value] : challenge.parameters) {
      Expect(IsName(name), "a parameter has a name in lower case");
      size += name.size() + value.size();
    }
  }
  Expect(size <= input.size(), "there is no more than was read");
  Expect(registry::ParseChallenges(Write(challenges)) == challenges,
         "what is written is read back the same");
}

std::vector<Seed> Seeds() {
  return {{"bearer",
           "Bearer realm=\"https://auth.example/token\",service=\"registry\","
           "scope=\"repository:os:pull,push\""},
          {"several", "Negotiate, Basic realm=\"a \\\"b\\\"\" , , bearer Realm=x"},
          {"token68", "NTLM TlRMTVNTUA==, Basic"}};
}

}  // namespace ros::fuzz
