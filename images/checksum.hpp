#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace ros::images {

// Tells whether bytes are still what they were: XXH3 of 64 bits, some ten times as fast as SHA-256.
// It finds what a disk or memory has changed, and is of no use against somebody who wants to
// deceive. Never stored: other versions of it may have other values.
using Checksum = std::uint64_t;

Checksum ChecksumOf(ByteSpan bytes);

}  // namespace ros::images
