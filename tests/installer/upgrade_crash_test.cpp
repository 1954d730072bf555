// Power cuts at every write of an upgrade.
#include <catch2/catch.hpp>

#include "base/process.hpp"
#include "images/channel_archive.hpp"
#include "installer/channel_memory.hpp"
#include "installer/trusted_channel.hpp"
#include "installer/trusted_image.hpp"
#include "installer/upgrade.hpp"
#include "installer/verified_slots.hpp"
#include "tests/images/support/remote_image.hpp"
#include "tests/installer/support/installed_disk.hpp"
#include "tests/installer/support/overlay_disk.hpp"
#include "tests/support/crashing_device.hpp"

namespace ros::installer {
namespace {

using namespace ros::testing;  // NOLINT(google-build-using-namespace): the tools of these tests.
using partitions::PartitionRole;

// An installed disk with version 1, and the plan of an upgrade to version 2.
struct Story {
  bootloader::LoaderKind loader = bootloader::LoaderKind::kGrub;
  ImageShelf shelf{loader};
  SmallImage v1 = shelf.Make("1");
  SmallImage v2 = shelf.Make("2");
  std::unique_ptr<images::ImageSource> file;  // of version 2, once it is remote
  TempDirectory state{"ros-test"};
  std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>(kSmallDisk);
  InstallPlan installed = InstallOn(disk, disk->name(), shelf, v1, loader);
  Machine machine = {.disk = partitions::OpenRosDisk(disk->name()),
                     .state = state.path(),
                     .running = health::BootArguments{.slot = SlotId::kA}};

  // From now on version 2 comes over a network, which counts what is read.
  const images::fakes::RemoteImage& MakeRemote() {
    file = std::move(v2.source);
    auto remote = std::make_unique<images::fakes::RemoteImage>(*file);
    const auto& counted = *remote;
    v2.source = std::move(remote);
    return counted;
  }

  [[nodiscard]] Region Part(const std::shared_ptr<BlockDevice>& device, PartitionRole role) const {
    const auto& part = installed.layout.Get(role);
    return {device, part.offset, part.length};
  }

  // As an installation leaves it.
  void FillMemory(const std::filesystem::path& memory) const {
    RememberVerifiedSlot(memory, SlotId::kA, VerifiedSlotOf(v1.image));
  }

  // What has released version 2.
  [[nodiscard]] trust::ShownChannel Document() const {
    return {.channel = {.name = "stable",
                        .serial = 7,
                        .releases = {{.version = "2", .digest = v2.image.manifest.digest}}},
            .digest = keys::Sha256Of(AsBytes("serial 7"))};
  }

  [[nodiscard]] UpgradePlan Plan() const {
    NoProgress progress;
    const TrustRules rules{.channel = Document()};
    return PlanUpgrade(InspectUpgrade(machine, *v2.source, v2.image, rules, progress),
                       {.after = AfterWriting::kArm});
  }

  // Runs the plan on `device`; false when the power went.
  bool Run(const UpgradePlan& plan, const std::shared_ptr<BlockDevice>& device) const {
    return Run(plan, device, state.path());
  }

  // Which write is the root's, of all that the plan does.
  [[nodiscard]] std::uint64_t WriteOfRoot(const UpgradePlan& plan) const {
    PowerSupply power;
    REQUIRE(
        Run(plan, std::make_shared<CrashingDevice>(std::make_shared<OverlayDisk>(disk), power)));
    const auto slot = installed.layout.Get(PartitionRole::kSlotB).offset;
    std::uint64_t write = 0;
    for (const auto& event : power.events()) {
      write += event.length > 0 ? 1 : 0;
      if (event.length > 0 && event.offset == slot) {
        return write;
      }
    }
    return 0;
  }

