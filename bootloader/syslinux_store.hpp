#pragma once

#include <functional>
#include <string>

#include "base/block_device.hpp"
#include "bootloader/boot_state_store.hpp"

namespace ros::bootloader {

// Length of /syslinux/default.cfg and of /syslinux/default2.cfg: one sector.
inline constexpr Bytes kSyslinuxDefaultSize = 512;

inline constexpr const char* kSyslinuxDefaultPath = "/SYSLINUX/DEFAULT.CFG";
inline constexpr const char* kSyslinuxDefault2Path = "/SYSLINUX/DEFAULT2.CFG";

// Their contents: a comment and one line, padded with '#'. `DEFAULT a` says what boots. The second
// file is what boots when that does not load, so it says `DEFAULT a-fell`.
std::string FormatSyslinuxDefault(SlotId good);
std::string FormatSyslinuxDefault2(SlotId good);

// Where a syslinux disk keeps its boot state (docs/boot-state.md): the good slot in default.cfg and
// default2.cfg, the trial in the ADV.
struct SyslinuxPlaces {
  Region default_cfg;  // at least kSyslinuxDefaultSize bytes each, in one piece
  Region default2_cfg;
  Region adv;  // the two copies, kAdvSize bytes each
  Region adv2;
};

// A file of the boot partition: its clusters, in one piece, and its length.
struct FilePlace {
  Region data;
  Bytes length = 0;
};

// The places on a boot partition; `find` tells where a file of it lies. Throws as `find` does, and
// kFailed when ldlinux.sys cannot be.
SyslinuxPlaces FindSyslinuxPlaces(const std::function<FilePlace(const std::string& path)>& find);

// syslinux. What a boot is to do stands in default.cfg (read last, it wins), default2.cfg and the
// ADV: there the trial is a one-shot that the loader erases before it loads the trial's kernel, and
// beside it the whole state, which the loader leaves alone. A state with a trial whose one-shot is
// gone has no tries left until it is stored again: that is how further tries are had
// (ArmNextTry).
class SyslinuxStore final : public BootStateStore {
 public:
  // Throws kFailed when a region is too short.
  explicit SyslinuxStore(SyslinuxPlaces places);

  // `first` is what default.cfg and the ADV say, `second` what default2.cfg and the ADV say.
  [[nodiscard]] LoadedState Load() const override;

  // One write of one sector decides: default.cfg for another good slot, else the first copy of the
  // ADV. Written before and after it is only what the loader does not go by then: the ADV's second
  // copy, and the trial of a slot that has become good. Copies that are damaged are mended.
  void Store(const BootState& state) override;

  // Also makes the copies of the ADV equal, to the one that the loader goes by.
  void MirrorGood() override;

 private:
  SyslinuxPlaces places_;
};

// Early in a trial that syslinux has started: stores that it may be tried `tries_left` times more
// (what `ros.trial=` says), which only a trial that nobody has judged may. Returns whether it did;
// writes nothing for 0 tries, where `slot` is not on trial, and where no copy can be read. Throws
// as Store.
bool ArmNextTry(BootStateStore& store, SlotId slot, int tries_left);

}  // namespace ros::bootloader
