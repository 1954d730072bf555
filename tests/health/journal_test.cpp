#include "health/journal.hpp"

#include <catch2/catch.hpp>

#include "base/bytes.hpp"
#include "base/file.hpp"

namespace ros::health {
namespace {

class FixedClock final : public Clock {
 public:
  [[nodiscard]] UnixTime Now() const override { return 1'770'000'000; }

  [[nodiscard]] bool IsSynchronized() const override { return false; }

  [[nodiscard]] std::chrono::milliseconds SinceBoot() const override { return {}; }
};

JournalEntry Full() {
  return {.time = 1'770'000'000,
          .event = JournalEvent::kRolledBack,
          .slot = SlotId::kB,
          .version = "2.0",
          .digest = "sha256:00",
          .boot_id = "boot-1",
          .tries_left = 2,
          .cause = RollbackCause::kReporterFailed,
          .boot_check = BootCheck::kSignedRootUsed,
          .reporter = "web",
          .reason = "web failed: \"no\"\nanswer"};
}

void Damage(const std::filesystem::path& path, const std::string& text) {
  WriteFileAtomically(path, AsBytes(text));
}

TEST_CASE("Journal: reads back what was appended", "[health]") {
  const TempDirectory state;
  const FixedClock clock;
  const Journal journal(state.path(), clock);
  CHECK(journal.Read().empty());
  journal.Append(Full());
  journal.Append({.event = JournalEvent::kNote, .boot_id = "boot-2", .reason = "hello"});
  const auto entries = journal.Read();
  REQUIRE(entries.size() == 2);
  CHECK(entries[0] == Full());
  CHECK(entries[1].time == clock.Now());
  CHECK_FALSE(entries[1].slot);
}

TEST_CASE("Journal: each line is JSON with its checksum last", "[health]") {
  CHECK(FormatJournalLine({.time = 0,
                           .event = JournalEvent::kInstalled,
                           .slot = SlotId::kA,
                           .version = "1.0",
                           .boot_id = "x"}) ==
        "{\"time\":\"1970-01-01T00:00:00Z\",\"event\":\"installed\",\"slot\":\"a\","
        "\"version\":\"1.0\",\"boot\":\"x\",\"crc\":\"a7238bb0\"}\n");
}

TEST_CASE("FindBootCheck: is the last one of this boot", "[health]") {
  const JournalEntry checked{
      .event = JournalEvent::kInitReached, .boot_id = "1", .boot_check = BootCheck::kVerified};
  const std::vector<JournalEntry> entries = {
      checked, {.event = JournalEvent::kInitReached, .boot_id = "2"}, Full()};
  CHECK(FindBootCheck(entries, "1") == &entries[0]);
  CHECK(FindBootCheck(entries, "2") == nullptr);
  CHECK(FindBootCheck(entries, "boot-1") == nullptr);
  CHECK(FindBootCheck({}, "1") == nullptr);
}

TEST_CASE("Journal: every event and cause keeps its name", "[health]") {
  for (int i = 0; i <= static_cast<int>(JournalEvent::kNote); ++i) {
    const auto event = static_cast<JournalEvent>(i);
    CHECK(ParseJournalEvent(Name(event)) == event);
  }
  for (int i = 0; i <= static_cast<int>(RollbackCause::kByHand); ++i) {
    const auto cause = static_cast<RollbackCause>(i);
    CHECK(ParseRollbackCause(Name(cause)) == cause);
  }
  for (int i = 0; i <= static_cast<int>(BootCheck::kNotVerified); ++i) {
    const auto check = static_cast<BootCheck>(i);
    CHECK(ParseBootCheck(Name(check)) == check);
  }
}

TEST_CASE("Journal: a cut at any byte of the last line loses that line alone", "[health]") {
  const TempDirectory state;
  const FixedClock clock;
  const Journal journal(state.path(), clock);
  const auto first = FormatJournalLine(Full());
  const auto second = FormatJournalLine({.time = 1, .event = JournalEvent::kNote, .boot_id = "b"});
  for (std::size_t kept = 0; kept < second.size(); ++kept) {
    Damage(state.path() / "journal", first + second.substr(0, kept));
    // All but the line's end is a whole entry.
    REQUIRE(journal.Read().size() == (kept == second.size() - 1 ? 2 : 1));
  }
  Damage(state.path() / "journal", first + second.substr(0, 20));
  journal.Append({.event = JournalEvent::kCommitted});
  const auto entries = journal.Read();
  REQUIRE(entries.size() == 2);
  CHECK(entries[1].event == JournalEvent::kCommitted);
}

TEST_CASE("Journal: skips damaged lines and events of a newer version", "[health]") {
  auto flipped = FormatJournalLine(Full());
  flipped[30] ^= 1;
  const std::string garbage("\0\0\xff\n{}\n\n", 8);
  auto tries = Full();
  tries.tries_left = -1;
  const auto text = flipped + garbage + FormatJournalLine(tries) + FormatJournalLine(Full());
  CHECK(ParseJournal(text).size() == 1);
  CHECK(ParseJournal("").empty());
}

TEST_CASE("Journal: stays below its limit and keeps decisions longest", "[health]") {
  const TempDirectory state;
  const FixedClock clock;
  const Journal journal(state.path(), clock);
  std::string text = FormatJournalLine({.time = 7, .event = JournalEvent::kInstalled});
  while (text.size() < (1U << 20U)) {
    text += FormatJournalLine({.time = 8, .event = JournalEvent::kInitReached, .boot_id = "b"});
  }
  Damage(state.path() / "journal", text);
  journal.Append({.event = JournalEvent::kCommitted});
  const auto entries = journal.Read();
  CHECK(std::filesystem::file_size(state.path() / "journal") < (1U << 20U) * 3 / 4);
  CHECK(entries.front().event == JournalEvent::kInstalled);
  CHECK(entries.back().event == JournalEvent::kCommitted);
}

TEST_CASE("Journal: cuts what would make a line endless", "[health]") {
  const auto line = FormatJournalLine({.reason = std::string(100'000, 'x')});
  CHECK(line.size() < 1500);
  CHECK(ParseJournal(line).at(0).reason.size() == 1024);
}

}  // namespace
}  // namespace ros::health
