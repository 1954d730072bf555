#include "init/module_loader.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/file.hpp"
#include "base/unique_fd.hpp"

namespace ros::init {

ModuleLoader::ModuleLoader(const std::vector<ModuleEntry>& list,
                           ModuleAliases aliases,
                           WatchdogDrivers watchdogs,
                           Insert insert)
    : entries_(list),
      aliases_(std::move(aliases)),
      watchdogs_(watchdogs),
      insert_(std::move(insert)) {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    by_file_.emplace(entries_[i].file, i);
  }
}

void ModuleLoader::LoadClass(ModuleClass module_class) {
  for (const auto& entry : entries_) {
    if (entry.module_class == module_class) {
      Load(entry);
    }
  }
}

void ModuleLoader::LoadFor(const std::string& modalias) {
  if (!seen_.insert(modalias).second) {
    return;
  }
  for (const auto& file : aliases_.Match(modalias)) {
    const auto at = by_file_.find(file);
    if (at == by_file_.end()) {
      continue;
    }
    const auto& entry = entries_[at->second];
    if (entry.module_class == ModuleClass::kWatchdog && watchdogs_ == WatchdogDrivers::kSkip) {
      continue;
    }
    Load(entry);
  }
}

std::vector<ModuleLoader::Failure> ModuleLoader::TakeFailures() {
  return std::exchange(failures_, {});
}

void ModuleLoader::Load(const ModuleEntry& entry) {
  if (tried_.contains(entry.file)) {
    return;
  }
  for (const auto& dependency : entry.dependencies) {
    InsertOnce(dependency);
  }
  if (const int code = InsertOnce(entry.file); code != 0) {
    failures_.push_back({entry.file, code});
  }
}

int ModuleLoader::InsertOnce(const std::string& file) {
  if (!tried_.insert(file).second) {
    return 0;
  }
  const int code = insert_(file);
  return code == EEXIST ? 0 : code;
}

int InsertModule(const std::string& file, Probing probing) {
  const auto path = "/modules/" + file;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return errno;
  }
  const char* parameters = probing == Probing::kAsync ? "async_probe" : "";
  return ::syscall(SYS_finit_module, fd.get(), parameters, 0) == 0 ? 0 : errno;
}

std::set<std::string> ListModaliases(const std::filesystem::path& sys) {
  std::set<std::string> result;
  const auto buses = sys / "bus";
  for (const auto& bus : ListDirectory(buses)) {
    const auto devices = buses / bus / "devices";
    for (const auto& device : ListDirectory(devices)) {
      const UniqueFd fd(::open((devices / device / "modalias").c_str(), O_RDONLY | O_CLOEXEC));
      std::array<char, 1024> text{};
      const ssize_t got = fd.valid() ? ::read(fd.get(), text.data(), text.size()) : -1;
      if (got > 0) {
        std::string modalias(text.data(), static_cast<std::size_t>(got));
        std::erase(modalias, '\n');
        result.insert(std::move(modalias));
      }
    }
  }
  return result;
}

}  // namespace ros::init
