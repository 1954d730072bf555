#include "init/boot.hpp"

#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/slot.hpp"
#include "health/journal.hpp"
#include "health/watchdog.hpp"
#include "init/console.hpp"
#include "init/etc_layer.hpp"
#include "init/mount_plan.hpp"
#include "init/next_try.hpp"
#include "init/partition_wait.hpp"
#include "init/shared_directories.hpp"
#include "init/state_file_system.hpp"
#include "init/state_reset.hpp"
#include "init/switch_root.hpp"
#include "init/unified_boot.hpp"
#include "init/verity_device.hpp"

namespace ros::init {
namespace {

using health::BootArguments;
using health::JournalEvent;

constexpr const char* kVerityName = "ros-root";
constexpr Bytes kTextLimit = Bytes{16} << 20U;
constexpr std::uint64_t kBlockSize = 4096;

ModuleLoader::Insert InsertWith(Probing probing) {
  return [probing](const std::string& file) { return InsertModule(file, probing); };
}

using ModuleList = std::shared_ptr<const std::vector<ModuleEntry>>;

ModuleLoader MakeModuleLoader(WatchdogDrivers watchdogs, const ModuleList& list) {
  // A watchdog that is not there yet when it is opened would be taken for none.
  const auto probing = watchdogs == WatchdogDrivers::kLoad ? Probing::kSync : Probing::kAsync;
  return {list,
          ModuleAliases::Parse(ReadFile("/modules.alias", kTextLimit)),
          watchdogs,
          InsertWith(probing)};
}

// A boot whose arguments are not known yet may be a trial.
WatchdogDrivers WatchdogsFor(const std::optional<BootArguments>& arguments) {
  const bool none = arguments && (!arguments->trial || arguments->watchdog.count() == 0);
  return none ? WatchdogDrivers::kSkip : WatchdogDrivers::kLoad;
}

// Loads the modules of class `always` on a thread of its own while disks are looked for: half of
// the time of a boot goes into loading modules, and the kernel loads two at a time. A dependency
// that both want is loaded by one, and the kernel lets the other wait for it. Disks go first where
// there is one core: they need time to answer, in which the rest is loaded.
class BackgroundLoad {
 public:
  explicit BackgroundLoad(const ModuleList& list)
      : loader_(list, {}, WatchdogDrivers::kSkip, InsertWith(Probing::kAsync)), thread_([this] {
          constexpr int kLowest = 19;
          ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kLowest);
          loader_.LoadClass(ModuleClass::kAlways);
        }) {}

  BackgroundLoad(const BackgroundLoad&) = delete;
  BackgroundLoad& operator=(const BackgroundLoad&) = delete;
  BackgroundLoad(BackgroundLoad&&) = delete;
  BackgroundLoad& operator=(BackgroundLoad&&) = delete;

