#include "qemu-harness/scenarios/story.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <ostream>
#include <regex>
#include <sstream>

#include "base/error.hpp"
#include "base/process.hpp"
#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/places.hpp"

namespace ros::qemu {

namespace {

DiskImage FileDiskWith(const std::vector<std::string>& images) {
  std::vector<std::filesystem::path> files = {KeyPath("release.pub")};
  for (const std::string& image : images) {
    files.push_back(ImagePath(image));
  }
  return MakeFileDisk(files);
}

std::string FirstGroup(const std::string& text, const std::string& pattern) {
  std::smatch match;
  return std::regex_search(text, match, std::regex(pattern)) ? match[1].str() : "";
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const RunningOs& os) {
  return out << "version " << os.version << " in slot " << os.slot << (os.trial ? ", trial" : "");
}

RunningOs WhoRuns(Machine& machine) {
  const std::string text = machine.MustRun("cat /proc/cmdline /etc/ros-release");
  RunningOs os;
  os.slot = FirstGroup(text, "ros\\.slot=(\\w+)");
  os.version = FirstGroup(text, "\\bVERSION=(\\S+)");
  os.trial = text.find("ros.trial=") != std::string::npos;
  return os;
}

Json Ask(Machine& machine, std::string_view command) {
  return Json::Parse(machine.MustRun(std::string(command) + " --json"), command);
}

std::string BootCheck(Machine& machine) {
  return Ask(machine, "ros status")
      .At("boot_check", "status")
      .At("result", "boot_check")
      .AsString("result");
}

void CheckFreshStatus(Machine& machine) {
  const Json status = Ask(machine, "ros status");
  INFO(status.DumpPretty());
  CHECK(status.At("good", "status") == Json("a"));
  CHECK(status.At("running", "status") == Json("a"));
  CHECK(status.At("on_trial", "status") == Json(false));
  CHECK(status.At("boot_state_sound", "status") == Json(true));
  CHECK(status.Find("trial", "status") == nullptr);
  const Json::Array& slots = status.At("slots", "status").AsArray("slots");
  REQUIRE(slots.size() == 2);
  CHECK(slots[0].At("state", "slots") == Json("good"));
  CHECK(slots[0].At("complete", "slots") == Json(true));
  CHECK(slots[0].At("version", "slots") == Json("1"));
  CHECK(slots[0].Find("problem", "slots") == nullptr);
  CHECK(slots[1].At("state", "slots") == Json("empty"));
}

std::vector<Json> JournalEntries(Machine& machine, std::string_view event) {
  std::vector<Json> entries;
  std::istringstream lines(machine.MustRun("cat /ros/journal"));
  for (std::string line; std::getline(lines, line);) {
    Json entry = Json::Parse(line, "the journal");
    if (entry.At("event", "the journal").AsString("event") == event) {
      entries.push_back(std::move(entry));
    }
  }
  return entries;
}

std::string Cell() {
  return Catch::getResultCapture().getCurrentTestName() + "." + std::string(Setup().name);
}

MachineOptions MachineWith(const std::string& name, const DiskImage& disk, const DiskImage* files) {
  MachineOptions options;
  options.name = Cell() + "/" + name;
  options.firmware = Setup().firmware;
  options.drives.push_back({disk.path()});
  if (files != nullptr) {
    options.drives.push_back(
        {files->path(), DriveInterface::kVirtio, DriveAccess::kReadOnly, "images"});
  }
  return options;
}

Story::Story(std::string name, const std::vector<std::string>& images)
    : name_(std::move(name)), disk_(InstalledDisk()), files_(FileDiskWith(images)) {}

Story::Story(std::string name, const std::vector<std::string>& images, const DiskImage& original)
    : name_(std::move(name)), disk_(original.path()), files_(FileDiskWith(images)) {}

Machine& Story::Boot() {
  machine_.reset();
  const std::string name = name_ + "-" + std::to_string(++boots_);
  MachineOptions options = MachineWith(name, disk_, &files_);
  options.firmware = firmware_;
  options.drives.at(0).interface = interface_;
  options.drives.at(0).sector_size = sector_size_;
  options.network = network_;
  machine_ = std::make_unique<Machine>(std::move(options));
  machine_->WaitForShell();
  return *machine_;
}

Machine& Story::BootIntoTrial(std::string_view image, std::string_view arguments) {
  Boot();
  Upgrade(image, arguments);
  machine_->RestartBy("reboot -f");
  return *machine_;
}

void Story::Upgrade(std::string_view image, std::string_view arguments) {
  // The gate holds the lock while it looks at what happened before this boot.
  WaitForServices();
  machine_->MustRun(std::string("ros upgrade --no-reboot ")
                        .append(arguments)
                        .append(" -i ")
                        .append(InGuest(image)),
                    std::chrono::seconds(600));
}

void Story::PowerOff() {
  machine_->Start("poweroff -f");
  machine_->WaitForPowerOff();
}

void Story::Reinstall() {
  machine_.reset();
  disk_ = DiskImage(InstalledDisk());
}

void Story::WaitForServices() {
  // See os/tiny/base/etc/init.d/rcS; when they have ended already, there is no pipe any more.
  machine_->MustRun("cat /run/services 2>/dev/null; true", std::chrono::seconds(600));
}

std::string InGuest(std::string_view image) {
  return std::string("/run/images/").append(image).append(".oci");
}

bool WhyTells(Machine& machine, std::string_view text) {
  const Json why = Ask(machine, "ros why");
  const Json::Array& details = why.At("details", "ros why").AsArray("details");
  return std::any_of(details.begin(), details.end(), [&](const Json& detail) {
    return detail.At("text", "details").AsString("text").find(text) != std::string::npos;
  });
}

void ReplaceInEntry(DiskImage& disk,
                    const std::string& slot,
                    std::string_view from,
                    std::string_view to) {
  const auto sha256_of = [](const std::string& content) {
    return RunTool({.argv = {"sha256sum"}, .input = content}).substr(0, 64);
  };
  const auto overwrite = [&](const BootFile& file, const std::string& content) {
    REQUIRE(content.size() == file.size);
    disk.Write(file.extents.at(0).offset, content);
  };
  const BootFile entry = FindBootFile(disk, slot + "/" + Setup().loader->entry);
  std::string text = ReadBootFile(disk, entry);
  const std::string before = sha256_of(text);
  const std::size_t place = text.find(from);
  REQUIRE(place != std::string::npos);
  text.replace(place, from.size(), to);
  overwrite(entry, text);
  if (!Setup().loader->checks_digests) {
    return;
  }
  const BootFile sums = FindBootFile(disk, slot + "/SUMS");
  std::string digests = ReadBootFile(disk, sums);
  const std::size_t digest = digests.find(before);
  REQUIRE(digest != std::string::npos);
  digests.replace(digest, before.size(), sha256_of(text));
  overwrite(sums, digests);
}

}  // namespace ros::qemu
