#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/slot.hpp"
#include "health/journal.hpp"

namespace ros::health {

// How far a state partition has come to belong to the installation that was put in front of it
// (`ros install --keep-state`). The kernel is told that installation's name (`ros.kept=`) for as
// long as its first slot lives; `<state>/kept` tells what was done for it, so that it is done once.
struct KeptNote {
  enum class Stage {
    kFound,     // "found"     ros-init knows which slot was good before
    kEtc,       // "etc"       ros-init has made the /etc of the new slot from that one's
    kComplete,  // "complete"  the gate has taken over the keys
  };

  std::string installation;  // its name
  SlotId from = SlotId::kA;  // the slot that was good before
  Stage stage = Stage::kFound;

  bool operator==(const KeptNote&) const = default;
};

// The note of this installation; none where it is missing, another's, or makes no sense: then all
// is to be done. `directory` is the state directory (/ros).
std::optional<KeptNote> ReadKeptNote(const std::filesystem::path& directory,
                                     std::string_view installation);

// Durable when it returns.
void WriteKeptNote(const std::filesystem::path& directory, const KeptNote& note);

// The slot that a machine with this history ran last without being on trial. a where it tells of
// none.
SlotId LastGoodSlot(const std::vector<JournalEntry>& entries);

}  // namespace ros::health
