#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "health/boot_arguments.hpp"
#include "health/kept_note.hpp"
#include "init/boot_check.hpp"
#include "init/guard.hpp"

namespace ros::init {

// How far a boot has come: what remains true for who has to give it up.
struct BootRecord {
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  std::optional<health::BootArguments> arguments;
  std::string state_device;       // "/dev/sda5", once it was found
  std::string journal_directory;  // where /ros is now, once it is mounted
  std::optional<health::KeptNote>
      kept;                          // of the first boots of an installation that kept the state
  bool state_tried = false;          // mounting the state was begun
  std::optional<RootDecision> root;  // what the check of the slot came to, where there was one
};

// From the kernel's hand-over to the moment before the OS's init starts (init/README.md has the
// sequence). Throws Error with the sentence for the console.
void BootUp(BootRecord& record, Guard& guard, const SlotVerifier& verify);

// Tells console and journal why, waits on a good slot (`ros.wait-before-reboot`), reboots.
[[noreturn]] void GiveUp(const BootRecord& record, Guard& guard, const std::string& why);

}  // namespace ros::init
