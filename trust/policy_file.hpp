#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "trust/policy.hpp"

namespace ros::trust {

// Limits on what is read.
inline constexpr Bytes kMaxPolicySize = Bytes{32} << 10U;
inline constexpr std::size_t kMaxRevoked = 128;  // keys, and as many digests
inline constexpr std::uint32_t kMaxThreshold = 64;

// Where a policy's `file: release.pub` is looked for: beside the policy when a person writes one; a
// policy that came with an image names no files.
enum class KeyFiles { kRefused, kBesidePolicy };

// Reads a trust policy (docs/trust.md, "trust.yml"). `file` names it in messages, and is the path
// that key files are beside. Throws kUsage "FILE:LINE:COLUMN: why" for text that does not parse, a
// key or rule that is not known (one that is not understood cannot be kept), the same key or name
// twice, a threshold that more keys are needed for than its role has, and each limit.
Policy ParsePolicy(std::string_view text,
                   std::string_view file,
                   KeyFiles files = KeyFiles::kRefused);

// Reads a machine's own file: the rules of a policy, without keys. Throws as above, for keys with a
// sentence about where keys come from.
Restrictions ParseRestrictions(std::string_view text, std::string_view file);

// The text of a policy, always the same bytes for the same value; ParsePolicy reads it back.
std::string FormatPolicy(const Policy& policy);
std::string FormatRestrictions(const Restrictions& restrictions);

}  // namespace ros::trust
