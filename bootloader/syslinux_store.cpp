#include "bootloader/syslinux_store.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.hpp"
#include "bootloader/syslinux_adv.hpp"
#include "bootloader/syslinux_install.hpp"

namespace ros::bootloader {
namespace {

constexpr std::string_view kDefaultHead = "# The good slot. Written by ros.\nDEFAULT ";

using Sector = std::array<std::byte, kAdvSize>;
static_assert(kAdvSize == kSyslinuxDefaultSize);

Region SectorRegion(Region region, std::string_view name) {
  if (!region.device() || region.length() < kAdvSize) {
    throw Error(
        ErrorKind::kFailed,
        std::string(name) + " has " + std::to_string(region.length()) + " bytes and must have 512");
  }
  return region;
}

Sector ReadSector(const Region& region) {
  Sector sector{};
  region.Read(0, sector);
  return sector;
}

std::string FormatDefault(std::string_view label) {
  std::string text(kDefaultHead);
  text += label;
  text += '\n';
  text.resize(kSyslinuxDefaultSize - 1, '#');
  return text + '\n';
}

// Damage is no error for the store.
struct FoundSlot {
  std::optional<SlotId> slot;
  std::string damage;
};

// `format` is one of FormatSyslinuxDefault and FormatSyslinuxDefault2.
FoundSlot LoadDefault(const Region& region, std::string (*format)(SlotId)) {
  try {
    const auto sector = ReadSector(region);
    for (const auto slot : {SlotId::kA, SlotId::kB}) {
      if (AsText(sector) == format(slot)) {
        return {.slot = slot};
      }
    }
    return {.damage = "it does not name slot a or b as ros writes it"};
  } catch (const Error& error) {
    return {.damage = error.message()};
  }
}

// What the ADV says of a trial, and of the good slot at the time of it.
struct FoundTrial {
  SlotId good = SlotId::kA;
  Trial trial;
};

// "a,b,2,0": good slot, trial, tries left, started. Never from the loader, so strict.
std::string FormatTrial(SlotId good, const Trial& trial) {
  return std::string(Name(good)) + "," + std::string(Name(trial.slot)) + "," +
         std::to_string(trial.tries_left) + "," + (trial.started ? "1" : "0");
}

std::optional<FoundTrial> ParseTrial(const std::string& text) {
  for (const auto good : {SlotId::kA, SlotId::kB}) {
    for (int tries = 0; tries <= kMaximumTries; ++tries) {
      for (const bool started : {false, true}) {
        const Trial trial{.slot = Other(good), .tries_left = tries, .started = started};
        if (text == FormatTrial(good, trial)) {
          return FoundTrial{.good = good, .trial = trial};
        }
      }
    }
  }
  return std::nullopt;
}

std::optional<AdvTags> LoadTags(const Region& region) {
  try {
    return ParseAdv(ReadSector(region));
  } catch (const Error&) {
    return std::nullopt;
  }
}

// As syslinux reads it: the first copy that is sound. Damaged copies hold no trial.
std::optional<FoundTrial> LoadTrial(const SyslinuxPlaces& places) {
  auto tags = LoadTags(places.adv);
  if (!tags) {
    tags = LoadTags(places.adv2);
  }
  if (!tags || !tags->contains(kAdvRosState)) {
    return std::nullopt;
  }
  auto found = ParseTrial(tags->at(kAdvRosState));
  if (found && !tags->contains(kAdvBootOnce) && found->trial.tries_left > 0) {
    // The loader has taken the try that was armed.
    found->trial.tries_left = 0;
    found->trial.started = true;
  }
  return found;
}

// The trial of a slot that is good is what a commit has left: none.
StoredCopy CopyOf(const FoundSlot& good, const std::optional<FoundTrial>& trial) {
  if (!good.slot) {
    return {.damage = good.damage};
  }
  BootState state{.good = *good.slot};
  if (trial && trial->trial.slot != state.good) {
    state.trial = trial->trial;
  }
  return {.state = state};
}

AdvTags TagsOf(const BootState& state) {
  if (!state.trial) {
    return {};
  }
  AdvTags tags = {{kAdvRosState, FormatTrial(state.good, *state.trial)}};
  if (state.trial->tries_left > 0) {
    tags[kAdvBootOnce] = std::string(Name(state.trial->slot)) +
                         " ros.trial=" + std::to_string(state.trial->tries_left - 1);
  }
  return tags;
}

// One sector, written and synced; nothing when it is there already.
void StoreSector(const Region& region, std::string_view wanted) {
  try {
    if (AsText(ReadSector(region)) == wanted) {
      return;
    }
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): what cannot be read is written.
  }
  region.Write(0, AsBytes(wanted));
  region.Sync();
}

// Makes the copies of the ADV equal, to the one that the loader goes by.
void MirrorAdv(const SyslinuxPlaces& places) {
  if (LoadTags(places.adv)) {
    StoreSector(places.adv2, AsText(ReadSector(places.adv)));
  } else if (LoadTags(places.adv2)) {
    StoreSector(places.adv, AsText(ReadSector(places.adv2)));
  } else {
    StoreSector(places.adv, FormatAdv({}));
    StoreSector(places.adv2, FormatAdv({}));
  }
}

}  // namespace

