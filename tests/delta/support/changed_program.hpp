#pragma once

#include <string>

#include "base/bytes.hpp"

namespace ros::delta::fakes {

// Bytes that look like a program: instructions, and every 16 bytes an address of four bytes. With
// `moved` all addresses are larger by that much, as when something grew before them.
std::string MakeProgram(Bytes size, unsigned seed, unsigned moved = 0);

// Bytes that cannot be packed.
std::string MakeNoise(Bytes size, unsigned seed);

}  // namespace ros::delta::fakes
