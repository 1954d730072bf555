#pragma once

namespace ros {

// From now on a large buffer goes back to the system when it is freed (mallopt(3),
// M_MMAP_THRESHOLD). By itself glibc keeps the place of one that was freed for the next, so that
// phases that need different buffers have all of them together. For the start of main.
void GiveLargeBuffersBack();

}  // namespace ros
