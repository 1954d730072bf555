#pragma once

#include <map>
#include <string>

#include "bootloader/kernel_command_line.hpp"

namespace ros::bootloader {

// The files of /syslinux that say what happens, by name in small letters: the same on every machine
// and not written again after install. syslinux.cfg starts the good slot; second.cfg, third.cfg and
// fourth.cfg are what is tried when it does not load (docs/boot-state.md, "syslinux").
std::map<std::string, std::string> SyslinuxConfigs();

// /a/syslinux.cfg or /b/syslinux.cfg: the labels `a` and `a-fell` (the same with `ros.fell=b`).
// Throws as ArgumentsOf.
std::string SlotSyslinuxConfig(const SlotEntry& entry);

}  // namespace ros::bootloader
