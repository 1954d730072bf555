#include "health/journal.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json.hpp"

namespace ros::health {
namespace {

using namespace literals;  // NOLINT(google-build-using-namespace): literal operators only

constexpr Bytes kJournalSizeLimit = 1_MiB;
// A file far beyond what we write is not read into memory.
constexpr Bytes kReadLimit = 16_MiB;
constexpr std::size_t kJournalStringLimit = 1024;
// More than any boot loader counts.
constexpr std::int64_t kMostTries = 1000;

struct EventName {
  JournalEvent event;
  std::string_view name;
};

constexpr std::array kEventNames = {
    EventName{JournalEvent::kInstalled, "installed"},
    EventName{JournalEvent::kUpgradeIntent, "upgrade-intent"},
    EventName{JournalEvent::kTrialStarted, "trial-started"},
    EventName{JournalEvent::kTrialAbandoned, "trial-abandoned"},
    EventName{JournalEvent::kInitReached, "init-reached"},
    EventName{JournalEvent::kUserSpaceReached, "userspace-reached"},
    EventName{JournalEvent::kGateFailed, "gate-failed"},
    EventName{JournalEvent::kCommitted, "committed"},
    EventName{JournalEvent::kRolledBack, "rolled-back"},
    EventName{JournalEvent::kEarlyFailure, "early-failure"},
    EventName{JournalEvent::kWatchdog, "watchdog"},
    EventName{JournalEvent::kInsecure, "insecure"},
    EventName{JournalEvent::kTrustForgotten, "trust-forgotten"},
    EventName{JournalEvent::kRepaired, "repaired"},
    EventName{JournalEvent::kNote, "note"},
};

struct CauseName {
  RollbackCause cause;
  std::string_view name;
};

constexpr std::array kCauseNames = {
    CauseName{RollbackCause::kReporterFailed, "reporter-failed"},
    CauseName{RollbackCause::kDeadline, "deadline"},
    CauseName{RollbackCause::kTriesUsedUp, "tries-used-up"},
    CauseName{RollbackCause::kLoaderFellBack, "loader-fell-back"},
    CauseName{RollbackCause::kByHand, "by-hand"},
};

struct CheckName {
  BootCheck check;
  std::string_view name;
};

constexpr std::array kCheckNames = {
    CheckName{BootCheck::kVerified, "verified"},
    CheckName{BootCheck::kSignedRootUsed, "signed-root-used"},
    CheckName{BootCheck::kNotVerified, "not-verified"},
};

// CRC-32C (Castagnoli), reflected, as in RFC 3720 appendix B.4.
std::uint32_t Crc32c(std::string_view text) {
  std::uint32_t crc = 0xffffffffU;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
    }
  }
  return ~crc;
}

std::string Hex32(std::uint32_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(8, '0');
  for (std::size_t i = 8; i-- > 0; value >>= 4U) {
    text[i] = kDigits[value & 0xfU];
  }
  return text;
}

constexpr std::string_view kSeal = R"(,"crc":")";
constexpr std::size_t kSealSize = kSeal.size() + 8 + 2;  // with the digits and `"}`

// The JSON text of a line without its checksum, when that is right.
std::optional<std::string> Unseal(std::string_view line) {
  if (line.size() <= kSealSize || !line.ends_with("\"}")) {
    return std::nullopt;
  }
  const auto body = line.substr(0, line.size() - kSealSize);
  const auto seal = line.substr(body.size());
  if (!seal.starts_with(kSeal) || seal.substr(kSeal.size(), 8) != Hex32(Crc32c(body))) {
    return std::nullopt;
  }
  return std::string(body) + "}";
}

void SetText(Json& object, std::string_view key, const std::string& text) {
  if (!text.empty()) {
    object.Set(key, text.substr(0, kJournalStringLimit));
  }
}

std::string TextOf(const Json& object, std::string_view key) {
  const auto* member = object.Find(key, "journal");
  return member == nullptr ? std::string() : member->AsString(key);
}

