#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ros::keys {

// SHA-256's compression function (FIPS 180-4, section 6.2.2) on two messages side by side. One
// message alone leaves a core's SHA unit idle more than half of the time, since each round waits
// for the one before it (docs/decisions, "Two lanes of SHA-256"). OpenSSL has no such function.

using Sha256Words = std::array<std::uint32_t, 8>;

inline constexpr std::size_t kSha256BlockSize = 64;

// The state that every message begins with (section 5.3.3).
extern const Sha256Words kSha256Start;

// Whether this machine can do it (x86 with the SHA extensions). Without it use Sha256.
bool HasSha256Lanes();

// `first` and `second` are after that many blocks of 64 bytes from `first_data` and `second_data`.
// Only where HasSha256Lanes().
void CompressLanes(Sha256Words& first,
                   const std::byte* first_data,
                   Sha256Words& second,
                   const std::byte* second_data,
                   std::size_t blocks);

}  // namespace ros::keys
