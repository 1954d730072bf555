#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/slot.hpp"

namespace ros::health {

// What happened. The names in the file are stable (health/README.md).
enum class JournalEvent {
  kInstalled,         // "installed"          the disk was made, `slot` holds the first image
  kUpgradeIntent,     // "upgrade-intent"     `slot` is written and complete, the trial comes next
  kTrialStarted,      // "trial-started"      the boot state names `slot` as the trial
  kTrialAbandoned,    // "trial-abandoned"    a pending trial was dropped by the user's word
  kInitReached,       // "init-reached"       ros-init has root and state of `slot`
  kUserSpaceReached,  // "userspace-reached"  the gate started in `slot`
  kGateFailed,    // "gate-failed"        the gate could not judge the trial in `slot`, see `reason`
  kCommitted,     // "committed"          `slot` is the good slot now
  kRolledBack,    // "rolled-back"        `slot` is the one that was left; see `cause`
  kEarlyFailure,  // "early-failure"      ros-init gave up on `slot`
  kWatchdog,      // "watchdog"           something about the watchdog that a person should know
  kInsecure,      // "insecure"           an unsigned image was accepted by --insecure
  kTrustForgotten,  // "trust-forgotten"    keys and epoch were dropped by --forget-trust
  kRepaired,        // "repaired"           a file system or a boot-state copy was repaired
  kNote,            // "note"               anything else worth keeping
};

std::string_view Name(JournalEvent event);
std::optional<JournalEvent> ParseJournalEvent(std::string_view name);

// Why a slot was left.
enum class RollbackCause {
  kReporterFailed,  // "reporter-failed"   a required reporter said fail
  kDeadline,        // "deadline"          a required reporter was not heard in time
  kTriesUsedUp,     // "tries-used-up"     every try ended in a reset without a verdict
  kLoaderFellBack,  // "loader-fell-back"  its kernel or initrd did not load or match
  kByHand,          // "by-hand"           `ros rollback`
};

std::string_view Name(RollbackCause cause);
std::optional<RollbackCause> ParseRollbackCause(std::string_view name);

// What the check of a boot's slot against the keys in its initrd came to (docs/security.md).
enum class BootCheck {
  kVerified,        // "verified"          root hash and all that comes with it are what was signed
  kSignedRootUsed,  // "signed-root-used"  the kernel arguments named another root than was signed
  kNotVerified,     // "not-verified"      nothing that is signed was found; the arguments' root ran
};

std::string_view Name(BootCheck check);
std::optional<BootCheck> ParseBootCheck(std::string_view name);

// One thing that happened. Fields that do not apply stay empty and are left out of the file.
struct JournalEntry {
  UnixTime time = 0;  // 0: Append fills in the clock's
  JournalEvent event = JournalEvent::kNote;
  std::optional<SlotId> slot;
  std::string version;
  std::string digest;   // of the image manifest, "sha256:..."
  std::string boot_id;  // /proc/sys/kernel/random/boot_id; empty: Append fills in the running one
  std::optional<int> tries_left;
  std::optional<RollbackCause> cause;
  std::optional<BootCheck> boot_check;  // of kInitReached; none where there was no check
  std::string reporter;
  std::string reason;  // one sentence for people

  bool operator==(const JournalEntry&) const = default;
};

// The append-only history `<state>/journal`: one JSON object a line, the last member `crc` being
// the CRC-32C of the line before it. A line that a power cut tore, or that was damaged, is skipped
// in reading and never an error. Beyond 1 MiB the older half is dropped in one atomic step.
enum class Durability {
  kNow,
  kSoon,  // when the file system writes its own journal next (ext4: within 5 s)
};

class Journal {
 public:
  // `directory` is the state directory (/ros). Nothing is opened or made yet.
  Journal(const std::filesystem::path& directory, const Clock& clock);

  // Adds one entry; with kNow it is durable when this returns. Strings are cut to 1024 bytes.
  // Throws kFailed.
  void Append(JournalEntry entry, Durability durability = Durability::kNow) const;

  // All whole entries, oldest first; empty when there is no journal. Entries whose event this
  // version does not know are skipped. Throws kFailed when the file cannot be read.
  [[nodiscard]] std::vector<JournalEntry> Read() const;

 private:
  std::filesystem::path path_;
  const Clock& clock_;
};

// The two halves of the file format, for tests and for who has only the text.
std::string FormatJournalLine(const JournalEntry& entry);
std::vector<JournalEntry> ParseJournal(std::string_view text);

// What ros-init found when it checked this boot's slot; nullptr where it did not check or its entry
// is not there any more.
const JournalEntry* FindBootCheck(std::span<const JournalEntry> entries, std::string_view boot_id);

// The running kernel's boot id; empty when /proc does not tell.
std::string RunningBootId();

}  // namespace ros::health
