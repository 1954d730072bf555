#include "bootloader/grub_config.hpp"

#include <algorithm>
#include <initializer_list>

#include "base/error.hpp"

namespace ros::bootloader {
namespace {

const std::string& CheckedDigest(const std::string& digest) {
  constexpr std::size_t kLength = 64;
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  if (digest.size() != kLength || digest.find_first_not_of(kHexDigits) != std::string::npos) {
    throw Error(ErrorKind::kFailed, "a digest for SUMS is not 64 hex digits");
  }
  return digest;
}

// In single quotes, GRUB takes each character as it is; checked before to hold none. In double
// quotes, it puts the values of variables in.
constexpr std::string_view kAsItIs = "'";
constexpr std::string_view kWithVariables = "\"";

std::string Joined(const std::vector<std::string>& arguments, std::string_view quote) {
  std::string text;
  for (const auto& argument : arguments) {
    text.append(" ").append(quote).append(argument).append(quote);
  }
  return text;
}

// How a script begins that has a number.
constexpr std::string_view kScriptMark = "# ros-script ";

// The scripts, in pieces that both have and pieces that one has. No arithmetic in GRUB: counting
// down is a chain of ifs, made here. kState stands for the directory of the boot state.
constexpr std::string_view kState = "@STATE@";

constexpr std::string_view kMainHead =
    R"(# ros-script 2
# The boot loader's rule of ros; docs/boot-state.md tells what it does, and the state is in grubenv and
# grubenv2. Changed as a whole by `ros upgrade --bootloader`, and by nothing else.
)";

constexpr std::string_view kOwnerHead =
    R"(# The boot loader's rule of ros for unified kernels, inside a GRUB that its owner has signed; docs/boot-state.md.
# What it reads from the disk chooses between slots and says nothing else: nothing of the disk is
# sourced, and prefix stays in the image, so that no module is looked for there.
)";

constexpr std::string_view kConsole = R"(
if serial --unit=0 --speed=115200; then
  terminal_input console serial
  terminal_output console serial
fi
if [ -n "$ros_loader" ]; then echo "ros: GRUB $ros_loader"; fi
)";

constexpr std::string_view kMainDisk = R"(
# The partitions of the disk that GRUB was started from, for the slots' entries. Which copy of a disk
# this is, that disk alone knows.
regexp --set=1:ros_disk '^([^,]+),' "$root"
probe --set=ros_boot --part-uuid ($ros_disk,gpt2)
probe --set=ros_root_a --part-uuid ($ros_disk,gpt3)
probe --set=ros_root_b --part-uuid ($ros_disk,gpt4)
probe --set=ros_state --part-uuid ($ros_disk,gpt5)
)";

constexpr std::string_view kOwnerDisk = R"(
# The boot partition is that of the disk that GRUB was started from.
regexp --set=1:ros_disk '^\(([^,]+),' "$cmdpath"
set root="$ros_disk,gpt2"
# No user has a password: the menu can be chosen from, and neither edited nor left for a prompt.
set superusers=nobody
)";

constexpr std::string_view kRead = R"(
# ros_read FILE: the boot state in FILE; ros_sound=1 when it is not damaged.
function ros_read {
  set ros_sound=0
  set ros_good=
  set ros_trial=
  set ros_tries=
  set ros_started=
  set ros_check=
  load_env -f "$1" ros_good ros_trial ros_tries ros_started ros_check
  if [ "$ros_check" = "$ros_good,$ros_trial,$ros_tries,$ros_started" ]; then
    if [ "$ros_good,$ros_trial" = "a,none" ]; then set ros_sound=1; fi
    if [ "$ros_good,$ros_trial" = "b,none" ]; then set ros_sound=1; fi
    if [ "$ros_good,$ros_trial" = "a,b" ]; then set ros_sound=1; fi
    if [ "$ros_good,$ros_trial" = "b,a" ]; then set ros_sound=1; fi
  fi
}
)";

constexpr std::string_view kMainBoot = R"(
# ros_compare SLOT: sets ros_whole=1 when its files have the digests of its sums. Debian's signed GRUB
# cannot tell (ros_signed=1); under Secure Boot it takes no kernel that is not signed as it is, and
# initrd and entry go unchecked.
function ros_compare {
  set ros_whole="$ros_signed"
  if [ "$ros_whole" = 1 ]; then
    echo "ros: this GRUB is signed, digests are not compared"
  else
    if hashsum --hash sha256 --check "/$1/sums" --prefix "/$1"; then set ros_whole=1; fi
  fi
}