  ~BackgroundLoad() {
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  // Waits for the end of it.
  ModuleLoader& Finish() {
    if (thread_.joinable()) {
      thread_.join();
    }
    return loader_;
  }

 private:
  ModuleLoader loader_;
  std::thread thread_;
};

void TellFailures(ModuleLoader& modules) {
  for (const auto& [file, code] : modules.TakeFailures()) {
    // Drivers say ENODEV for hardware that they do not find: nothing to tell.
    if (code != ENODEV) {
      Complain("loading " + file + ": " + ::strerrordesc_np(code) + ", ignoring");
    }
  }
}

// Starts the watchdog of a trial, which is fed while work goes on here; then it counts on, for the
// gate to take over. Returns what a person should know when none could be started.
std::string ArmWatchdog(const BootArguments& arguments, ModuleLoader& modules, Guard& guard) {
  auto opening = health::OpenWatchdog("/dev", arguments.watchdog);
  if (opening.state == health::WatchdogState::kNone) {
    modules.LoadClass(ModuleClass::kFallbackWatchdog);
    opening = health::OpenWatchdog("/dev", arguments.watchdog);
  }
  if (opening.state != health::WatchdogState::kOpened) {
    Complain("no watchdog guards this trial: " + opening.explanation + ", ignoring");
    return "no watchdog guards this trial: " + opening.explanation;
  }
  guard.Feed(std::move(opening.watchdog));
  return {};
}

// Whether a partition holds the root with this hash. dm-verity must be loaded.
bool HoldsRoot(const partitions::PartitionNode& root,
               const std::string& root_hash,
               const std::string& salt,
               std::uint64_t blocks) {
  return blocks <= root.length / kBlockSize && MatchesRootHash({.device = root.device_number,
                                                                .blocks = blocks,
                                                                .root_hash = root_hash,
                                                                .salt = salt});
}

// Before anything is read from the root by what the kernel arguments say of it.
void CheckRoot(BootRecord& record, const BootPartitions& found, const SlotVerifier& verify) {
  const auto finding = verify ? verify(*record.arguments, found) : std::nullopt;
  if (!finding) {
    return;
  }
  record.root = DecideRoot(*record.arguments, *finding, [&](const RootIdentity& root) {
    return HoldsRoot(found.root, root.root_hash, root.salt, root.blocks);
  });
  const auto& decision = *record.root;
  if (decision.choice == RootChoice::kGiveUp) {
    throw Error(ErrorKind::kVerification, decision.text);
  }
  if (decision.choice == RootChoice::kSigned) {
    SetRoot(*record.arguments, *finding->root);
  }
  if (decision.check != health::BootCheck::kVerified) {
    Complain(decision.text);
  }
}

void MountRoot(const BootArguments& arguments, const partitions::PartitionNode& node) {
  // The tree is less than 1/127 of the data; its exact size is the kernel's business.
  if (arguments.verity_blocks > node.length / kBlockSize) {
    throw Error(
        ErrorKind::kVerification,
        "the root of " + SlotText(arguments.slot) + " is larger than its partition " + node.node);
  }
  const auto device = CreateVerityDevice(
      kVerityName,
      {.device = node.device_number,
       .blocks = arguments.verity_blocks,
       .root_hash = arguments.verity_root_hash,
       .salt = arguments.verity_salt,
       .on_corruption = arguments.trial ? OnCorruption::kRestart : OnCorruption::kError});
  try {
    MountDevice(device, kRootDirectory, arguments.root_file_system, MS_RDONLY, "");
  } catch (const Error& error) {
    if (IsCorrupted(kVerityName)) {
      throw Error(ErrorKind::kVerification,
                  "the root of " + SlotText(arguments.slot) + " on " + node.node +
                      " does not match its signed hash (dm-verity)");
    }
    throw error.WithContext("the root of " + SlotText(arguments.slot));
  }
}

// A journal that cannot be written is told and is no reason to stop.
void Append(const BootRecord& record,
            health::JournalEntry entry,
            health::Durability durability = health::Durability::kNow) {
  if (record.journal_directory.empty()) {
    return;
  }
  entry.slot = record.arguments->slot;
  entry.tries_left = record.arguments->trial;
  try {
    const SystemClock clock;
    health::Journal(record.journal_directory, clock).Append(std::move(entry), durability);
  } catch (const Error& error) {
    Complain("journal: " + error.message() + ", ignoring");
  }
}

void Note(const BootRecord& record, JournalEvent event, const std::string& reason) {
  Append(record, {.event = event, .reason = reason});
}

// The mark of this stage, and what the check of the slot came to: `ros status` reads it here. How
// far a trial came must outlive it, whatever happens next. A good slot has nothing to prove.
void NoteInitReached(const BootRecord& record) {
  health::JournalEntry entry{.event = JournalEvent::kInitReached};
  if (record.root) {
    entry.boot_check = record.root->check;
    entry.reason = record.root->text;
  }
  Append(record,
         std::move(entry),
         record.arguments->trial ? health::Durability::kNow : health::Durability::kSoon);
}

void OpenState(BootRecord& record, Guard& guard) {
  record.state_tried = true;
  const auto repaired = MountState(record.state_device, [&guard] { guard.Tick(); });
  const std::string directory = std::string(kStateDirectory) + "/ros";
  MakeDirectory(directory, 0755);
  record.journal_directory = directory;
  if (!repaired.empty()) {
    const auto sentence = "the state file system: " + repaired;
    Complain(sentence);
    Note(record, JournalEvent::kRepaired, sentence);
  }
}

// What `ros reset` has asked for. A trial leaves it to the good slot. What fails is told, and the
// boot goes on: a machine that is not quite empty is better than one that does not start.
void CarryOutReset(BootRecord& record, Guard& guard) {
  const auto scope = health::ReadResetRequest(record.journal_directory);
  if (!scope || record.arguments->trial) {
    return;
  }
  Say("factory reset: emptying the state partition");
  std::vector<std::string> told;
  try {
    told = ResetState(kStateDirectory, *scope, [&guard] { guard.Tick(); });
  } catch (const Error& error) {
    told.push_back(error.message());
  }
  for (const auto& trouble : told) {
    Complain("factory reset: " + trouble + ", ignoring");
  }
  const std::string rest = told.empty() ? "" : "; not all of it: " + told.front();
  Note(record, JournalEvent::kNote, "factory reset: the state partition was emptied" + rest);
  if (*scope == health::ResetScope::kContentAndTrust) {
    Note(record, JournalEvent::kTrustForgotten, "factory reset with --forget-trust");
  }
  try {
    health::RemoveResetRequest(record.journal_directory);
  } catch (const Error& error) {
    Complain("factory reset: " + error.message() + "; the next boot does it again");
  }
}

// Before this boot writes into the journal: it tells which slot was good until now.
void FindKept(BootRecord& record) {
  const auto& installation = record.arguments->kept;
  if (installation.empty()) {
    return;
  }
  record.kept = health::ReadKeptNote(record.journal_directory, installation);
  if (!record.kept) {
    const SystemClock clock;
    const auto entries = health::Journal(record.journal_directory, clock).Read();
    record.kept = {.installation = installation, .from = health::LastGoodSlot(entries)};
    health::WriteKeptNote(record.journal_directory, *record.kept);
  }
}

std::optional<SlotId> EtcToTakeOver(const BootRecord& record) {
  const bool open = record.kept && record.kept->stage == health::KeptNote::Stage::kFound;
  return open ? std::optional(record.kept->from) : std::nullopt;
}

void LayOut(BootRecord& record, Guard& guard) {
  const auto tick = [&guard] { guard.Tick(); };
  for (const auto& name : SharedDirectories()) {
    FillSharedDirectory(kRootDirectory, kStateDirectory, name, tick);
  }
  const auto& arguments = *record.arguments;
  PrepareEtc({.root = kRootDirectory,
              .state = kStateDirectory,
              .slot = arguments.slot,
              .trial = arguments.trial.has_value(),
              .root_hash = arguments.verity_root_hash,
              .take_from = EtcToTakeOver(record)},
             tick);
  if (EtcToTakeOver(record)) {
    record.kept->stage = health::KeptNote::Stage::kEtc;
    health::WriteKeptNote(record.journal_directory, *record.kept);
  }
  for (const auto& step : PlanMounts(arguments.slot)) {
    Mount(step);
  }
  record.journal_directory = std::string(kRootDirectory) + "/ros";
  // The mounts above keep the file system; this one would be seen by nobody.
  ::umount2(kStateDirectory, MNT_DETACH);
}

void TellSummary(const BootRecord& record) {
  const auto& arguments = *record.arguments;
  const auto hundredths = std::chrono::duration_cast<std::chrono::milliseconds>(
                              std::chrono::steady_clock::now() - record.start)
                              .count() /
                          10;
  const auto fraction = std::to_string(100 + hundredths % 100).substr(1);
  std::string trial;
  if (arguments.trial) {
    trial = ", trial, " + std::to_string(*arguments.trial) +
            (*arguments.trial == 1 ? " try left" : " tries left");
  }
  Say(SlotText(arguments.slot) + trial + ", " + std::to_string(hundredths / 100) + "." + fraction +
      " s");
}

// A reboot for a reason that was met before the state was mounted is told in the journal too, where
// the state can be mounted.
void MountStateForNote(BootRecord& record) {
  if (!record.arguments || record.state_tried) {
    return;
  }
  try {
    if (record.state_device.empty()) {
      const auto state = partitions::FindPartition(partitions::ListPartitions(),
                                                   record.arguments->state_partition);
      if (!state) {
        return;
      }
      record.state_device = state->node;
    }
    MountDevice(record.state_device, kStateDirectory, "ext4", MS_NOATIME, "errors=remount-ro");
    const std::string directory = std::string(kStateDirectory) + "/ros";
    MakeDirectory(directory, 0755);
    record.journal_directory = directory;
  } catch (const Error& error) {
    Complain("journal: " + error.message() + ", ignoring");
  }
}

}  // namespace

void BootUp(BootRecord& record, Guard& guard, const SlotVerifier& verify) {
  MountKernelFileSystems();
  auto line = ReadFile("/proc/cmdline", kTextLimit);
  const bool unified = health::IsUnifiedKernel(line);
  if (!unified) {
    record.arguments = health::ParseBootArguments(line);
  }

  DeviceEvents events;
  const auto list = std::make_shared<const std::vector<ModuleEntry>>(
      ParseModuleList(ReadFile("/modules.list", kTextLimit)));
  BackgroundLoad always(list);
  auto modules = MakeModuleLoader(WatchdogsFor(record.arguments), list);
  if (unified) {
    const auto wanted = health::ParseSignedArguments(line);
    line = FindCommandLine(line, modules, events, [&](const partitions::PartitionNode& root) {
      always.Finish();  // dm-verity is among them
      return HoldsRoot(root, wanted.verity_root_hash, wanted.verity_salt, wanted.verity_blocks);
    });
    ShowCommandLine(line);
    record.arguments = health::ParseBootArguments(line);
  }
  const auto& arguments = *record.arguments;
  const auto found = WaitForPartitions(arguments, modules, events);
  TellFailures(modules);
  TellFailures(always.Finish());
  record.state_device = found.state.node;
  guard.Tick();

  std::string watchdog;
  if (arguments.trial && arguments.watchdog.count() > 0) {
    watchdog = ArmWatchdog(arguments, modules, guard);
  }
  CheckRoot(record, found, verify);
  MountRoot(arguments, found.root);
  // A copy of the disk may have appeared meanwhile; nothing has been written yet.
  const auto nodes = LookAgain(found.all, events);
  Choose(nodes, arguments);
  try {
    ArmNextTry(arguments, nodes);
  } catch (const Error& error) {
    Complain(error.message() + ", ignoring");
  }
  OpenState(record, guard);
  FindKept(record);
  NoteInitReached(record);
  if (!watchdog.empty()) {
    Note(record, JournalEvent::kWatchdog, watchdog);
  }
  CarryOutReset(record, guard);
  LayOut(record, guard);
  SwitchRoot();
  record.journal_directory = "/ros";
  TellSummary(record);
}

void GiveUp(const BootRecord& record, Guard& guard, const std::string& why) {
  Complain(why);
  auto last = record;
  MountStateForNote(last);
  Note(last, JournalEvent::kEarlyFailure, why);
  guard.Tick();
  const bool trial = record.arguments && record.arguments->trial;
  const auto pause =
      trial ? std::chrono::seconds(0) : record.arguments.value_or(BootArguments{}).pause;
  Complain(pause.count() == 0 ? "rebooting"
                              : "rebooting in " + std::to_string(pause.count()) + " s");
  for (auto left = pause; left.count() > 0; --left) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    guard.Tick();
  }
  ::sync();
  ::reboot(RB_AUTOBOOT);
  for (;;) {
    ::pause();
  }
}

}  // namespace ros::init
