#include "base/memory.hpp"

#include <malloc.h>

namespace ros {

void GiveLargeBuffersBack() {
  // glibc's own beginning, which grows unless it is set.
  constexpr int kLargeBuffer = 128 * 1024;
  static_cast<void>(::mallopt(M_MMAP_THRESHOLD, kLargeBuffer));
}

}  // namespace ros
