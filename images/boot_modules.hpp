#pragma once

#include <string>
#include <vector>

#include "images/module_index.hpp"

namespace ros::images {

// When ros-init loads a module (docs/initrd-format.md, "/modules.list").
enum class ModuleClass { kAlways, kBus, kWatchdog, kFallbackWatchdog };

struct BootModule {
  ModuleClass load = ModuleClass::kAlways;
  std::string name;
  std::vector<std::string> needs;    // names, in load order
  std::vector<std::string> aliases;  // patterns of the devices that ask for it

  bool operator==(const BootModule&) const = default;
};

// The modules that a machine may need before its root is mounted, in the order of the list: what
// dm-verity and the file systems of root and state need; drivers of disks and the buses they are
// on; watchdogs.
// Throws kUsage when the kernel lacks one that no boot can do without, built in or as a module.
std::vector<BootModule> ChooseBootModules(const ModuleIndex& index);

// The contents of /modules.list and /modules.alias. A module's file is NAME.ko.
std::string WriteModuleList(const std::vector<BootModule>& modules);
std::string WriteModuleAliases(const std::vector<BootModule>& modules);

}  // namespace ros::images