# ros_boot SLOT [ARGUMENT]: starts the slot, or returns when it does not load.
function ros_boot {
  set ros_args="$2"
  set ros_loaded=0
  echo "ros: slot $1 $2"
  if [ "$ros_kernel" = 1 ]; then
    # GRUB 2.06 frees the command line of a second kernel together with the first kernel. Another
    # loader in between (it is never started) makes it forget the first one before.
    if [ "$grub_platform" = efi ]; then
      chainloader /EFI/BOOT/BOOTX64.EFI
    else
      chainloader --force +1
    fi
    set ros_kernel=0
  fi
  if [ -s "/$1/kernel" -a -s "/$1/initrd" -a -s "/$1/grub.cfg" -a -s "/$1/sums" ]; then
    ros_compare "$1"
    if [ "$ros_whole" = 1 ]; then
      source "/$1/grub.cfg"
      if [ "$ros_loaded" = 1 ]; then boot; fi
    fi
  fi
  echo "ros: slot $1 does not load"
}
)";

constexpr std::string_view kOwnerBoot = R"(
# ros_note SLOT [ARGUMENT]: leaves word for ros-init, which a unified kernel cannot be told by its
# arguments. Nothing is written when the state says so already.
function ros_note {
  set ros_wanted="$1,$2"
  set ros_booting=
  load_env -f "@STATE@/grubenv" ros_booting
  if [ -z "$2" -a -z "$ros_booting" ]; then set ros_wanted=; fi
  if [ "$ros_booting" != "$ros_wanted" ]; then
    set ros_booting="$ros_wanted"
    save_env -f "@STATE@/grubenv" ros_booting
  fi
}

# ros_boot SLOT [ARGUMENT]: starts the slot, or returns when it does not load. The sums find damage;
# who has signed the kernel, the firmware asks.
function ros_boot {
  echo "ros: slot $1 $2"
  if [ -s "/$1/linux.efi" -a -s "/$1/sums" ]; then
    if hashsum --hash sha256 --check "/$1/sums" --prefix "/$1"; then
      if chainloader "/$1/linux.efi"; then
        ros_note "$1" "$2"
        boot
      fi
    fi
  fi
  echo "ros: slot $1 does not load"
}
)";

constexpr std::string_view kTakeTry = R"(
# Takes one try off and reads it back: a try that cannot be counted is not made.
function ros_take_try {
  set ros_candidate="$ros_trial"
  set ros_tries="$ros_left"
  set ros_started=1
  set ros_check="$ros_good,$ros_trial,$ros_tries,$ros_started"
  set ros_taken="$ros_check"
  save_env -f "@STATE@/grubenv" ros_tries ros_started ros_check
  ros_read "@STATE@/grubenv"
  if [ "$ros_sound,$ros_check" = "1,$ros_taken" ]; then
    set ros_first="$ros_candidate"
    set ros_arg="ros.trial=$ros_left"
  else
    echo "ros: the try of slot $ros_candidate could not be counted"
  fi
}

# Sets ros_first, the slot to start with, and ros_arg.
function ros_choose {
  set ros_first=a
  set ros_arg=
  ros_read "@STATE@/grubenv"
  if [ "$ros_sound" = 0 ]; then
    echo "ros: /grub/grubenv is damaged, going by /grub/grubenv2"
    ros_read "@STATE@/grubenv2"
    set ros_trial=none
  fi
  if [ "$ros_sound" = 0 ]; then
    echo "ros: /grub/grubenv2 is damaged too, looking for a slot that is whole"
  else
    set ros_first="$ros_good"
  fi
  set ros_left=
  if [ "$ros_sound" = 1 -a "$ros_trial" != none ]; then
)";

constexpr std::string_view kRun = R"(  fi
  if [ -n "$ros_left" ]; then ros_take_try; fi
}

# A person who holds shift gets the menu, and no try is taken.
if keystatus --shift; then
  echo "ros: shift is held"