std::string FormatSyslinuxDefault(SlotId good) {
  return FormatDefault(Name(good));
}

std::string FormatSyslinuxDefault2(SlotId good) {
  return FormatDefault(std::string(Name(good)) + "-fell");
}

SyslinuxPlaces FindSyslinuxPlaces(const std::function<FilePlace(const std::string& path)>& find) {
  const auto loader = find(kSyslinuxLoaderPath);
  const auto [adv, adv2] = AdvRegions(loader.data, loader.length);
  return {.default_cfg = find(kSyslinuxDefaultPath).data,
          .default2_cfg = find(kSyslinuxDefault2Path).data,
          .adv = adv,
          .adv2 = adv2};
}

SyslinuxStore::SyslinuxStore(SyslinuxPlaces places)
    : places_{.default_cfg = SectorRegion(std::move(places.default_cfg), "default.cfg"),
              .default2_cfg = SectorRegion(std::move(places.default2_cfg), "default2.cfg"),
              .adv = SectorRegion(std::move(places.adv), "the ADV"),
              .adv2 = SectorRegion(std::move(places.adv2), "the ADV's second copy")} {}

LoadedState SyslinuxStore::Load() const {
  const auto trial = LoadTrial(places_);
  LoadedState loaded{
      .first = CopyOf(LoadDefault(places_.default_cfg, FormatSyslinuxDefault), trial),
      .second = CopyOf(LoadDefault(places_.default2_cfg, FormatSyslinuxDefault2), trial)};
  if (loaded.second.sound() || !trial) {
    return loaded;
  }
  // The loader starts the trial although no copy names the good slot; the ADV does.
  if (!loaded.first.sound()) {
    loaded.second.state = BootState{.good = trial->good, .trial = trial->trial};
  }
  return loaded;
}

void SyslinuxStore::Store(const BootState& state) {
  InContext("storing the boot state", [&] {
    const auto adv = FormatAdv(TagsOf(state));
    // A good slot before the trial beside it: no boot may see the trial with the wrong one.
    StoreSector(places_.default_cfg, FormatSyslinuxDefault(state.good));
    StoreSector(places_.adv, adv);
    StoreSector(places_.adv2, adv);
  });
}

void SyslinuxStore::MirrorGood() {
  const auto first = LoadDefault(places_.default_cfg, FormatSyslinuxDefault);
  if (!first.slot) {
    throw Error(ErrorKind::kRefused, "the boot state is damaged: " + first.damage);
  }
  InContext("storing the second copy of the boot state", [&] {
    StoreSector(places_.default2_cfg, FormatSyslinuxDefault2(*first.slot));
    MirrorAdv(places_);
  });
}

bool ArmNextTry(BootStateStore& store, SlotId slot, int tries_left) {
  const auto state = store.Load().state();
  if (tries_left <= 0 || !state || !state->trial || state->trial->slot != slot) {
    return false;
  }
  store.Store(
      {.good = state->good,
       .trial = Trial{
           .slot = slot, .tries_left = std::min(tries_left, kMaximumTries), .started = true}});
  return true;
}

}  // namespace ros::bootloader
