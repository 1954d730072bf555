#include "tests/delta/support/changed_program.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>

namespace ros::delta::fakes {

std::string MakeProgram(Bytes size, unsigned seed, unsigned moved) {
  constexpr Bytes kStride = 16;
  std::mt19937 random(seed);
  std::string program(size, '\0');
  for (Bytes at = 0; at + kStride <= size; at += kStride) {
    for (Bytes i = 4; i < kStride; i += 4) {
      const auto instruction = static_cast<std::uint32_t>(random());
      std::memcpy(program.data() + at + i, &instruction, sizeof instruction);
    }
    const auto address = static_cast<std::uint32_t>(random() % size) + moved;
    std::memcpy(program.data() + at, &address, sizeof address);
  }
  return program;
}

std::string MakeNoise(Bytes size, unsigned seed) {
  std::mt19937 random(seed);
  std::string noise(size, '\0');
  std::ranges::generate(noise, [&] { return static_cast<char>(random()); });
  return noise;
}

}  // namespace ros::delta::fakes
