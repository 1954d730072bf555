#include "images/checksum.hpp"

#include <xxhash.h>

namespace ros::images {

Checksum ChecksumOf(ByteSpan bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace ros::images
