#include "bootloader/kernel_command_line.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.hpp"
#include "base/shown_text.hpp"

namespace ros::bootloader {
namespace {

// x86 kernels take 2047 characters. Boot loaders put BOOT_IMAGE= in front and add one of ours.
constexpr std::size_t kLongestCommandLine = 2000;
// Of a UUID that GRUB puts in the place of a variable (whose own name is counted too).
constexpr std::size_t kUuidLength = 36;
constexpr std::size_t kSha256HexLength = 64;
constexpr std::size_t kLongestSalt = 512;

// A word of an image or a machine comes after ours, and the kernel takes the last one: none may be
// said twice. `panic` makes a kernel that dies before the watchdog is armed start again; a boot
// parameter can also set it as the sysctl that it is.
constexpr std::array<std::string_view, 13> kOurArguments = {"ros.slot",
                                                            "ros.loader",
                                                            "ros.boot",
                                                            "ros.root",
                                                            "ros.state",
                                                            "ros.verity",
                                                            "ros.fs",
                                                            "ros.watchdog",
                                                            "ros.trial",
                                                            "ros.fell",
                                                            "panic",
                                                            "sysctl.kernel.panic",
                                                            "systemd.gpt_auto"};

bool IsHex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool IsLetterOrDigit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool IsArgumentCharacter(char c) {
  return IsLetterOrDigit(c) ||
         (c != '\0' && std::string_view("_-.,:=/@%+~[]!^*?").find(c) != std::string_view::npos);
}

[[noreturn]] void CannotBe(std::string_view what, std::string_view value) {
  throw Error(ErrorKind::kFailed,
              std::string(what) + " of a boot entry cannot be '" + ShowText(value) + "'");
}

const std::string& CheckedHex(std::string_view what, const std::string& value, std::size_t length) {
  if (value.size() != length || value.empty() || !std::ranges::all_of(value, IsHex)) {
    CannotBe(what, value);
  }
  return value;
}

const std::string& CheckedName(std::string_view what, const std::string& value) {
  if (value.empty() || !std::ranges::all_of(value, IsLetterOrDigit)) {
    CannotBe(what, value);
  }
  return value;
}

void CheckUuid(const std::string& value) {
  const auto fits = [](char c) { return IsHex(c) || c == '-'; };
  if (value.size() != kUuidLength || !std::ranges::all_of(value, fits)) {
    CannotBe("the UUID of a partition", value);
  }
}

[[noreturn]] void RefuseArgument(ArgumentOrigin origin,
                                 std::string_view argument,
                                 std::string_view why) {
  const bool from_image = origin == ArgumentOrigin::kImage;
  throw Error(from_image ? ErrorKind::kVerification : ErrorKind::kUsage,
              std::string("kernel argument '") + ShowText(argument) + "'" +
                  (from_image ? " of the image " : " ") + std::string(why));
}

void CheckKernelArgument(std::string_view argument, ArgumentOrigin origin) {
  if (argument.empty()) {
    RefuseArgument(origin, argument, "is empty");
  }
  const auto bad = std::ranges::find_if_not(argument, IsArgumentCharacter);
  if (bad != argument.end()) {
    RefuseArgument(origin,
                   argument,
                   "has a character that a boot loader entry cannot carry: '" +
                       ShowText(std::string_view(&*bad, 1)) + "'");
  }
  if (argument == "--") {
    RefuseArgument(origin, argument, "would hide the arguments after it from the kernel");
  }
  std::string name(argument.substr(0, argument.find('=')));
  // The kernel takes both between the parts of a sysctl's name; it and systemd take - for _ too.
  std::ranges::replace(name, '/', '.');
  std::ranges::replace(name, '-', '_');
  if (std::ranges::find(kOurArguments, name) != kOurArguments.end()) {
    RefuseArgument(origin, argument, "is set by ros itself");
  }
}

// A unified kernel is the same in both slots: `ros-init` finds out which one it is in.
std::string SlotArgument(const SlotEntry& entry) {
  return entry.loader == LoaderKind::kGrubUki ? "ros.loader=uki"
                                              : "ros.slot=" + std::string(Name(entry.slot));
}

// What comes before the place of `ros.trial=` and `ros.fell=`.
std::vector<std::string> OurArguments(const SlotEntry& entry) {
  const auto verity =
      CheckedHex("the root hash", entry.verity_root_hash, kSha256HexLength) + ":" +
      CheckedHex("the salt", entry.verity_salt, std::min(entry.verity_salt.size(), kLongestSalt)) +
      ":" + std::to_string(entry.verity_data_blocks);
  std::vector<std::string> arguments = {
      SlotArgument(entry),
      "ros.verity=" + verity,
      "ros.fs=" + CheckedName("the file system", entry.file_system),
      "ros.watchdog=" + std::to_string(entry.watchdog_seconds),
      "panic=10",
      "systemd.gpt_auto=0",
  };
  if (entry.loader == LoaderKind::kSyslinux) {
    arguments.emplace_back("ros.loader=syslinux");
  }
  return arguments;
}

std::vector<std::string> TheirArguments(const SlotEntry& entry) {
  CheckKernelArguments(entry.image_arguments, ArgumentOrigin::kImage);
  CheckKernelArguments(entry.machine_arguments, ArgumentOrigin::kMachine);
  if (entry.loader == LoaderKind::kGrubUki && !entry.machine_arguments.empty()) {
    throw Error(
        ErrorKind::kUsage,
        "kernel argument '" + ShowText(entry.machine_arguments.front()) +
            "' of this machine cannot be: the image's arguments are signed with its kernel, "
            "and nothing is added to them; give it to ros image build --append");
  }
  auto arguments = entry.image_arguments;
  arguments.insert(arguments.end(), entry.machine_arguments.begin(), entry.machine_arguments.end());
  return arguments;
}

// Variables that /grub/grub.cfg has asked the disk for, in the place of UUIDs.
PartitionIds GrubPartitions(SlotId slot) {
  return {
      .boot = "$ros_boot", .root = "$ros_root_" + std::string(Name(slot)), .state = "$ros_state"};
}

// With a space between two.
std::string Joined(const KernelArguments& arguments) {
  std::string text;
  for (const auto* part : {&arguments.ours, &arguments.partitions, &arguments.theirs}) {
    for (const auto& argument : *part) {
      text.append(text.empty() ? "" : " ").append(argument);
    }
  }
  return text;
}

void CheckLength(const std::string& line, const std::vector<std::string>& partitions) {
  auto length = line.size();
  for (const auto& argument : partitions) {
    length += argument.find('$') == std::string::npos ? 0 : kUuidLength;
  }
  if (length > kLongestCommandLine) {
    throw Error(ErrorKind::kDoesNotFit,
                "the kernel command line has " + std::to_string(length) +
                    " characters and the kernel takes " + std::to_string(kLongestCommandLine) +
                    "; give fewer or shorter kernel arguments");
  }
}

}  // namespace

KernelArguments ArgumentsOf(const SlotEntry& entry) {
  KernelArguments arguments = {.ours = OurArguments(entry), .theirs = TheirArguments(entry)};
  if (entry.loader != LoaderKind::kGrubUki) {
    const auto ids = entry.partitions.value_or(GrubPartitions(entry.slot));
    arguments.partitions = {
        "ros.boot=" + ids.boot, "ros.root=" + ids.root, "ros.state=" + ids.state};
  }
  CheckLength(Joined(arguments), arguments.partitions);
  return arguments;
}

std::string KernelCommandLine(const SlotEntry& entry) {
  return Joined(ArgumentsOf(entry));
}

std::string TrialCommandLine(const SlotEntry& entry,
                             const PartitionIds& partitions,
                             int tries_left) {
  for (const auto* id : {&partitions.boot, &partitions.root, &partitions.state}) {
    CheckUuid(*id);
  }
  auto here = entry;
  here.partitions = partitions;
  auto arguments = ArgumentsOf(here);
  arguments.partitions.push_back("ros.trial=" + std::to_string(tries_left));
  return Joined(arguments);
}

void CheckKernelArguments(const std::vector<std::string>& arguments, ArgumentOrigin origin) {
  for (const auto& argument : arguments) {
    CheckKernelArgument(argument, origin);
  }
}

}  // namespace ros::bootloader
