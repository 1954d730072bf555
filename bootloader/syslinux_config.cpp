#include "bootloader/syslinux_config.hpp"

namespace ros::bootloader {
namespace {

// What all files begin with. NOESCAPE: what does not load never ends at a prompt, it ends in
// DEFAULT again. IMPLICIT 0: only our labels start anything.
constexpr std::string_view kCommon =
    R"(# The boot loader's rule of ros, made at install and never changed after it.
# docs/boot-state.md tells what it does.
SERIAL 0 115200
PROMPT 0
NOESCAPE 1
IMPLICIT 0
INCLUDE /a/syslinux.cfg
INCLUDE /b/syslinux.cfg
)";

// ONERROR is what follows when a kernel or initrd does not load, or when there is no such label.
std::string Config(std::string_view next, std::string_view defaults) {
  return std::string(kCommon) + "LABEL next\n  " + std::string(next) + "\nONERROR next\n" +
         std::string(defaults);
}

std::string Label(std::string_view name, const SlotEntry& entry, const std::string& arguments) {
  const auto folder = "/" + std::string(Name(entry.slot));
  return "LABEL " + std::string(name) + "\n  LINUX " + folder + "/kernel\n  INITRD " + folder +
         "/initrd\n  APPEND " + arguments + "\n";
}

}  // namespace

std::map<std::string, std::string> SyslinuxConfigs() {
  // DEFAULT counts where it is read last: default.cfg wins, and before it default2.cfg; without
  // either it is slot a. A disk that does not answer may do so after a restart.
  return {{"syslinux.cfg",
           Config("CONFIG /syslinux/second.cfg",
                  "DEFAULT a\n"
                  "INCLUDE /syslinux/default2.cfg\n"
                  "INCLUDE /syslinux/default.cfg\n")},
          {"second.cfg",
           Config("CONFIG /syslinux/third.cfg",
                  "DEFAULT a-fell\n"
                  "INCLUDE /syslinux/default2.cfg\n")},
          {"third.cfg", Config("CONFIG /syslinux/fourth.cfg", "DEFAULT b-fell\n")},
          {"fourth.cfg", Config("COM32 /syslinux/reboot.c32", "DEFAULT a-fell\n")}};
}

std::string SlotSyslinuxConfig(const SlotEntry& entry) {
  const auto slot = std::string(Name(entry.slot));
  const auto other = std::string(Name(Other(entry.slot)));
  const auto arguments = KernelCommandLine(entry);
  return "# Slot " + slot + ", read by /syslinux/syslinux.cfg.\n" + Label(slot, entry, arguments) +
         Label(slot + "-fell", entry, arguments + " ros.fell=" + other);
}

}  // namespace ros::bootloader