  bool Run(const UpgradePlan& plan,
           const std::shared_ptr<BlockDevice>& device,
           const std::filesystem::path& memory) const {
    NoProgress progress;
    const SystemClock clock;
    const auto open = [&](PartitionRole role, DeviceAccess /*access*/) {
      return Part(device, role);
    };
    try {
      ApplyUpgrade(plan,
                   {.source = *v2.source,
                    .image = v2.image,
                    .open = open,
                    .state = memory,
                    .clock = clock,
                    .progress = progress,
                    .reboot = [] {}});
      return true;
    } catch (const PowerCut&) {
      return false;
    }
  }
};

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

}  // namespace

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

TEST_CASE("ApplyUpgrade: one from a registry that was cut goes on with what is there", "[crash]") {
  Story story;
  story.MakeRemote();
  const auto plan = story.Plan();
  REQUIRE(plan.reuse);
  CHECK(plan.reuse->root.kept == 0);

  PowerSupply power({.write = story.WriteOfRoot(plan),
                     .moment = CutMoment::kAfter,
                     .unsynced = Unsynced::kKept,
                     .seed = 1});
  REQUIRE_FALSE(story.Run(plan, std::make_shared<CrashingDevice>(story.disk, power)));
  REQUIRE(WhatBoots(story.disk, story.installed.layout).version == "1");

  const auto again = story.Plan();
  REQUIRE(again.reuse);
  CHECK(again.reuse->root.kept > 0);
  CHECK(again.to_fetch == plan.to_fetch - (plan.reuse->root.fetched - again.reuse->root.fetched));
  REQUIRE(story.Run(again, story.disk));
  const auto outcome = WhatBoots(story.disk, story.installed.layout);
  CHECK(outcome.fault.empty());
  CHECK(outcome.version == "2");
}

TEST_CASE("ApplyUpgrade: by a delta from a registry, with power cuts", "[crash]") {
  Story story;
  story.v2 = story.shelf.MakeNext("1", "3");
  const auto& source = story.MakeRemote();
  const auto plan = story.Plan();
  REQUIRE(plan.reuse);
  const auto& root = plan.reuse->root;
  CHECK(root.patched + root.copied == story.v2.image.config.root.size);
  CHECK(root.patched > 0);
  CHECK(root.fetched < 20'000);
  CHECK_THAT(DescribeUpgrade(plan, story.machine.disk),
             Catch::Contains(" are made of what it has, by patches"));
  for (const auto& cut : AllCuts(8)) {
    const auto overlay = std::make_shared<OverlayDisk>(story.disk);
    PowerSupply power(cut);
    const TempDirectory memory("ros-test");
    story.FillMemory(memory.path());
    REQUIRE_FALSE(story.Run(plan, std::make_shared<CrashingDevice>(overlay, power), memory.path()));
    const auto outcome = WhatBoots(overlay, story.installed.layout);
    INFO("write " << cut.write);
    CHECK(outcome.fault.empty());
    CHECK((outcome.version == "1" || outcome.version == "3"));
  }
  const auto before = source.read();
  SECTION("all of it by the delta") {
    REQUIRE(story.Run(plan, story.disk));
    CHECK(source.read() - before <= plan.to_fetch);
  }
  SECTION("and so goes on after a power cut, with what is there") {
    PowerSupply power({.write = story.WriteOfRoot(plan),
                       .moment = CutMoment::kAfter,
                       .unsynced = Unsynced::kKept,
                       .seed = 1});
    REQUIRE_FALSE(story.Run(plan, std::make_shared<CrashingDevice>(story.disk, power)));
    // But for one block, which the disk did not keep.
    const std::string nothing(4096, '\0');
    story.Part(story.disk, PartitionRole::kSlotB).Write(0, AsBytes(nothing));
    const auto rest = story.Plan().reuse->root;
    CHECK(rest.kept > 0);
    CHECK(rest.patched > 0);
    REQUIRE(story.Run(story.Plan(), story.disk));
  }
  SECTION("with the old slot damaged since the plan, by frames where that is so") {
    auto slot = story.Part(story.disk, PartitionRole::kSlotA);
    AlignedBuffer block(4096);
    slot.Read(0, block.span());
    block.span()[7] ^= std::byte{1};
    slot.Write(0, block.span());
    REQUIRE(story.Run(plan, story.disk));
    CHECK(source.read() - before > plan.to_fetch);
  }
  const auto outcome = WhatBoots(story.disk, story.installed.layout);
  CHECK(outcome.fault.empty());
  CHECK(outcome.version == "3");
}

TEST_CASE("ApplyUpgrade: from a registry, what the running slot has is not fetched", "[crash]") {
  Story story;
  story.v2 = story.shelf.MakeLike("1", "3");
  const auto& source = story.MakeRemote();
  RememberRootIndex(story.state.path(), SlotId::kA, story.v1.image);
  const auto plan = story.Plan();
  REQUIRE(plan.reuse);
  CHECK(plan.reuse->root.copied == story.v2.image.config.root.size);
  CHECK(plan.reuse->files.size() == 2);
  CHECK(plan.to_fetch == 0);
  CHECK_THAT(DescribeUpgrade(plan, story.machine.disk),
             Catch::Contains("fetch    0 bytes; 256 KiB of the root are in slot a; ") &&
                 Catch::Contains("; KERNEL is that of slot a") &&
                 Catch::Contains("; INITRD is that of slot a"));
  const auto before = source.read();
  SECTION("all of it") {
    REQUIRE(story.Run(plan, story.disk));
    CHECK(source.read() == before);
  }
  SECTION("but for what is damaged there, since the plan and before") {
    auto root = story.Part(story.disk, PartitionRole::kSlotA);
    AlignedBuffer block(4096);
    root.Read(0, block.span());
    block.span()[0] ^= std::byte{1};
    root.Write(0, block.span());
    REQUIRE(story.Run(plan, story.disk));
    CHECK(source.read() == before + story.v2.image.chunks.front().packed_length);

    const auto boot = partitions::FatVolume::Open(story.Part(story.disk, PartitionRole::kBoot));
    const auto kernel = boot.Find("/a/KERNEL").data;
    kernel.Read(0, block.span());
    block.span()[0] ^= std::byte{1};
    kernel.Write(0, block.span());
    NoProgress progress;
    const auto reuse = FindReuse(story.machine,
                                 boot,
                                 {.source = *story.v2.source, .image = story.v2.image},
                                 SlotId::kB,
                                 progress);
    CHECK(reuse.files.size() == 1);
    CHECK(BytesToFetch(story.v2.image, reuse, true) == story.v2.image.manifest.kernel.size);
    return;
  }
  SECTION("an index that is not the slot's is passed over") {
    RememberRootIndex(story.state.path(), SlotId::kA, story.shelf.Make("4").image);
    CHECK(story.Plan().reuse->root.copied == 0);
    REQUIRE(story.Run(plan, story.disk));
  }
  const auto outcome = WhatBoots(story.disk, story.installed.layout);
  CHECK(outcome.fault.empty());
  CHECK(outcome.version == "3");
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
    const auto plan =
        PlanUpgrade(InspectUpgrade(story.machine, *opened.source, opened.image, rules, progress),
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
  const auto plan =
      PlanUpgrade(InspectUpgrade(story.machine, *v3.source, v3.image, {}, progress), {});
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
