// Power cuts at every write of an upgrade.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "base/interrupt.hpp"
#include "base/process.hpp"
#include "images/channel_archive.hpp"
#include "installer/channel_memory.hpp"
#include "installer/trusted_channel.hpp"
#include "installer/trusted_image.hpp"
#include "tests/installer/support/upgrade_story.hpp"

namespace ros::installer {
namespace {

// Which policy is in force follows from the boot state and what was recorded before the slot could
// boot: a slot that is complete has its record, and until the commit the good slot's policy counts.
void CheckPolicy(const Story& story,
                 const std::filesystem::path& memory,
                 const std::shared_ptr<BlockDevice>& disk) {
  REQUIRE(PolicyInForce(memory, disk, story.installed.layout) == ImageShelf::PolicyName("1"));
  const auto boot = partitions::FatVolume::Open(story.Part(disk, PartitionRole::kBoot));
  if (ReadSlotContent(boot, SlotId::kB).complete) {
    REQUIRE(ReadVerifiedSlots(memory).at(SlotId::kB) == VerifiedSlotOf(story.v2.image));
  }
}

// The document is remembered before anything of the disk is written, and takes the upgrade up
// again.
void CheckChannel(const Story& story, const std::filesystem::path& memory) {
  const auto shown = story.Document();
  const trust::AcceptedChannel accepted{.serial = 7, .digest = shown.digest};
  REQUIRE(ReadChannelMemory(memory) == ChannelMemory{{"stable", accepted}});
  for (const auto& rule : trust::JudgeChannel({}, shown, accepted, 0)) {
    REQUIRE(rule.met);
  }
}

// Sends this process SIGTERM when it is asked for the time for the n-th time; never for 0.
class InterruptingClock final : public Clock {
 public:
  explicit InterruptingClock(int when) : when_(when) {}

  [[nodiscard]] UnixTime Now() const override {
    if (++asked_ == when_) {
      ::kill(::getpid(), SIGTERM);
    }
    return 0;
  }

  [[nodiscard]] bool IsSynchronized() const override { return false; }

  [[nodiscard]] std::chrono::milliseconds SinceBoot() const override {
    return std::chrono::milliseconds(0);
  }

  [[nodiscard]] int asked() const { return asked_; }

 private:
  int when_;
  mutable int asked_ = 0;
};

// The same when the root is to be read back.
class InterruptingProgress final : public Progress {
 public:
  void Begin(std::string_view step, Bytes /*total*/) override {
    if (step == "reading the root back") {
      ::kill(::getpid(), SIGTERM);
    }
  }

  void Update(Bytes /*done*/) override {}

  void End() override {}

