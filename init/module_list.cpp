#include "init/module_list.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.hpp"

namespace ros::init {
namespace {

[[noreturn]] void WrongLine(std::string_view file, std::size_t line, std::string_view why) {
  throw Error(ErrorKind::kVerification,
              std::string(file) + ": line " + std::to_string(line) + ": " + std::string(why));
}

struct ClassName {
  std::string_view name;
  ModuleClass module_class;
};

constexpr std::array kClasses = {
    ClassName{"always", ModuleClass::kAlways},
    ClassName{"bus", ModuleClass::kBus},
    ClassName{"watchdog", ModuleClass::kWatchdog},
    ClassName{"fallback-watchdog", ModuleClass::kFallbackWatchdog},
};

std::optional<ModuleClass> ParseClass(std::string_view name) {
  const auto* at = std::find_if(
      kClasses.begin(), kClasses.end(), [&](const auto& entry) { return entry.name == name; });
  return at == kClasses.end() ? std::nullopt : std::optional(at->module_class);
}

// A name in /modules/: no slash, so that it cannot point elsewhere.
bool IsModuleFile(std::string_view name) {
  return !name.empty() && name.size() <= 128 && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '.' || c == '-';
         });
}

std::string_view TakeUpTo(std::string_view& text, char separator) {
  const auto end = std::min(text.find(separator), text.size());
  const auto part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

}  // namespace

std::vector<ModuleEntry> ParseModuleList(std::string_view text) {
  constexpr std::string_view kFile = "/modules.list";
  std::vector<ModuleEntry> entries;
  for (std::size_t number = 1; !text.empty(); ++number) {
    auto line = TakeUpTo(text, '\n');
    const auto module_class = ParseClass(TakeUpTo(line, ' '));
    if (!module_class) {
      WrongLine(kFile, number, "unknown class");
    }
    ModuleEntry entry{*module_class, std::string(TakeUpTo(line, ' ')), {}};
    while (!line.empty()) {
      entry.dependencies.emplace_back(TakeUpTo(line, ' '));
    }
    const bool right = IsModuleFile(entry.file) &&
                       std::all_of(entry.dependencies.begin(),
                                   entry.dependencies.end(),
                                   [](const auto& name) { return IsModuleFile(name); });
    if (!right) {
      WrongLine(kFile, number, "not the name of a module file");
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

ModuleAliases ModuleAliases::Parse(std::string_view text) {
  ModuleAliases aliases;
  for (std::size_t number = 1; !text.empty(); ++number) {
    auto line = TakeUpTo(text, '\n');
    const auto pattern = TakeUpTo(line, ' ');
    if (pattern.empty() || !IsModuleFile(line)) {
      WrongLine("/modules.alias", number, "expected a pattern and the name of a module file");
    }
    const auto prefix = pattern.substr(0, pattern.find_first_of("*?[\\"));
    aliases.by_prefix_.emplace(prefix, Alias{number, std::string(pattern), std::string(line)});
    aliases.lengths_.push_back(prefix.size());
  }
  auto& lengths = aliases.lengths_;
  std::sort(lengths.begin(), lengths.end());
  lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
  return aliases;
}

std::vector<std::string> ModuleAliases::Match(const std::string& modalias) const {
  std::map<std::size_t, std::string> matches;  // by line
  for (const auto length : lengths_) {
    if (length > modalias.size()) {
      break;
    }
    const auto [begin, end] = by_prefix_.equal_range(modalias.substr(0, length));
    for (auto at = begin; at != end; ++at) {
      if (::fnmatch(at->second.pattern.c_str(), modalias.c_str(), 0) == 0) {
        matches.emplace(at->second.line, at->second.file);
      }
    }
  }
  std::vector<std::string> files;
  for (const auto& [line, file] : matches) {
    if (std::find(files.begin(), files.end(), file) == files.end()) {
      files.push_back(file);
    }
  }
  return files;
}

}  // namespace ros::init
