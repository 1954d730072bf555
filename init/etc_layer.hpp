#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/slot.hpp"

namespace ros::init {

// Whose /etc a boot works on.
struct EtcRequest {
  std::filesystem::path root;   // the slot's root, for the image's own /etc
  std::filesystem::path state;  // the state partition
  SlotId slot = SlotId::kA;
  bool trial = false;
  std::string root_hash;  // names the image of a trial
  // The slot whose layer this one's is to be made from, in a boot that is no trial: the first one
  // of an installation that kept the state. It may be the same slot.
  std::optional<SlotId> take_from = std::nullopt;
};

// Makes `<state>/etc/SLOT/{upper,work}` ready to be mounted over the image's /etc.
//
// A trial starts from a copy of the other (good) slot's upper layer, with passwd, group, shadow and
// gshadow merged by line with the new image's. The file `<state>/etc/SLOT/made-for`, written last,
// holds the root hash that the copy was made for, so that further tries keep it. Each boot
// removes the other slot's `made-for`: what a trial changed is dropped when the good slot boots,
// and the next trial starts from a fresh copy. A good slot's layer is used as it is.
//
// With `take_from` the same is done with that slot's layer, in each boot that asks for it.
//
// Crash-safe: the copy is made beside, synced and exchanged. One that fails (a full file system) is
// removed at once, one that was cut by the next boot of either slot. Throws kFailed.
void PrepareEtc(const EtcRequest& request, const std::function<void()>& tick);

}  // namespace ros::init