std::optional<JournalEntry> Interpret(const std::string& text) {
  const auto json = Json::Parse(text, "journal");
  const auto event = ParseJournalEvent(TextOf(json, "event"));
  if (!event) {
    return std::nullopt;
  }
  JournalEntry entry;
  entry.event = *event;
  entry.time = ParseTime(TextOf(json, "time"));
  entry.slot = ParseSlot(TextOf(json, "slot"));
  entry.version = TextOf(json, "version");
  entry.digest = TextOf(json, "digest");
  entry.boot_id = TextOf(json, "boot");
  entry.cause = ParseRollbackCause(TextOf(json, "cause"));
  entry.boot_check = ParseBootCheck(TextOf(json, "boot_check"));
  entry.reporter = TextOf(json, "reporter");
  entry.reason = TextOf(json, "reason");
  if (const auto* tries = json.Find("tries_left", "journal"); tries != nullptr) {
    const auto count = tries->AsInt("tries_left");
    if (count < 0 || count > kMostTries) {
      return std::nullopt;
    }
    entry.tries_left = static_cast<int>(count);
  }
  return entry;
}

std::optional<JournalEntry> ParseLine(std::string_view line) {
  const auto text = Unseal(line);
  if (!text) {
    return std::nullopt;
  }
  try {
    return Interpret(*text);
  } catch (const Error&) {
    return std::nullopt;  // sealed by a newer version, with members of another shape
  }
}

std::string_view TakeLine(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

bool IsStageMark(std::string_view line) {
  const auto entry = ParseLine(line);
  return entry && (entry->event == JournalEvent::kInitReached ||
                   entry->event == JournalEvent::kUserSpaceReached);
}

// What is kept of a journal that has grown too long: of its older half all but the stage marks that
// each boot leaves; and when that is not enough, only the newer half.
std::string Shorten(std::string_view text) {
  const auto half = text.find('\n', text.size() / 2);
  if (half == std::string_view::npos) {
    return {};
  }
  const auto newer = text.substr(half + 1);
  std::string kept;
  for (auto older = text.substr(0, half); !older.empty();) {
    const auto line = TakeLine(older);
    if (Unseal(line) && !IsStageMark(line)) {
      kept += std::string(line) + "\n";
    }
  }
  if (kept.size() + newer.size() > kJournalSizeLimit * 3 / 4) {
    kept.clear();
  }
  return kept.append(newer);
}

// The journal opened for appending, locked against other writers until it is closed. Another writer
// may have replaced the file while we waited for the lock; then the new one is taken.
UniqueFd OpenLocked(const std::filesystem::path& path) {
  for (;;) {
    auto fd = OpenFile(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NOCTTY, 0644);
    if (::flock(fd.get(), LOCK_EX) != 0) {
      ThrowErrno("locking " + path.string());
    }

    struct stat ours {};

    struct stat current {};

    if (::fstat(fd.get(), &ours) != 0) {
      ThrowErrno("reading " + path.string());
    }
    if (::stat(path.c_str(), &current) == 0 && current.st_ino == ours.st_ino &&
        current.st_dev == ours.st_dev) {
      return fd;
    }
  }
}

// A line that a power cut tore gets its end, so that the next one begins at a line's start.
bool EndsTorn(int fd, Bytes size, const std::string& name) {
  if (size == 0) {
    return false;
  }
  std::array<std::byte, 1> last{};
  ReadFull(fd, size - 1, last, name);
  return last[0] != std::byte{'\n'};
}

}  // namespace

std::string_view Name(JournalEvent event) {
  const auto* at = std::find_if(kEventNames.begin(), kEventNames.end(), [&](const auto& entry) {
    return entry.event == event;
  });
  return at->name;
}

std::optional<JournalEvent> ParseJournalEvent(std::string_view name) {
  const auto* at = std::find_if(kEventNames.begin(), kEventNames.end(), [&](const auto& entry) {
    return entry.name == name;
  });
  return at == kEventNames.end() ? std::nullopt : std::optional(at->event);
}

std::string_view Name(RollbackCause cause) {
  const auto* at = std::find_if(kCauseNames.begin(), kCauseNames.end(), [&](const auto& entry) {
    return entry.cause == cause;
  });
  return at->name;
}

