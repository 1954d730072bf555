#pragma once

#include <cstdint>
#include <string>

namespace ros::init {

// What the kernel does when a block does not match its hash.
enum class OnCorruption {
  kError,    // the read fails
  kRestart,  // the machine restarts at once (on a trial)
};

// A dm-verity device over one partition: data first, the hash tree right after it, no superblock,
// SHA-256, blocks of 4096 bytes.
struct VerityTable {
  std::string device;  // "259:2"
  std::uint64_t blocks = 0;
  std::string root_hash;  // hex
  std::string salt;       // hex, may be empty
  OnCorruption on_corruption = OnCorruption::kError;
};

// The target's parameters (Documentation/admin-guide/device-mapper/verity.rst).
std::string VerityParameters(const VerityTable& table);

// Makes the read-only device `name` through /dev/mapper/control. Returns its node, "/dev/dm-0".
// Throws kFailed.
std::string CreateVerityDevice(const std::string& name, const VerityTable& table);

// Whether the root hash is that of the tree on the partition, found out by reading the first block
// through dm-verity, which must be loaded. What cannot be read does not match.
bool MatchesRootHash(const VerityTable& table);

// Whether dm-verity has found a block that does not match.
bool IsCorrupted(const std::string& name);

}  // namespace ros::init
