#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "images/root_directory.hpp"

namespace ros::images {

// What depmod has written about a kernel's modules: modules.dep, .softdep, .alias and .builtin, the
// text forms (depmod(5), modules.dep(5)). Read instead of linking libkmod, which reads the same
// facts from the binary forms.
//
// A module's name is its file's name without .ko and compression, with `-` as `_`.
class ModuleIndex {
 public:
  // `directory` is the modules' directory in `root`. Throws kUsage when the files are malformed or
  // missing.
  ModuleIndex(const RootDirectory& root, std::string directory);

  // "dm-mod", "dm_mod.ko.xz" -> "dm_mod".
  static std::string NameOf(std::string_view file);

  [[nodiscard]] bool Has(std::string_view name) const;
  // Part of the kernel itself.
  [[nodiscard]] bool IsBuiltIn(std::string_view name) const;

  // The modules that `modprobe WORD` would load: the module of that name, or those with an alias
  // that matches; empty for what is built in or unknown.
  [[nodiscard]] std::vector<std::string> Resolve(std::string_view word) const;

  // What must be loaded for a module, itself last, each after what it needs: dependencies, soft
  // dependencies before it, and theirs.
  [[nodiscard]] std::vector<std::string> LoadOrder(const std::string& name) const;

  // Soft dependencies to load after a module.
  [[nodiscard]] std::vector<std::string> After(const std::string& name) const;

  // Aliases that devices can have ("pci:v00001AF4d*"), sorted; not those of file systems and the
  // like, which have no colon.
  [[nodiscard]] std::vector<std::string> DeviceAliases(const std::string& name) const;

  // The module's file, relative to the root.
  [[nodiscard]] std::string PathOf(const std::string& name) const;

  // Names of modules in a directory such as "kernel/drivers/watchdog/", sorted.
  [[nodiscard]] std::vector<std::string> InDirectory(std::string_view directory) const;

 private:
  struct Module {
    std::string path;                // relative to the modules' directory
    std::vector<std::string> needs;  // in load order
    std::vector<std::string> before;
    std::vector<std::string> after;
  };

  void ReadDependencies(const std::string& text);
  void ReadSoftDependencies(const std::string& text);
  void ReadAliases(const std::string& text);
  void AddInOrder(const std::string& name,
                  std::set<std::string>& visited,
                  std::vector<std::string>& order) const;

  std::string directory_;
  std::map<std::string, Module, std::less<>> modules_;
  std::set<std::string, std::less<>> built_in_;
  std::vector<std::pair<std::string, std::string>> aliases_;  // pattern, module
};

}  // namespace ros::images
