#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace ros::partitions {

// struct ext4_super_block (Documentation/filesystems/ext4/super.rst): where it is in the file
// system, and the fields in it that more than one reader wants.
inline constexpr Bytes kExt4Superblock = 1024;
inline constexpr std::size_t kExt4MagicPlace = 0x38;         // u16
inline constexpr std::size_t kExt4StatePlace = 0x3a;         // u16
inline constexpr std::size_t kExt4IncompatiblePlace = 0x60;  // u32: features

inline constexpr std::uint16_t kExt4Magic = 0xef53;
// Of the state.
inline constexpr std::uint16_t kExt4Valid = 1;
inline constexpr std::uint16_t kExt4HasErrors = 2;

}  // namespace ros::partitions
