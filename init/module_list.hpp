#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ros::init {

// When a module is loaded (docs/initrd-format.md).
enum class ModuleClass { kAlways, kBus, kWatchdog, kFallbackWatchdog };

// One line of /modules.list.
struct ModuleEntry {
  ModuleClass module_class = ModuleClass::kAlways;
  std::string file;                       // "ext4.ko", in /modules/
  std::vector<std::string> dependencies;  // in load order

  bool operator==(const ModuleEntry&) const = default;
};

// Parses /modules.list. Throws kVerification naming the line that is not of the format.
std::vector<ModuleEntry> ParseModuleList(std::string_view text);

// /modules.alias, indexed so that asking for one device does not try every pattern.
class ModuleAliases {
 public:
  // Throws kVerification naming the line that is not of the format.
  static ModuleAliases Parse(std::string_view text);

  // The files whose pattern matches a device's modalias, each once, in the order of the file.
  [[nodiscard]] std::vector<std::string> Match(const std::string& modalias) const;

 private:
  struct Alias {
    std::size_t line = 0;
    const char* pattern = nullptr;  // ended by zero
    std::string_view file;
  };

  // The lines, with a zero in place of each blank: thousands, and a boot waits for them. On the
  // heap, so that what points into it outlives a move; hence no copies.
  std::unique_ptr<char[]> text_;
  // By what stands before the first wild card; and the lengths that such a beginning has.
  std::unordered_multimap<std::string_view, Alias> by_prefix_;
  std::vector<std::size_t> lengths_;
};

}  // namespace ros::init