std::optional<RollbackCause> ParseRollbackCause(std::string_view name) {
  const auto* at = std::find_if(kCauseNames.begin(), kCauseNames.end(), [&](const auto& entry) {
    return entry.name == name;
  });
  return at == kCauseNames.end() ? std::nullopt : std::optional(at->cause);
}

std::string_view Name(BootCheck check) {
  const auto* at = std::find_if(kCheckNames.begin(), kCheckNames.end(), [&](const auto& entry) {
    return entry.check == check;
  });
  return at->name;
}

std::optional<BootCheck> ParseBootCheck(std::string_view name) {
  const auto* at = std::find_if(kCheckNames.begin(), kCheckNames.end(), [&](const auto& entry) {
    return entry.name == name;
  });
  return at == kCheckNames.end() ? std::nullopt : std::optional(at->check);
}

std::string FormatJournalLine(const JournalEntry& entry) {
  auto json = Json::MakeObject();
  json.Set("time", FormatTime(entry.time));
  json.Set("event", Name(entry.event));
  if (entry.slot) {
    json.Set("slot", Name(*entry.slot));
  }
  SetText(json, "version", entry.version);
  SetText(json, "digest", entry.digest);
  if (entry.tries_left) {
    json.Set("tries_left", *entry.tries_left);
  }
  if (entry.cause) {
    json.Set("cause", Name(*entry.cause));
  }
  if (entry.boot_check) {
    json.Set("boot_check", Name(*entry.boot_check));
  }
  SetText(json, "reporter", entry.reporter);
  SetText(json, "reason", entry.reason);
  SetText(json, "boot", entry.boot_id);
  auto body = json.Dump();
  body.pop_back();  // the closing brace comes after the checksum
  const auto crc = Hex32(Crc32c(body));
  return body.append(kSeal).append(crc).append("\"}\n");
}

std::vector<JournalEntry> ParseJournal(std::string_view text) {
  std::vector<JournalEntry> entries;
  while (!text.empty()) {
    if (auto entry = ParseLine(TakeLine(text)); entry) {
      entries.push_back(std::move(*entry));
    }
  }
  return entries;
}

Journal::Journal(const std::filesystem::path& directory, const Clock& clock)
    : path_(directory / "journal"), clock_(clock) {}

void Journal::Append(JournalEntry entry, Durability durability) const {
  if (entry.time == 0) {
    entry.time = clock_.Now();
  }
  if (entry.boot_id.empty()) {
    entry.boot_id = RunningBootId();
  }
  auto line = FormatJournalLine(entry);
  const auto fd = OpenLocked(path_);

  struct stat status {};

  if (::fstat(fd.get(), &status) != 0) {
    ThrowErrno("reading " + path_.string());
  }
  const auto size = static_cast<Bytes>(status.st_size);
  if (EndsTorn(fd.get(), size, path_.string())) {
    line.insert(line.begin(), '\n');
  }
  WriteFull(fd.get(), size, AsBytes(line), path_.string());
  if (durability == Durability::kNow && ::fsync(fd.get()) != 0) {
    ThrowErrno("syncing " + path_.string());
  }
  if (durability == Durability::kNow && size == 0) {
    SyncDirectory(path_.parent_path());
  }
  if (size + line.size() > kJournalSizeLimit) {
    WriteFileAtomically(path_, AsBytes(Shorten(ReadFile(path_, kReadLimit))));
  }
}

std::vector<JournalEntry> Journal::Read() const {
  if (!std::filesystem::exists(path_)) {
    return {};
  }
  return ParseJournal(ReadFile(path_, kReadLimit));
}

const JournalEntry* FindBootCheck(std::span<const JournalEntry> entries, std::string_view boot_id) {
  const auto found = std::find_if(entries.rbegin(), entries.rend(), [&](const auto& entry) {
    return entry.event == JournalEvent::kInitReached && entry.boot_id == boot_id;
  });
  return found == entries.rend() || !found->boot_check ? nullptr : &*found;
}

std::string RunningBootId() {
  try {
    auto id = ReadFile("/proc/sys/kernel/random/boot_id", 256);
    std::erase(id, '\n');
    return id;
  } catch (const Error&) {
    return {};
  }
}

}  // namespace ros::health
