#include "health/kept_note.hpp"

#include <algorithm>
#include <array>
#include <sstream>

#include "base/file.hpp"

namespace ros::health {
namespace {

constexpr const char* kNoteFile = "kept";
constexpr Bytes kNoteLimit = 4096;
// In the order of KeptNote::Stage.
constexpr std::array<std::string_view, 3> kStages = {"found", "etc", "complete"};

}  // namespace

std::optional<KeptNote> ReadKeptNote(const std::filesystem::path& directory,
                                     std::string_view installation) {
  const auto path = directory / kNoteFile;
  if (!std::filesystem::exists(path)) {
    return std::nullopt;
  }
  std::istringstream words(ReadFile(path, kNoteLimit));
  KeptNote note;
  std::string from;
  std::string stage;
  words >> note.installation >> from >> stage;
  const auto slot = ParseSlot(from);
  const auto* const known = std::find(kStages.begin(), kStages.end(), stage);
  if (note.installation != installation || !slot || known == kStages.end()) {
    return std::nullopt;
  }
  note.from = *slot;
  note.stage = static_cast<KeptNote::Stage>(known - kStages.begin());
  return note;
}

void WriteKeptNote(const std::filesystem::path& directory, const KeptNote& note) {
  WriteFileAtomically(
      directory / kNoteFile,
      AsBytes(note.installation + " " + std::string(Name(note.from)) + " " +
              std::string(kStages.at(static_cast<std::size_t>(note.stage))) + "\n"));
}

SlotId LastGoodSlot(const std::vector<JournalEntry>& entries) {
  auto good = SlotId::kA;
  for (const auto& entry : entries) {
    const bool tells = entry.event == JournalEvent::kInstalled ||
                       entry.event == JournalEvent::kCommitted ||
                       (entry.event == JournalEvent::kInitReached && !entry.tries_left);
    if (tells && entry.slot) {
      good = *entry.slot;
    }
  }
  return good;
}

}  // namespace ros::health
