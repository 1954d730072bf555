#include "health/kept_note.hpp"

#include <catch2/catch.hpp>

#include "base/file.hpp"

namespace ros::health {

TEST_CASE("KeptNote: what was written is read, for its installation alone", "[health]") {
  const TempDirectory directory("ros-kept");
  CHECK_FALSE(ReadKeptNote(directory.path(), "one"));
  for (const auto stage :
       {KeptNote::Stage::kFound, KeptNote::Stage::kEtc, KeptNote::Stage::kComplete}) {
    const KeptNote note{.installation = "one", .from = SlotId::kB, .stage = stage};
    WriteKeptNote(directory.path(), note);
    CHECK(ReadKeptNote(directory.path(), "one") == note);
    CHECK_FALSE(ReadKeptNote(directory.path(), "two"));
  }
  for (const auto* text : {"", "one", "one c etc\n", "one a later\n", "one a"}) {
    WriteFileAtomically(directory.path() / "kept", AsBytes(std::string(text)));
    CHECK_FALSE(ReadKeptNote(directory.path(), "one"));
  }
}

TEST_CASE("LastGoodSlot: the one that ran last without a trial", "[health]") {
  using Event = JournalEvent;
  std::vector<JournalEntry> entries;
  CHECK(LastGoodSlot(entries) == SlotId::kA);
  entries.push_back({.event = Event::kInstalled, .slot = SlotId::kA});
  entries.push_back({.event = Event::kUpgradeIntent, .slot = SlotId::kB});
  entries.push_back({.event = Event::kInitReached, .slot = SlotId::kB, .tries_left = 2});
  CHECK(LastGoodSlot(entries) == SlotId::kA);
  entries.push_back({.event = Event::kCommitted, .slot = SlotId::kB});
  CHECK(LastGoodSlot(entries) == SlotId::kB);
  // After `ros rollback`.
  entries.push_back({.event = Event::kInitReached, .slot = SlotId::kA});
  CHECK(LastGoodSlot(entries) == SlotId::kA);
}

}  // namespace ros::health
