#include "init/module_list.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <span>

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
  aliases.text_ = std::make_unique_for_overwrite<char[]>(text.size());
  std::copy(text.begin(), text.end(), aliases.text_.get());
  std::span<char> rest(aliases.text_.get(), text.size());
  aliases.by_prefix_.reserve(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')));
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const auto end = std::find(rest.begin(), rest.end(), '\n');
    const auto blank = std::find(rest.begin(), end, ' ');
    const std::string_view pattern(rest.begin(), blank);
    const std::string_view file(blank == end ? end : blank + 1, end);
    if (pattern.empty() || !IsModuleFile(file)) {
      WrongLine("/modules.alias", number, "expected a pattern and the name of a module file");
    }
    *blank = '\0';
    const auto prefix = pattern.substr(0, pattern.find_first_of("*?[\\"));
    aliases.by_prefix_.emplace(prefix, Alias{number, pattern.data(), file});
    aliases.lengths_.push_back(prefix.size());
    rest = rest.subspan(static_cast<std::size_t>(end - rest.begin()) + (end == rest.end() ? 0 : 1));
  }
  auto& lengths = aliases.lengths_;
  std::sort(lengths.begin(), lengths.end());
  lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
  return aliases;
}

std::vector<std::string> ModuleAliases::Match(const std::string& modalias) const {
  std::map<std::size_t, std::string_view> matches;  // by line
  for (const auto length : lengths_) {
    if (length > modalias.size()) {
      break;
    }
    const auto [begin, end] = by_prefix_.equal_range(std::string_view(modalias).substr(0, length));
    for (auto at = begin; at != end; ++at) {
      if (::fnmatch(at->second.pattern, modalias.c_str(), 0) == 0) {
        matches.emplace(at->second.line, at->second.file);
      }
    }
  }
  std::vector<std::string> files;
  for (const auto& [line, file] : matches) {
    if (std::find(files.begin(), files.end(), file) == files.end()) {
      files.emplace_back(file);
    }
  }
  return files;
}

}  // namespace ros::init
