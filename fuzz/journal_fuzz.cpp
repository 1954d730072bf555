#include "fuzz/target.hpp"
#include "health/explanation.hpp"
#include "health/journal.hpp"

namespace ros::fuzz {
namespace {

// CRC-32C (RFC 3720, appendix B.4), as a line of the journal ends with.
std::string Crc32c(std::string_view text) {
  std::uint32_t crc = 0xffffffff;
  for (const auto byte : AsBytes(text)) {
    crc ^= static_cast<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
    }
  }
  std::string big_endian;
  for (unsigned shift = 32; shift > 0; shift -= 8) {
    big_endian += static_cast<char>((~crc >> (shift - 8)) & 0xffU);
  }
  return ToHex(AsBytes(big_endian));
}

// The text with its lines, JSON objects without their checksum, sealed: no input finds one by
// chance.
std::string Sealed(std::string_view text) {
  std::string sealed;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto body = line.substr(0, line.rfind('}'));
    sealed += std::string(body) + ",\"crc\":\"" + Crc32c(body) + "\"}\n";
  }
  return sealed;
}

}  // namespace

void Run(ByteSpan input) {
  static_cast<void>(health::ParseJournal(AsText(input)));
  const auto entries = health::ParseJournal(Sealed(AsText(input)));
  for (const auto& entry : entries) {
    const auto again = health::ParseJournal(health::FormatJournalLine(entry));
    Expect(again.size() == 1, "an entry is written in one line that is read");
    Expect(again[0].event == entry.event && again[0].time == entry.time &&
               again[0].slot == entry.slot && again[0].tries_left == entry.tries_left &&
               again[0].cause == entry.cause,
           "what is written is read back the same");
  }
  for (const auto running : {SlotId::kA, SlotId::kB}) {
    const auto why = health::Explain(entries, {.slot = running, .good = SlotId::kA});
    Expect(!why.sentence.empty(), "there is always an explanation");
  }
}

std::vector<Seed> Seeds() {
  using health::JournalEvent;
  const auto line = [](health::JournalEntry entry) {
    entry.time = 1'772'366'400;
    entry.version = "1.2.0";
    entry.digest = "sha256:" + std::string(64, 'a');
    entry.boot_id = "7f0c";
    auto text = health::FormatJournalLine(entry);
    return text.substr(0, text.rfind(",\"crc\"")) + "}\n";
  };
  return {{"installed", line({.event = JournalEvent::kInstalled, .slot = SlotId::kA})},
          {"upgrade",
           line({.event = JournalEvent::kUpgradeIntent, .slot = SlotId::kB}) +
               line({.event = JournalEvent::kTrialStarted, .slot = SlotId::kB, .tries_left = 3}) +
               line({.event = JournalEvent::kRolledBack,
                     .slot = SlotId::kB,
                     .cause = health::RollbackCause::kReporterFailed,
                     .reporter = "net",
                     .reason = "no address"})},
          {"sealed", health::FormatJournalLine({.time = 1, .reason = "a note"})},
          {"unknown", "{\"time\":\"2026-03-01T12:00:00Z\",\"event\":\"later\"}\n"}};
}

}  // namespace ros::fuzz
