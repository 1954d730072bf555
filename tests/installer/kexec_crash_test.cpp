// An upgrade that starts its trial without firmware: what the new kernel is given, and power cuts.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "health/journal.hpp"
#include "installer/upgrade.hpp"
#include "partitions/boot_file_system.hpp"
#include "tests/installer/support/installed_disk.hpp"
#include "tests/installer/support/overlay_disk.hpp"
#include "tests/support/crashing_device.hpp"
#include "tests/support/warnings.hpp"

namespace ros::installer {
namespace {

using namespace ros::testing;  // NOLINT(google-build-using-namespace): the tools of these tests.
using bootloader::BootState;
using bootloader::Trial;
using partitions::PartitionRole;

std::string Content(const UniqueFd& file) {
  struct stat status {};

  REQUIRE(::fstat(file.get(), &status) == 0);
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  ReadFull(file.get(), 0, AsWritableBytes(text), "a kernel");
  return text;
}

// A kernel that takes another one, or says why not.
class FakeKernel final : public KernelStarter {
 public:
  void Load(const SlotKernel& kernel, const std::string& command_line) override {
    if (!refusal.empty()) {
      throw Error(ErrorKind::kFailed, refusal);
    }
    loaded = true;
    at_load();
    kernel_bytes = Content(kernel.kernel);
    initrd_bytes = Content(kernel.initrd);
    line = command_line;
  }

  void Start() override {
    REQUIRE(loaded);
    at_start();
    if (!jumps) {
      throw Error(ErrorKind::kFailed, "no jump");
    }
    started = true;
  }

  void Forget() noexcept override { loaded = false; }

  std::string refusal;
  bool jumps = true;
  std::function<void()> at_load = [] {};
  std::function<void()> at_start = [] {};

  bool loaded = false;
  bool started = false;
  std::string kernel_bytes;
  std::string initrd_bytes;
  std::string line;
};

constexpr int kTries = 2;

struct Story {
  ImageShelf shelf;
  SmallImage v1 = shelf.Make("1");
  SmallImage v2 = shelf.Make("2");
  TempDirectory state;
  SystemClock clock;
  std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>(kSmallDisk);
  InstallPlan installed = InstallOn(disk, disk->name(), shelf, v1);
  Machine machine = {.disk = partitions::OpenRosDisk(disk->name()),
                     .state = state.path(),
                     .running = health::BootArguments{.slot = SlotId::kA}};
  FakeKernel kernel;
  Warnings warnings;
  int reboots = 0;

  [[nodiscard]] UpgradePlan Plan() const {
    NoProgress progress;
    auto facts = InspectUpgrade(machine, {.source = *v2.source, .image = v2.image}, {}, progress);
    facts.kexec_obstacle.clear();  // What the machine of the test can does not matter.
    return PlanUpgrade(facts, {.after = AfterWriting::kArmKexec, .tries = kTries});
  }

  void Run(const UpgradePlan& plan, const std::shared_ptr<BlockDevice>& device) {
    const auto open = [&](PartitionRole role, DeviceAccess /*access*/) {
      const auto& part = installed.layout.Get(role);
      return Region(device, part.offset, part.length);
    };
    ApplyUpgrade(plan,
                 {.source = *v2.source,
                  .image = v2.image,
                  .open = open,
                  .state = state.path(),
                  .clock = clock,
                  .progress = warnings,
                  .reboot = [this] { ++reboots; },
                  .starter = &kernel});
  }

  [[nodiscard]] BootState StateOn(const std::shared_ptr<BlockDevice>& device) const {
    const auto& part = installed.layout.Get(PartitionRole::kBoot);
    const auto boot = partitions::FatVolume::Open(Region(device, part.offset, part.length));
    return OpenBootState(boot)->Load().state().value();
  }

