#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/bytes.hpp"

namespace ros::bootloader {

// The auxiliary data vector (ADV) of syslinux: a sector of tagged texts, of which the last two
// sectors of ldlinux.sys are two copies (syslinux 6.04, core/adv.inc and libinstaller/setadv.c).
inline constexpr Bytes kAdvSize = 512;

// Tags with their texts of 1 to 255 bytes. Tag 0 ends the vector and is none.
using AdvTags = std::map<std::uint8_t, std::string>;

// syslinux boots the label in it, with what follows as further kernel arguments, and erases the tag
// (and no other) before it loads anything.
inline constexpr std::uint8_t kAdvBootOnce = 1;
// Ours; syslinux 6.04 uses 1 and 2.
inline constexpr std::uint8_t kAdvRosState = 0x72;

// The sector. Throws kFailed for a text that is empty or longer than 255 bytes, kDoesNotFit when
// the texts are longer than the sector.
std::string FormatAdv(const AdvTags& tags);

// The tags in a sector of kAdvSize bytes, from anywhere. Throws kFailed with the reason when
// syslinux would not take it (a magic number, the checksum), when a tag is longer than the sector,
// or is there twice.
AdvTags ParseAdv(ByteSpan sector);

}  // namespace ros::bootloader
