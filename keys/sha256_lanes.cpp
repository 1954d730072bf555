#include "keys/sha256_lanes.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#include <cstdlib>

namespace ros::keys {

const Sha256Words kSha256Start = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

#if defined(__x86_64__)

namespace {

// Section 4.2.2.
alignas(16) constexpr std::array<std::uint32_t, 64> kRoundConstants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

#define ROS_SHA_TARGET __attribute__((target("sha,sse4.1,ssse3")))
#define ROS_SHA_INLINE ROS_SHA_TARGET __attribute__((always_inline)) inline

// One message's state as the instructions want it, and its last 16 words.
struct Lane {
  __m128i abef;
  __m128i cdgh;
  __m128i words[4];  // NOLINT: a vector type with attributes is no template argument
};

ROS_SHA_INLINE __m128i Load(const void* from) {
  return _mm_loadu_si128(static_cast<const __m128i*>(from));
}

ROS_SHA_INLINE void LoadState(Lane& lane, const Sha256Words& words) {
  const auto dcba = Load(words.data());
  const auto hgfe = Load(words.data() + 4);
  const auto cdab = _mm_shuffle_epi32(dcba, 0xB1);
  const auto efgh = _mm_shuffle_epi32(hgfe, 0x1B);
  lane.abef = _mm_alignr_epi8(cdab, efgh, 8);
  lane.cdgh = _mm_blend_epi16(efgh, cdab, 0xF0);
}

ROS_SHA_INLINE void StoreState(const Lane& lane, Sha256Words& words) {
  const auto feba = _mm_shuffle_epi32(lane.abef, 0x1B);
  const auto dchg = _mm_shuffle_epi32(lane.cdgh, 0xB1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(words.data()), _mm_blend_epi16(feba, dchg, 0xF0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(words.data() + 4), _mm_alignr_epi8(dchg, feba, 8));
}

ROS_SHA_INLINE void LoadWords(Lane& lane, const std::byte* data) {
  const auto big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  for (int i = 0; i < 4; ++i) {
    lane.words[i] = _mm_shuffle_epi8(Load(data + std::ptrdiff_t{16} * i), big_endian);
  }
}

// Rounds 4*kStep to 4*kStep + 3, and what of the message schedule can be done beside them.
template <int kStep>
ROS_SHA_INLINE void FourRounds(Lane& lane) {
  auto& now = lane.words[kStep % 4];
  auto& next = lane.words[(kStep + 1) % 4];
  auto& last = lane.words[(kStep + 3) % 4];
  const auto sum = _mm_add_epi32(now, Load(kRoundConstants.data() + std::ptrdiff_t{4} * kStep));
  lane.cdgh = _mm_sha256rnds2_epu32(lane.cdgh, lane.abef, sum);
  if constexpr (kStep >= 3 && kStep <= 14) {
    next = _mm_sha256msg2_epu32(_mm_add_epi32(next, _mm_alignr_epi8(now, last, 4)), now);
  }
  lane.abef = _mm_sha256rnds2_epu32(lane.abef, lane.cdgh, _mm_shuffle_epi32(sum, 0x0E));
  if constexpr (kStep >= 1 && kStep <= 12) {
    last = _mm_sha256msg1_epu32(last, now);
  }
}

template <int kStep = 0>
ROS_SHA_INLINE void AllRounds(Lane& first, Lane& second) {
  FourRounds<kStep>(first);
  FourRounds<kStep>(second);
  if constexpr (kStep < 15) {
    AllRounds<kStep + 1>(first, second);
  }
}

ROS_SHA_INLINE void AddState(Lane& lane, const Lane& before) {
  lane.abef = _mm_add_epi32(lane.abef, before.abef);
  lane.cdgh = _mm_add_epi32(lane.cdgh, before.cdgh);
}

}  // namespace

bool HasSha256Lanes() {
  static const bool kHasThem = [] {
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    const bool has_sha =
        __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & bit_SHA) != 0;
    const bool has_sse = __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_SSSE3) != 0 &&
                         (ecx & bit_SSE4_1) != 0;
    return has_sha && has_sse;
  }();
  return kHasThem;
}

ROS_SHA_TARGET void CompressLanes(Sha256Words& first,
                                  const std::byte* first_data,
                                  Sha256Words& second,
                                  const std::byte* second_data,
                                  std::size_t blocks) {
  Lane one{};
  Lane two{};
  LoadState(one, first);
  LoadState(two, second);
  for (; blocks > 0; --blocks) {
    const Lane one_before = one;
    const Lane two_before = two;
    LoadWords(one, first_data);
    LoadWords(two, second_data);
    AllRounds(one, two);
    AddState(one, one_before);
    AddState(two, two_before);
    first_data += kSha256BlockSize;
    second_data += kSha256BlockSize;
  }
  StoreState(one, first);
  StoreState(two, second);
}

#else

bool HasSha256Lanes() {
  return false;
}

void CompressLanes(Sha256Words& /*first*/,
                   const std::byte* /*first_data*/,
                   Sha256Words& /*second*/,
                   const std::byte* /*second_data*/,
                   std::size_t /*blocks*/) {
  std::abort();  // the caller did not ask HasSha256Lanes()
}

#endif

}  // namespace ros::keys