  [[nodiscard]] std::string LastNote() const {
    return health::Journal(state.path(), clock).Read().back().reason;
  }
};

constexpr BootState kArmed = {SlotId::kA, Trial{SlotId::kB, kTries, false}};
constexpr BootState kTaken = {SlotId::kA, Trial{SlotId::kB, kTries - 1, true}};

}  // namespace

TEST_CASE("ApplyUpgrade: a kernel that was loaded is forgotten where the trial is not armed",
          "[crash]") {
  ::signal(SIGTERM, SIG_DFL);
  const InterruptGuard guard;
  Story story;
  story.kernel.at_load = [] { ::kill(::getpid(), SIGTERM); };
  CHECK_THROWS_WITH(story.Run(story.Plan(), story.disk), "interrupted by SIGTERM");
  const auto signals = InterruptSignals();
  static_cast<void>(::sigwaitinfo(&signals, nullptr));
  CHECK_FALSE(story.kernel.loaded);
  CHECK(story.StateOn(story.disk) == BootState{SlotId::kA});
}

TEST_CASE("ApplyUpgrade: kexec starts the trial's kernel as the boot loader would", "[crash]") {
  Story story;
  BootState at_start;
  story.kernel.at_start = [&] { at_start = story.StateOn(story.disk); };
  const auto plan = story.Plan();
  story.Run(plan, story.disk);
  CHECK(story.kernel.started);
  CHECK(story.reboots == 0);
  INFO("the try is on the disk before the jump");
  CHECK(at_start == kTaken);

  const auto boot = OpenBootVolume(story.machine, DeviceAccess::kRead);
  CHECK(story.kernel.kernel_bytes == boot.ReadContent("/B/KERNEL", Bytes{64} << 20U));
  CHECK(story.kernel.initrd_bytes == boot.ReadContent("/B/INITRD", Bytes{64} << 20U));
  const auto told = health::ParseBootArguments(story.kernel.line);
  CHECK(told.slot == SlotId::kB);
  CHECK(told.trial == kTries - 1);
  CHECK(told.boot_partition == story.machine.disk.Get(PartitionRole::kBoot).uuid);
  CHECK(told.root_partition == story.machine.disk.Get(partitions::RoleOf(SlotId::kB)).uuid);
  CHECK(told.state_partition == story.machine.disk.Get(PartitionRole::kState).uuid);
  CHECK(told.verity_root_hash == story.v2.image.config.root.verity.root_hash);
  CHECK_THAT(story.LastNote(), Catch::Contains("kexec"));
}

TEST_CASE("ApplyUpgrade: a kernel that starts no other one reboots, and no try is taken",
          "[crash]") {
  Story story;
  story.kernel.refusal = "it is locked down";
  story.Run(story.Plan(), story.disk);
  CHECK_FALSE(story.kernel.started);
  CHECK(story.reboots == 1);
  CHECK(story.StateOn(story.disk) == kArmed);
  CHECK_THAT(story.warnings.text, Catch::Contains("it is locked down"));
}

TEST_CASE("ApplyUpgrade: a jump that fails costs its try and reboots", "[crash]") {
  Story story;
  story.kernel.jumps = false;
  story.Run(story.Plan(), story.disk);
  CHECK(story.reboots == 1);
  CHECK_FALSE(story.kernel.loaded);
  CHECK(story.StateOn(story.disk) == kTaken);
  CHECK_THAT(story.LastNote(), Catch::Contains("no jump"));
}

TEST_CASE("ApplyUpgrade: a kernel that was damaged since is not started, and nothing is armed",
          "[crash]") {
  for (const auto* name : {"/B/KERNEL", "/B/INITRD"}) {
    Story story;
    story.Run(story.Plan(), story.disk);
    const auto boot = OpenBootVolume(story.machine, DeviceAccess::kWrite);
    OpenBootState(boot)->Store({.good = SlotId::kA});
    const auto plan = story.Plan();  // Finds the slot whole.
    REQUIRE(plan.steps.size() == 4);
    story.kernel.started = false;
    boot.Find(name).data.Write(100, AsBytes("damage"));
    CHECK_THROWS_WITH(story.Run(plan, story.disk), Catch::Contains(name));
    CHECK_FALSE(story.kernel.started);
    CHECK(story.reboots == 0);
    CHECK(story.StateOn(story.disk) == BootState{.good = SlotId::kA});
  }
}

TEST_CASE("ApplyUpgrade: a cut around the jump costs one try at most", "[crash]") {
  Story story;
  const auto plan = story.Plan();
  const auto writes = CountWrites([&](PowerSupply& power) {
    const auto overlay = std::make_shared<OverlayDisk>(story.disk);
    story.Run(plan, std::make_shared<CrashingDevice>(overlay, power));
  });
  // The last two writes: the trial is armed, and its try is taken.
  REQUIRE(writes > 10);
  story.kernel.started = false;
  bool armed = false;
  bool taken = false;
  for (const auto& cut : AllCuts(writes)) {
    const auto overlay = std::make_shared<OverlayDisk>(story.disk);
    PowerSupply power(cut);
    INFO("cut at write " << cut.write << " of " << writes << ", moment "
                         << static_cast<int>(cut.moment) << ", unsynced "
                         << static_cast<int>(cut.unsynced));
    REQUIRE_THROWS_AS(story.Run(plan, std::make_shared<CrashingDevice>(overlay, power)), PowerCut);
    REQUIRE_FALSE(story.kernel.started);
    const auto state = story.StateOn(overlay);
    armed = armed || state == kArmed;
    taken = taken || state == kTaken;
    REQUIRE((!state.trial || state == kArmed || state == kTaken));
    const auto outcome = WhatBoots(overlay, story.installed.layout);
    REQUIRE(outcome.fault.empty());
    REQUIRE(outcome.version == (state.trial ? "2" : "1"));
  }
  CHECK(armed);
  CHECK(taken);
}

}  // namespace ros::installer
