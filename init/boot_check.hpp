#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "health/boot_arguments.hpp"
#include "health/journal.hpp"
#include "init/partition_wait.hpp"

// What the kernel arguments say of the root, compared with what is signed (docs/security.md,
// "Verified at boot").
namespace ros::init {

// The root that an image's config describes; as in health::BootArguments.
struct RootIdentity {
  std::string root_hash;
  std::string salt;
  std::uint64_t blocks = 0;
  std::string file_system;

  bool operator==(const RootIdentity&) const = default;
};

RootIdentity RootOf(const health::BootArguments& arguments);
void SetRoot(health::BootArguments& arguments, const RootIdentity& root);

// What was found in the slot's folder on the boot partition.
struct SlotFinding {
  std::optional<RootIdentity> root;  // the signed one, where a signature verified
  std::string signers;               // by whom
  std::string problem;               // why there is none
};

// Looks into the slot that the arguments name. None where the initrd has no keys: no check. An
// empty function: a ros-init that cannot.
using SlotVerifier = std::function<std::optional<SlotFinding>(
    const health::BootArguments& arguments, const BootPartitions& partitions)>;

// The one that was linked into this program.
SlotVerifier LinkedSlotVerifier();

enum class RootChoice { kOfArguments, kSigned, kGiveUp };

struct RootDecision {
  RootChoice choice = RootChoice::kOfArguments;
  health::BootCheck check = health::BootCheck::kVerified;
  std::string text;  // a sentence, for console and journal
};

// A trial is given up for anything that is not as it was signed. A good slot goes on, for a damaged
// small file must not take the only system away: with the signed root where that is what the
// partition `holds`, which is asked for that alone; else with that of the arguments. Those of a
// unified kernel are signed with it and are never replaced: what lies on the boot partition may be
// older. Pure but for what is asked.
RootDecision DecideRoot(const health::BootArguments& arguments,
                        const SlotFinding& finding,
                        const std::function<bool(const RootIdentity&)>& holds);

}  // namespace ros::init