else
  ros_choose
  if [ "$ros_first" = a ]; then set ros_other=b; else set ros_other=a; fi
  ros_boot "$ros_first" "$ros_arg"
  ros_boot "$ros_other" "ros.fell=$ros_first"
  echo "ros: neither slot loads"
)";

constexpr std::string_view kMenuSettings = R"(fi

set default=2
set timeout=30
)";

// Without a password nobody could leave the prompt that GRUB ends at when it could not make a menu.
constexpr std::string_view kOwnerEnd = R"(  echo "ros: starting again in half a minute"
  sleep 30
  reboot
)";

constexpr std::string_view kMainMenu = R"(menuentry "slot a" { ros_boot a; reboot }
menuentry "slot b" { ros_boot b; reboot }
menuentry "start again" { reboot }
)";

constexpr std::string_view kOwnerMenu =
    R"(menuentry "slot a" --unrestricted { ros_boot a; reboot }
menuentry "slot b" --unrestricted { ros_boot b; reboot }
menuentry "start again" --unrestricted { reboot }
)";

// From the number of tries to what is left of it.
std::string CountDown() {
  std::string script;
  for (char tries = '9'; tries >= '1'; --tries) {
    script += "    if [ \"$ros_tries\" = ";
    script += tries;
    script += " ]; then set ros_left=";
    script += static_cast<char>(tries - 1);
    script += "; fi\n";
  }
  return script;
}

std::string Script(std::initializer_list<std::string_view> pieces, std::string_view state) {
  std::string script;
  for (const auto piece : pieces) {
    script += piece;
  }
  for (auto at = script.find(kState); at != std::string::npos; at = script.find(kState, at)) {
    script.replace(at, kState.size(), state);
  }
  return script;
}

}  // namespace

std::string MainGrubConfig() {
  return Script({kMainHead,
                 kConsole,
                 kMainDisk,
                 kRead,
                 kMainBoot,
                 kTakeTry,
                 CountDown(),
                 kRun,
                 kMenuSettings,
                 kMainMenu},
                "$prefix");
}

std::string OwnerGrubConfig() {
  return Script({kOwnerHead,
                 kConsole,
                 kOwnerDisk,
                 kRead,
                 kOwnerBoot,
                 kTakeTry,
                 CountDown(),
                 kRun,
                 kOwnerEnd,
                 kMenuSettings,
                 kOwnerMenu},
                "/grub");
}

int GrubScriptNumber(std::string_view script) {
  constexpr int kMost = 9999;
  if (!script.starts_with(kScriptMark)) {
    return 0;
  }
  const auto digits = script.substr(kScriptMark.size());
  int number = 0;
  for (std::size_t i = 0; i < digits.size() && digits[i] >= '0' && digits[i] <= '9'; ++i) {
    number = std::min(number * 10 + (digits[i] - '0'), kMost);
  }
  return number;
}

std::string SignedGrubConfig() {
  return R"(# Debian's signed GRUB begins here. The boot loader's rule of ros is in /grub/grub.cfg.
regexp --set=1:ros_device '^\(([^)]*)\)' "$prefix"
set root="$ros_device"
set prefix="($root)/grub"
set ros_signed=1
source "$prefix/grub.cfg"
)";
}

std::string SlotGrubConfig(const SlotEntry& entry) {
  const auto arguments = ArgumentsOf(entry);
  const std::string folder = "/" + std::string(Name(entry.slot));
  std::string script = "# Slot " + std::string(Name(entry.slot)) + ", sourced by /grub/grub.cfg.\n";
  script += "if linux " + folder + "/kernel" + Joined(arguments.ours, kAsItIs) +
            Joined(arguments.partitions, kWithVariables) + " $ros_args" +
            Joined(arguments.theirs, kAsItIs) + "; then\n";
  script += "  set ros_kernel=1\n";
  script += "  if initrd " + folder + "/initrd; then set ros_loaded=1; fi\n";
  script += "fi\n";
  return script;
}

std::string UnifiedKernelSums(const std::string& digest) {
  return CheckedDigest(digest) + "  linux.efi\n";
}

std::string SlotSums(const SlotDigests& digests) {
  std::string text;
  text += CheckedDigest(digests.kernel) + "  kernel\n";
  text += CheckedDigest(digests.initrd) + "  initrd\n";
  text += CheckedDigest(digests.grub_config) + "  grub.cfg\n";
  return text;
}

}  // namespace ros::bootloader
