#include "installer/loader_plan.hpp"

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "bootloader/grub_install.hpp"

namespace ros::installer {
namespace {

std::string_view ScriptDirectory() {
  const std::string_view path = bootloader::kGrubScriptPath;
  return path.substr(0, path.rfind('/'));
}

// Files of one directory that are not as the image's are.
struct Change {
  std::string directory;
  std::map<std::string, Bytes> lengths;
  std::string without_spare;  // the first file that has no spare place
};

std::vector<Change> FindChanges(const LoaderComparison& loader) {
  std::vector<Change> changes;
  for (const auto& file : loader.files) {
    if (file.same) {
      continue;
    }
    auto change = std::ranges::find(changes, file.directory, &Change::directory);
    if (change == changes.end()) {
      changes.push_back({.directory = file.directory});
      change = changes.end() - 1;
    }
    change->lengths[file.name] = file.size;
    if (!file.spare && change->without_spare.empty()) {
      change->without_spare = file.directory + "/" + file.name;
    }
  }
  return changes;
}

void CheckSpares(const std::vector<Change>& changes, LoaderWish wish) {
  for (const auto& change : changes) {
    if (!change.without_spare.empty() && wish != LoaderWish::kUpgradeInPlace) {
      throw Error(ErrorKind::kRefused,
                  change.without_spare +
                      " has no second place on this disk, so the boot loader cannot be switched by "
                      "one sector; install anew, or overwrite it with --bootloader-in-place: a "
                      "power cut meanwhile leaves a disk that does not boot");
    }
  }
}

// Where a core image can be written that nothing starts yet.
bootloader::CoreHalf FreeHalf(const LoaderComparison::Core& core) {
  return core.started ? Other(*core.started) : bootloader::CoreHalf::kFirst;
}

LoaderStep SwitchOf(const Change& change) {
  if (change.without_spare.empty()) {
    return SwitchFiles{change.directory, change.lengths};
  }
  return OverwriteFiles{change.directory, change.lengths};
}

std::vector<LoaderStep> PlanSyslinux(const LoaderComparison::Syslinux& syslinux, LoaderWish wish) {
  if (syslinux.same) {
    return {};
  }
  if (wish != LoaderWish::kUpgradeInPlace) {
    throw Error(
        ErrorKind::kRefused,
        "syslinux has one place on the disk, which holds the boot state too, so it cannot be "
        "switched by one sector; overwrite it with --bootloader-in-place: a power cut "
        "meanwhile leaves a disk that does not boot");
  }
  return {OverwriteSyslinux{syslinux.lengths}};
}

std::string Names(const std::string& directory, const std::map<std::string, Bytes>& lengths) {
  std::string text;
  for (const auto& [name, length] : lengths) {
    text.append(text.empty() ? "" : ", ").append(directory).append("/").append(name);
    text.append(" (").append(FormatBytes(length)).append(")");
  }
  return text;
}

struct LoaderStepText {
  std::string operator()(const WriteSecondCore& step) const {
    return "write GRUB for BIOS machines (" + FormatBytes(step.size) + ") into the " +
           std::string(Name(step.half)) + " half of its partition; read back";
  }

  std::string operator()(const SwitchCore& step) const {
    return "make the disk's first sector name the " + std::string(Name(step.half)) +
           " half; one sector";
  }

  std::string operator()(const WriteSpareFiles& step) const {
    return "write into spare places: " + Names(step.directory, step.lengths) + "; read back";
  }

  std::string operator()(const SwitchFiles& step) const {
    return "switch " + step.directory + " to them; one sector";
  }

  std::string operator()(const OverwriteFiles& step) const {
    return "OVERWRITE " + Names(step.directory, step.lengths) + kDanger;
  }

  std::string operator()(const OverwriteSyslinux& step) const {
    return "OVERWRITE syslinux, its boot sectors and " + Names("/SYSLINUX", step.lengths) + kDanger;
  }