  void Warn(std::string_view /*message*/) override {}
};

// Takes the signal away again, so that the test's process lives on.
void TakeInterruptAway() {
  REQUIRE(WaitingInterrupt() == SIGTERM);
  const auto signals = InterruptSignals();
  static_cast<void>(::sigwaitinfo(&signals, nullptr));
}

}  // namespace

TEST_CASE("ApplyUpgrade: an interrupt ends it until the trial is armed, and not any more then",
          "[crash]") {
  ::signal(SIGTERM, SIG_DFL);
  const InterruptGuard guard;
  const Story story;
  auto plan = story.Plan();
  plan.steps.emplace_back(Reboot{});
  auto overlay = std::make_shared<OverlayDisk>(story.disk);
  bool rebooted = false;
  const auto apply = [&](const Clock& clock, Progress& progress) {
    ApplyUpgrade(plan,
                 {.source = *story.v2.source,
                  .image = story.v2.image,
                  .open = [&](PartitionRole role,
                              DeviceAccess /*access*/) { return story.Part(overlay, role); },
                  .state = story.state.path(),
                  .clock = clock,
                  .progress = progress,
                  .reboot = [&] { rebooted = true; }});
  };
  SECTION("before") {
    const InterruptingClock clock(0);
    InterruptingProgress progress;
    CHECK_THROWS_WITH(apply(clock, progress), Catch::Contains("interrupted by SIGTERM"));
    TakeInterruptAway();
    CHECK_FALSE(rebooted);
    CHECK(WhatBoots(overlay, story.installed.layout).version == "1");
  }
  SECTION("after") {
    // The last time that is asked for is that of the entry that the trial is armed.
    NoProgress progress;
    const InterruptingClock counting(0);
    apply(counting, progress);
    REQUIRE(counting.asked() > 1);
    rebooted = false;
    overlay = std::make_shared<OverlayDisk>(story.disk);
    const auto times = counting.asked();
    const InterruptingClock clock(times);
    apply(clock, progress);
    TakeInterruptAway();
    CHECK(rebooted);
    CHECK(WhatBoots(overlay, story.installed.layout).version == "2");
  }
}

TEST_CASE("ApplyUpgrade: a channel's document is remembered first of all", "[crash]") {
  const Story story;
  const auto plan = story.Plan();
  REQUIRE(std::holds_alternative<RememberDocument>(plan.steps.front()));
  // A cut at the very first write to the disk.
  const auto overlay = std::make_shared<OverlayDisk>(story.disk);
  PowerSupply power(AllCuts(1).front());
  REQUIRE_FALSE(story.Run(plan, std::make_shared<CrashingDevice>(overlay, power)));
  CheckChannel(story, story.state.path());
  // And one before it: nothing is known, and nothing was written.
  std::filesystem::remove(story.state.path() / kChannelMemoryFile);
  REQUIRE(WhatBoots(overlay, story.installed.layout).version == "1");
  REQUIRE(story.Run(story.Plan(), story.disk));
  // The same document a second time is nothing new.
  const auto again = story.Plan();
  CHECK(std::ranges::none_of(again.steps, [](const UpgradeStep& step) {
    return std::holds_alternative<RememberDocument>(step);
  }));
}

TEST_CASE("ApplyUpgrade: what a channel refuses leaves disk and memory as they were", "[crash]") {
  const Story story;
  const auto key = keys::PrivateKey::Generate(keys::KeyType::kEd25519);
  const auto image = story.v2.source->name();
  auto policy = trust::PolicyOf(story.shelf.trust());
  policy.keys.push_back({.name = "channel",
                         .role = "channel",
                         .key = key.Public(),
                         .valid_from = std::nullopt,
                         .valid_until = std::nullopt});
  policy.restrictions.channels = {{.name = "stable", .thresholds = {{1, "channel"}}}};
  // As `ros upgrade --channel` does it.
  const auto upgrade = [&](const trust::Channel& channel) {
    const TempDirectory directory;
    const auto file = directory.path() / "document";
    images::WriteChannelArchive(trust::WriteChannel(channel), channel.name, file);
    images::SignChannel(file, key, channel.name);
    NoProgress progress;
    const auto rules = WithChannel({.policy = policy, .source = "the test's", .now = 1000},
                                   {.named = file, .image = LocateImage(image)},
                                   [&] { return ReadChannelMemory(story.state.path()); });
    const auto opened =
        OpenTrustedImage(LocateImage(image), rules, images::SignaturePolicy::kRequired, progress);
    const auto plan = PlanUpgrade(
        InspectUpgrade(
            story.machine, {.source = *opened.source, .image = opened.image}, rules, progress),
        {.after = AfterWriting::kArm});
    REQUIRE(story.Run(plan, story.disk));
  };
  const auto checksum = [&] {
    keys::Sha256 hash;
    std::vector<std::byte> piece(std::size_t{4} << 20U);
    for (Bytes at = 0; at < kSmallDisk; at += piece.size()) {
      story.disk->Read(at, piece);
      hash.Update(piece);
    }
    return hash.Finish();
  };
  auto channel = story.Document().channel;
  channel.created = 500;
  channel.not_after = 1000;
  const auto refused = [&](const trust::Channel& shown, const char* says) {
    const auto before = checksum();
    const auto memory = ReadChannelMemory(story.state.path());
    CHECK_THROWS_WITH(upgrade(shown), Catch::Contains(says));
    CHECK(checksum() == before);
    CHECK(ReadChannelMemory(story.state.path()) == memory);
  };
  auto shown = channel;
  shown.not_after = 999;
  refused(shown, "it expired on");
  shown = channel;
  shown.releases.clear();
  refused(shown, "is not in channel stable");

  upgrade(channel);
  CHECK(WhatBoots(story.disk, story.installed.layout).version == "2");
  CHECK(ReadChannelMemory(story.state.path()).at("stable").serial == 7);
  shown = channel;
  shown.serial = 6;
  refused(shown, "serial 7 has been accepted already");
  shown = channel;
  shown.halted = true;
  refused(shown, "two documents have the same serial");
}

TEST_CASE("ApplyUpgrade: where the document cannot be remembered the disk stays as it is",
          "[crash]") {
  const Story story;
  const auto plan = story.Plan();
  WriteFileAtomically(story.state.path() / kChannelMemoryFile, AsBytes("damaged"));
  const auto writes = CountWrites([&](PowerSupply& power) {
    const auto overlay = std::make_shared<OverlayDisk>(story.disk);
    CHECK_THROWS_WITH(story.Run(plan, std::make_shared<CrashingDevice>(overlay, power)),
                      Catch::Contains("channels.json"));
  });
  CHECK(writes == 0);
  CHECK_THROWS_WITH(story.Plan(), Catch::Contains("remove the file"));
}

TEST_CASE("InspectUpgrade: a slot that was committed in this boot is good", "[crash]") {
  Story story;
  REQUIRE(story.Run(story.Plan(), story.disk));
  const auto store = OpenBootState(OpenBootVolume(story.machine, DeviceAccess::kWrite));
  auto state = store->Load().state().value();
  state.trial->started = true;
  store->Store(bootloader::Commit(state, SlotId::kB));
  // The kernel's command line is that of the trial, until the next boot.
  story.machine.running = health::BootArguments{.slot = SlotId::kB, .trial = 2};
  const auto v3 = story.shelf.Make("3");
  NoProgress progress;
  const auto plan = PlanUpgrade(
      InspectUpgrade(story.machine, {.source = *v3.source, .image = v3.image}, {}, progress), {});
  CHECK(plan.target == SlotId::kA);
  CHECK_FALSE(plan.steps.empty());
}

TEST_CASE("ApplyUpgrade: a boot partition that fsck.vfat -a cut short is mended and written",
          "[crash]") {
  const Story story;
  const auto& boot = story.installed.layout.Get(PartitionRole::kBoot);
  MemoryDisk partition(boot.length);
  std::vector<std::byte> bytes(boot.length);
  story.disk->Read(boot.offset, bytes);
  partition.Write(0, bytes);
  static_cast<void>(RunProcess({.argv = {"fsck.vfat", "-a", partition.name()}}));
  partition.Read(0, bytes);
  story.disk->Write(boot.offset, bytes);
  REQUIRE(OpenBootVolume(story.machine, DeviceAccess::kRead).Find("/B/KERNEL").allocated == 0);

  const auto plan = story.Plan();
  CHECK(std::holds_alternative<RepairBootPartition>(plan.steps.at(1)));
  REQUIRE(story.Run(plan, story.disk));
  const auto outcome = WhatBoots(story.disk, story.installed.layout);
  CHECK(outcome.fault.empty());
  CHECK(outcome.version == "2");
  CHECK(outcome.trial);
}

TEST_CASE("ApplyUpgrade: ends with a complete trial of the new version", "[crash]") {
  const Story story;
  const auto overlay = std::make_shared<OverlayDisk>(story.disk);
  CHECK(WhatBoots(overlay, story.installed.layout).version == "1");
  REQUIRE(story.Run(story.Plan(), overlay));
  const auto outcome = WhatBoots(overlay, story.installed.layout);
  CHECK(outcome.fault.empty());
  CHECK(outcome.version == "2");
  CHECK(outcome.trial);
}

TEST_CASE("InspectUpgrade: a target whose kernel was damaged is written anew", "[crash]") {
  const Story story;
  REQUIRE(story.Run(story.Plan(), story.disk));
  const auto boot = OpenBootVolume(story.machine, DeviceAccess::kWrite);
  OpenBootState(boot)->Store({.good = SlotId::kA});  // As after a failed trial.
  const auto writes_root = [&] {
    const auto plan = story.Plan();
    return std::any_of(plan.steps.begin(), plan.steps.end(), [](const auto& step) {
      return std::holds_alternative<WriteSlotRoot>(step);
    });
  };
  CHECK_FALSE(writes_root());
  boot.Find("/B/KERNEL").data.Write(100, AsBytes("damage"));
  CHECK(writes_root());
  CHECK_FALSE(BootFilesAreSound(boot, SlotId::kB));
  CHECK(BootFilesAreSound(boot, SlotId::kA));
  // GRUB would not start these either.
  for (const auto* name : {"/A/SUMS", "/A/GRUB.CFG"}) {
    INFO(name);
    const auto file = boot.Find(name).data;
    std::byte byte{};
    file.Read(10, MutableByteSpan(&byte, 1));
    const std::byte changed = byte ^ std::byte{1};
    file.Write(10, ByteSpan(&changed, 1));
    CHECK_FALSE(BootFilesAreSound(boot, SlotId::kA));
    file.Write(10, ByteSpan(&byte, 1));
    CHECK(BootFilesAreSound(boot, SlotId::kA));
  }
}

TEST_CASE("ApplyUpgrade: after a cut at any write a whole slot boots, and the upgrade goes on",
          "[crash]") {
  using bootloader::LoaderKind;
  const Story story{GENERATE(LoaderKind::kGrub, LoaderKind::kSyslinux, LoaderKind::kGrubUki)};
  INFO(Name(story.loader));
  const auto plan = story.Plan();
  const auto writes = CountWrites([&](PowerSupply& power) {
    const auto overlay = std::make_shared<OverlayDisk>(story.disk);
    story.Run(plan, std::make_shared<CrashingDevice>(overlay, power));
  });
  REQUIRE(writes >= 10);  // Of a unified kernel: it has two files less.
  // The ADV's first copy is what syslinux goes by; the second comes after it.
  const auto decides = story.loader == bootloader::LoaderKind::kSyslinux ? writes - 1 : writes;
  for (const auto& cut : AllCuts(writes)) {
    const auto overlay = std::make_shared<OverlayDisk>(story.disk);
    PowerSupply power(cut);
    const TempDirectory memory("ros-test");
    story.FillMemory(memory.path());
    const bool finished =
        story.Run(plan, std::make_shared<CrashingDevice>(overlay, power), memory.path());
    INFO("cut at write " << cut.write << " of " << writes << ", moment "
                         << static_cast<int>(cut.moment) << ", unsynced "
                         << static_cast<int>(cut.unsynced));
    REQUIRE_FALSE(finished);
    const auto outcome = WhatBoots(overlay, story.installed.layout);
    INFO("boots version " << outcome.version << ": " << outcome.fault);
    REQUIRE(outcome.slot);
    REQUIRE(outcome.fault.empty());
    REQUIRE(outcome.version == (outcome.trial ? "2" : "1"));
    CheckPolicy(story, memory.path(), overlay);
    CheckChannel(story, memory.path());
    if (outcome.trial) {
      REQUIRE(cut.write >= decides);
    } else {
      REQUIRE(story.Run(plan, overlay, memory.path()));
      const auto again = WhatBoots(overlay, story.installed.layout);
      REQUIRE(again.version == "2");
      REQUIRE(again.fault.empty());
    }
  }
}

}  // namespace ros::installer
