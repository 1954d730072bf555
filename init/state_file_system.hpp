#pragma once

#include <functional>
#include <string>

#include "base/bytes.hpp"

namespace ros::init {

// What the superblock of an ext4 file system says (the 1024 bytes at offset 1024 of the device).
enum class Ext4Health {
  kFine,     // a journal that needs replaying is fine: mounting does that
  kErrors,   // the kernel met errors, or it was not closed well: e2fsck first
  kUnknown,  // no superblock of ext4
};

Ext4Health InspectSuperblock(ByteSpan superblock);

// Mounts the state partition `device` at kStateDirectory. Where its superblock asks for it, or the
// mount fails, `e2fsck -p` of the root at kRootDirectory repairs it first. Returns what was
// repaired or passed over, as a sentence for the journal, empty as a rule. `tick` is called while a
// check moves, which may take half an hour at most. Throws kFailed.
std::string MountState(const std::string& device, const std::function<void()>& tick);

}  // namespace ros::init