  static constexpr const char* kDanger = ": a power cut here leaves a disk that does not boot";
};

struct LoaderStepJson {
  Json operator()(const WriteSecondCore& step) const {
    return Named("write-core").Set("half", Name(step.half)).Set("bytes", step.size);
  }

  Json operator()(const SwitchCore& step) const {
    return Named("switch-core").Set("half", Name(step.half));
  }

  Json operator()(const WriteSpareFiles& step) const {
    return Files("write-spare-files", step.directory, step.lengths);
  }

  Json operator()(const SwitchFiles& step) const {
    return Files("switch-files", step.directory, step.lengths);
  }

  Json operator()(const OverwriteFiles& step) const {
    return Files("overwrite-files", step.directory, step.lengths);
  }

  Json operator()(const OverwriteSyslinux& step) const {
    return Files("overwrite-syslinux", "/SYSLINUX", step.lengths);
  }

  static Json Named(std::string_view name) { return Json::MakeObject().Set("step", name); }

  static Json Files(std::string_view name,
                    const std::string& directory,
                    const std::map<std::string, Bytes>& lengths) {
    auto files = Json::MakeArray();
    for (const auto& [file, length] : lengths) {
      const auto path = std::filesystem::path(directory) / file;
      files.Append(Json::MakeObject().Set("path", path.string()).Set("bytes", length));
    }
    return Named(name).Set("files", std::move(files));
  }
};

}  // namespace

bool LoaderComparison::Differs() const {
  const bool files_differ = std::ranges::any_of(files, [](const File& file) { return !file.same; });
  return files_differ || (core && !core->same) || (syslinux && !syslinux->same);
}

std::vector<LoaderStep> PlanLoader(const LoaderComparison& loader, LoaderWish wish) {
  if (wish == LoaderWish::kLeave) {
    return {};
  }
  if (!loader.refusal.empty()) {
    throw Error(ErrorKind::kRefused, loader.refusal);
  }
  if (loader.syslinux) {
    return PlanSyslinux(*loader.syslinux, wish);
  }
  const auto changes = FindChanges(loader);
  CheckSpares(changes, wish);
  std::vector<LoaderStep> steps;
  std::vector<LoaderStep> images;
  std::vector<LoaderStep> script;
  if (loader.core && !loader.core->same) {
    const auto half = FreeHalf(*loader.core);
    steps.emplace_back(WriteSecondCore{half, loader.core->size});
    images.emplace_back(SwitchCore{half});
  }
  for (const auto& change : changes) {
    if (change.without_spare.empty()) {
      steps.emplace_back(WriteSpareFiles{change.directory, change.lengths});
    }
    (change.directory == ScriptDirectory() ? script : images).push_back(SwitchOf(change));
  }
  // All is written; now the switches, shortly after one another. A newer script may need the newer
  // images, which run every older script.
  const bool older_script = loader.script_in_image < loader.script_on_disk;
  const auto& first = older_script ? script : images;
  const auto& second = older_script ? images : script;
  steps.insert(steps.end(), first.begin(), first.end());
  steps.insert(steps.end(), second.begin(), second.end());
  return steps;
}

std::string LoaderChangeText(const LoaderComparison& loader) {
  const auto shown = [](const std::string& version) {
    return version.empty() ? std::string("of unknown version") : version;
  };
  if (loader.version_on_disk == loader.version_in_image) {
    return loader.name + " " + shown(loader.version_in_image) +
           ", of which the disk has other bytes";
  }
  return loader.name + " " + shown(loader.version_on_disk) + " -> " +
         shown(loader.version_in_image);
}

std::string DescribeLoaderStep(const LoaderStep& step) {
  return std::visit(LoaderStepText(), step);
}

Json LoaderStepToJson(const LoaderStep& step) {
  return std::visit(LoaderStepJson(), step);
}

}  // namespace ros::installer
