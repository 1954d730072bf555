#pragma once

#include <filesystem>

#include "base/block_device.hpp"
#include "base/slot.hpp"
#include "init/boot_check.hpp"
#include "keys/trust_store.hpp"

namespace ros::init {

// The keys in the initrd (docs/initrd-format.md).
inline constexpr const char* kKeyDirectory = "/keys";

// Reads MANIFEST, SIGS and CONFIG of the slot from its boot partition, without mounting it, and
// verifies them: a signature of one of these keys over the manifest's digest, and the config as the
// manifest names it. What is wrong is the finding's problem; throws nothing but for memory. Writes
// nothing.
SlotFinding VerifySlot(const Region& boot, SlotId slot, const keys::TrustStore& keys);

// That with the keys in `directory`, on the partitions that were found; the boot partition is the
// one of the arguments on the root's disk. None where there is no such directory.
std::optional<SlotFinding> VerifyWithKeysIn(const std::filesystem::path& directory,
                                            const health::BootArguments& arguments,
                                            const BootPartitions& partitions);

}  // namespace ros::init
