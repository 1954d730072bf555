#include "init/module_loader.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/file.hpp"
#include "base/unique_fd.hpp"

namespace ros::init {

ModuleLoader::ModuleLoader(std::shared_ptr<const std::vector<ModuleEntry>> list,
                           ModuleAliases aliases,
                           WatchdogDrivers watchdogs,
                           Insert insert)
    : entries_(std::move(list)),
      aliases_(std::move(aliases)),
      watchdogs_(watchdogs),
      insert_(std::move(insert)) {
  by_file_.reserve(entries_->size());
  for (const auto& entry : *entries_) {
    by_file_.emplace(entry.file, &entry);
  }
}

void ModuleLoader::LoadClass(ModuleClass module_class) {
  for (const auto& entry : *entries_) {
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
    const auto& entry = *at->second;
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

void ForEachModalias(const std::function<void(const std::string& modalias)>& visit,
                     const std::filesystem::path& sys) {
  auto buses = ListDirectory(sys / "bus");
  std::stable_partition(buses.begin(), buses.end(), [](const auto& bus) { return bus == "pci"; });
  for (const auto& bus : buses) {
    const auto directory = sys / "bus" / bus / "devices";
    const UniqueFd devices(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    for (const auto& device : ListDirectory(directory)) {
      const UniqueFd fd(
          ::openat(devices.get(), (device + "/modalias").c_str(), O_RDONLY | O_CLOEXEC));
      std::array<char, 1024> text{};
      const ssize_t got = fd.valid() ? ::read(fd.get(), text.data(), text.size()) : -1;
      if (got > 0) {
        std::string modalias(text.data(), static_cast<std::size_t>(got));
        std::erase(modalias, '\n');
        visit(modalias);
      }
    }
  }
}

}  // namespace ros::init
