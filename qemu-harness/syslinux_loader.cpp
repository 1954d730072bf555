#include "qemu-harness/syslinux_loader.hpp"

#include <map>
#include <regex>

#include "qemu-harness/boot_files.hpp"

namespace ros::qemu {

namespace {

constexpr Bytes kAdvSector = 512;
constexpr char kBootOnce = 1;
constexpr char kOurState = 0x72;

BootFile SyslinuxFileOf(const DiskImage& disk, StateCopy copy) {
  return FindBootFile(
      disk, copy == StateCopy::kFirst ? "/SYSLINUX/DEFAULT.CFG" : "/SYSLINUX/DEFAULT2.CFG");
}

// The tags of the first copy of the ADV, the last but one sector of ldlinux.sys.
std::map<char, std::string> ReadTags(const DiskImage& disk) {
  const std::string file = ReadBootFile(disk, FindBootFile(disk, "/SYSLINUX/LDLINUX.SYS"));
  const std::string data = file.substr(file.size() - 2 * kAdvSector + 8, kAdvSector - 12);
  std::map<char, std::string> tags;
  for (std::size_t at = 0; at + 2 < data.size() && data[at] != '\0';) {
    const auto length = static_cast<unsigned char>(data[at + 1]);
    tags[data[at]] = data.substr(at + 2, length);
    at += 2U + length;
  }
  return tags;
}

std::optional<StoredState> ReadSyslinuxState(const DiskImage& disk, StateCopy copy) {
  const std::string text = ReadBootFile(disk, SyslinuxFileOf(disk, copy));
  const std::regex line(copy == StateCopy::kFirst ? "\nDEFAULT ([ab])\n"
                                                  : "\nDEFAULT ([ab])-fell\n");
  std::smatch good;
  if (!std::regex_search(text, good, line)) {
    return std::nullopt;
  }
  StoredState state{good[1].str()};
  if (copy == StateCopy::kSecond) {
    return state;
  }
  const auto tags = ReadTags(disk);
  const auto ours = tags.find(kOurState);
  std::smatch trial;
  if (ours != tags.end() &&
      std::regex_match(ours->second, trial, std::regex("[ab],([ab]),([0-9]),([01])")) &&
      trial[1].str() != state.good) {
    const bool armed = tags.find(kBootOnce) != tags.end();
    state.trial = trial[1].str();
    state.tries_left = armed ? std::stoi(trial[2].str()) : 0;
    state.started = !armed || trial[3].str() == "1";
  }
  return state;
}

void DamageSyslinuxState(DiskImage& disk, StateCopy copy) {
  disk.Damage(SyslinuxFileOf(disk, copy).extents.at(0).offset, kAdvSector);
}

}  // namespace

const BootLoader& Syslinux() {
  static const BootLoader kSyslinux = {
      .install_type = "syslinux",
      .entry = "SYSLINUX.CFG",
      .started = "Loading /([ab])/kernel",
      .checks_digests = false,
      // It reads the files one after the other and says nothing.
      .first_is_damaged = "",
      .both_are_damaged = "",
      .read_state = ReadSyslinuxState,
      .damage_state = DamageSyslinuxState,
  };
  return kSyslinux;
}

}  // namespace ros::qemu
