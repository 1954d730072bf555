#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "init/module_list.hpp"

namespace ros::init {

// Whether drivers of watchdogs are loaded too.
enum class WatchdogDrivers { kSkip, kLoad };

// Decides which modules to load for what is seen, each once and after its dependencies, and hands
// them to `insert`, which loads one file and returns 0 or an errno value.
class ModuleLoader {
 public:
  using Insert = std::function<int(const std::string& file)>;

  // A file that did not load, and why. Dependencies that did not are passed over (see the format).
  struct Failure {
    std::string file;
    int code = 0;
  };

  ModuleLoader(std::shared_ptr<const std::vector<ModuleEntry>> list,
               ModuleAliases aliases,
               WatchdogDrivers watchdogs,
               Insert insert);

  // The modules of class `always`, or `fallback-watchdog`, in the order of the list.
  void LoadClass(ModuleClass module_class);

  // What a device with this modalias asks for. Nothing the second time.
  void LoadFor(const std::string& modalias);

  // What failed since the last call.
  std::vector<Failure> TakeFailures();

 private:
  void Load(const ModuleEntry& entry);
  int InsertOnce(const std::string& file);

  std::shared_ptr<const std::vector<ModuleEntry>> entries_;
  std::unordered_map<std::string_view, const ModuleEntry*> by_file_;
  ModuleAliases aliases_;
  WatchdogDrivers watchdogs_;
  Insert insert_;
  std::unordered_set<std::string> tried_;
  std::unordered_set<std::string> seen_;
  std::vector<Failure> failures_;
};

// Whether a driver looks at its devices before finit_module(2) returns, or on its own time
// (`async_probe`, Linux 4.2, Documentation/admin-guide/kernel-parameters.rst). Without that each
// module that is loaded meanwhile waits for the slowest disk that another driver is asking.
enum class Probing { kSync, kAsync };

// finit_module(2) of /modules/FILE: 0 or an errno value, EEXIST for a module that is there already.
int InsertModule(const std::string& file, Probing probing);

// Hands over the modalias of every device that a bus knows now. Those of PCI come first, for most
// disks are behind it and take a while to answer, in which the others can be asked.
void ForEachModalias(const std::function<void(const std::string& modalias)>& visit,
                     const std::filesystem::path& sys = "/sys");

}  // namespace ros::init
