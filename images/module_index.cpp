#include "images/module_index.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <sstream>

#include "base/error.hpp"
#include "images/text_rules.hpp"

namespace ros::images {
namespace {

constexpr Bytes kMaxIndexFile = Bytes{64} << 20U;

std::vector<std::string> Words(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) {
    words.push_back(word);
  }
  return words;
}

template <typename PerLine>
void ForEachLine(const std::string& text, PerLine per_line) {
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line[0] != '#') {
      per_line(line);
    }
  }
}

std::string WithUnderscores(std::string_view word) {
  std::string name(word);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string ReadOptional(const RootDirectory& root, const std::string& path) {
  return root.IsRegularFile(path) ? root.Read(path, kMaxIndexFile) : std::string();
}

}  // namespace

std::string ModuleIndex::NameOf(std::string_view file) {
  const auto slash = file.rfind('/');
  if (slash != std::string_view::npos) {
    file.remove_prefix(slash + 1);
  }
  return WithUnderscores(file.substr(0, file.find(".ko")));
}

ModuleIndex::ModuleIndex(const RootDirectory& root, std::string directory)
    : directory_(std::move(directory)) {
  if (!root.IsRegularFile(directory_ + "/modules.dep")) {
    throw Error(ErrorKind::kUsage,
                "the root has no /" + directory_ + "/modules.dep; run depmod in the container");
  }
  ReadDependencies(root.Read(directory_ + "/modules.dep", kMaxIndexFile));
  ReadSoftDependencies(ReadOptional(root, directory_ + "/modules.softdep"));
  ReadAliases(ReadOptional(root, directory_ + "/modules.alias"));
  ForEachLine(ReadOptional(root, directory_ + "/modules.builtin"),
              [&](const std::string& line) { built_in_.insert(NameOf(line)); });
}

// "kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko ...", to be loaded from the
// right to the left.
void ModuleIndex::ReadDependencies(const std::string& text) {
  ForEachLine(text, [&](const std::string& line) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) {
      throw Error(ErrorKind::kUsage,
                  "/" + directory_ + "/modules.dep: a line without a colon: " + ShowText(line));
    }
    Module& module = modules_[NameOf(line.substr(0, colon))];
    module.path = line.substr(0, colon);
    for (const auto& file : Words(line.substr(colon + 1))) {
      module.needs.insert(module.needs.begin(), NameOf(file));
    }
  });
}

// "softdep NAME pre: WORDS post: WORDS".
void ModuleIndex::ReadSoftDependencies(const std::string& text) {
  ForEachLine(text, [&](const std::string& line) {
    const auto words = Words(line);
    if (words.size() < 3 || words[0] != "softdep") {
      return;
    }
    const auto module = modules_.find(WithUnderscores(words[1]));
    if (module == modules_.end()) {
      return;
    }
    std::vector<std::string>* into = nullptr;  // words before "pre:" have no meaning
    for (std::size_t i = 2; i < words.size(); ++i) {
      if (words[i] == "pre:") {
        into = &module->second.before;
      } else if (words[i] == "post:") {
        into = &module->second.after;
      } else if (into != nullptr) {
        into->push_back(words[i]);
      }
    }
  });
}

// "alias PATTERN MODULE".
void ModuleIndex::ReadAliases(const std::string& text) {
  ForEachLine(text, [&](const std::string& line) {
    const auto words = Words(line);
    if (words.size() == 3 && words[0] == "alias") {
      aliases_.emplace_back(words[1], WithUnderscores(words[2]));
    }
  });
}

bool ModuleIndex::Has(std::string_view name) const {
  return modules_.count(WithUnderscores(name)) != 0;
}

bool ModuleIndex::IsBuiltIn(std::string_view name) const {
  return built_in_.count(WithUnderscores(name)) != 0;
}

std::vector<std::string> ModuleIndex::Resolve(std::string_view word) const {
  const std::string name = WithUnderscores(word);
  if (Has(name)) {
    return {name};
  }
  std::vector<std::string> found;
  if (IsBuiltIn(name)) {
    return found;
  }
  for (const auto& [pattern, module] : aliases_) {
    const bool matches = ::fnmatch(pattern.c_str(), std::string(word).c_str(), 0) == 0 ||
                         WithUnderscores(pattern) == name;
    if (matches && Has(module) && std::find(found.begin(), found.end(), module) == found.end()) {
      found.push_back(module);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

void ModuleIndex::AddInOrder(const std::string& name,
                             std::set<std::string>& visited,
                             std::vector<std::string>& order) const {
  // `visited` also ends circles; depth is bounded by the number of modules.
  const auto module = modules_.find(name);
  if (module == modules_.end() || !visited.insert(name).second) {
    return;
  }
  for (const auto& word : module->second.before) {
    for (const auto& soft : Resolve(word)) {
      AddInOrder(soft, visited, order);
    }
  }
  for (const auto& needed : module->second.needs) {
    AddInOrder(needed, visited, order);
  }
  order.push_back(name);
}

std::vector<std::string> ModuleIndex::LoadOrder(const std::string& name) const {
  std::set<std::string> visited;
  std::vector<std::string> order;
  AddInOrder(name, visited, order);
  return order;
}

std::vector<std::string> ModuleIndex::After(const std::string& name) const {
  std::vector<std::string> names;
  const auto module = modules_.find(name);
  if (module != modules_.end()) {
    for (const auto& word : module->second.after) {
      const auto found = Resolve(word);
      names.insert(names.end(), found.begin(), found.end());
    }
  }
  return names;
}

std::vector<std::string> ModuleIndex::DeviceAliases(const std::string& name) const {
  std::vector<std::string> patterns;
  for (const auto& [pattern, module] : aliases_) {
    if (module == name && pattern.find(':') != std::string::npos) {
      patterns.push_back(pattern);
    }
  }
  std::sort(patterns.begin(), patterns.end());
  patterns.erase(std::unique(patterns.begin(), patterns.end()), patterns.end());
  return patterns;
}

std::string ModuleIndex::PathOf(const std::string& name) const {
  const auto module = modules_.find(name);
  if (module == modules_.end()) {
    throw Error(ErrorKind::kFailed, "the kernel has no module " + name);
  }
  // depmod writes paths relative to its directory, or absolute ones with -o and for other places.
  return module->second.path.starts_with('/') ? module->second.path.substr(1)
                                              : directory_ + "/" + module->second.path;
}

std::vector<std::string> ModuleIndex::InDirectory(std::string_view directory) const {
  std::vector<std::string> names;
  for (const auto& [name, module] : modules_) {
    if (module.path.starts_with(directory)) {
      names.push_back(name);
    }
  }
  return names;
}

}  // namespace ros::images
