#include "init/boot_check.hpp"

#include "base/slot.hpp"

namespace ros::init {
namespace {

using health::BootCheck;

constexpr std::string_view kUnifiedKernel = "uki";
constexpr std::size_t kShownDigits = 12;

std::string DifferenceText(const health::BootArguments& arguments, const RootIdentity& root) {
  const auto told = RootOf(arguments);
  if (told.root_hash == root.root_hash) {
    return "the kernel arguments of " + SlotText(arguments.slot) +
           " name another salt, length or file system of the root than was signed";
  }
  return "the kernel arguments of " + SlotText(arguments.slot) + " name the root hash " +
         told.root_hash.substr(0, kShownDigits) + "... and not the one that was signed, " +
         root.root_hash.substr(0, kShownDigits) + "...";
}

}  // namespace

RootIdentity RootOf(const health::BootArguments& arguments) {
  return {.root_hash = arguments.verity_root_hash,
          .salt = arguments.verity_salt,
          .blocks = arguments.verity_blocks,
          .file_system = arguments.root_file_system};
}

void SetRoot(health::BootArguments& arguments, const RootIdentity& root) {
  arguments.verity_root_hash = root.root_hash;
  arguments.verity_salt = root.salt;
  arguments.verity_blocks = root.blocks;
  arguments.root_file_system = root.file_system;
}

RootDecision DecideRoot(const health::BootArguments& arguments,
                        const SlotFinding& finding,
                        const std::function<bool(const RootIdentity&)>& holds) {
  if (finding.root == RootOf(arguments)) {
    return {.check = BootCheck::kVerified, .text = "signed by " + finding.signers};
  }
  const auto why = finding.root ? DifferenceText(arguments, *finding.root)
                                : "what " + SlotText(arguments.slot) +
                                      " was started from is not verified: " + finding.problem;
  if (arguments.trial) {
    return {.choice = RootChoice::kGiveUp, .check = BootCheck::kNotVerified, .text = why};
  }
  if (finding.root && arguments.loader == kUnifiedKernel) {
    return {.check = BootCheck::kNotVerified,
            .text = why + "; those of a unified kernel count, which its owner has signed"};
  }
  if (finding.root && holds(*finding.root)) {
    return {.choice = RootChoice::kSigned,
            .check = BootCheck::kSignedRootUsed,
            .text = why + "; the signed one is used"};
  }
  return {.check = BootCheck::kNotVerified,
          .text = why + (finding.root ? ", which is not what the partition holds" : "") +
                  "; going on with the root of the arguments"};
}

}  // namespace ros::init
