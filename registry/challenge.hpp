#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ros::registry {

// One way to sign in that a server offers (RFC 9110, section 11.3).
struct Challenge {
  std::string scheme;                             // in lower case: "bearer", "basic"
  std::map<std::string, std::string> parameters;  // names in lower case

  bool operator==(const Challenge&) const = default;
};

// Reads the value of a WWW-Authenticate header (RFC 9110, section 11.6.1). What is malformed ends
// it: those before are kept.
std::vector<Challenge> ParseChallenges(std::string_view value);

}  // namespace ros::registry
