// Power cuts in upgrades whose image comes over a network.
#include <catch2/catch.hpp>

#include "tests/installer/support/upgrade_story.hpp"

namespace ros::installer {

using namespace ros::literals;

// Which step of a plan this is.
template <typename Step>
std::ptrdiff_t PlaceOf(const UpgradePlan& plan) {
  return std::ranges::find_if(plan.steps,
                              [](const auto& step) { return std::holds_alternative<Step>(step); }) -
         plan.steps.begin();
}

TEST_CASE("ApplyUpgrade: one from a registry that was cut goes on with what is there", "[crash]") {
  Story story;
  story.MakeRemote();
  const auto plan = story.Plan();
  REQUIRE(plan.reuse);
  CHECK(plan.reuse->root.kept == 0);

  story.CutAfterRoot(plan);
  REQUIRE(WhatBoots(story.disk, story.installed.layout).version == "1");

  const auto again = story.Plan();
  REQUIRE(again.reuse);
  CHECK(again.reuse->root.kept > 0);
  CHECK(again.reuse->root.kept + again.reuse->root.unpacked == story.v2.image.config.root.size);
  CHECK(again.to_fetch == plan.to_fetch - (plan.reuse->root.fetched - again.reuse->root.fetched));
  REQUIRE(story.Run(again, story.disk));
  story.CheckBoots("2");
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
             Catch::Contains(" are made of what it has, by patches") &&
                 Catch::Contains("  by       delta: the image has a delta from 1\n") &&
                 Catch::Contains("; KERNEL is made of that of slot a, by ") &&
                 Catch::Contains("; INITRD is made of that of slot a, by "));
  CHECK(plan.reuse->files.patched.size() == 2);
  CHECK(plan.to_fetch - root.fetched < 4'000);
  CHECK(UpgradeToJson(plan).Dump().find(R"("patched_files":[{"name":)") != std::string::npos);
  story.CheckAllCuts(plan, "3");
  const auto before = source.read();
  SECTION("all of it by the delta") {
    REQUIRE(story.Run(plan, story.disk));
    CHECK(source.read() - before <= plan.to_fetch);
    CHECK(story.warnings.text.empty());
  }
  SECTION("and so goes on after a power cut, with what is there") {
    story.CutAfterRoot(plan);
    INFO("but for one block, which the disk did not keep");
    story.Damage(PartitionRole::kSlotB, 0);
    const auto rest = story.Plan().reuse->root;
    CHECK(rest.kept > 0);
    CHECK(rest.patched > 0);
    REQUIRE(story.Run(story.Plan(), story.disk));
  }
  SECTION("with the old kernel damaged since the plan, by the image's") {
    const auto boot = partitions::FatVolume::Open(story.Part(story.disk, PartitionRole::kBoot));
    const auto kernel = boot.Find("/a/KERNEL").data;
    AlignedBuffer block(4096);
    kernel.Read(4096, block.span());
    block.span()[7] ^= std::byte{1};
    kernel.Write(4096, block.span());
    REQUIRE(story.Run(plan, story.disk));
    CHECK(source.read() - before == plan.to_fetch + story.v2.image.manifest.kernel.size);
    CHECK(story.warnings.text == "KERNEL did not have its digest, and is fetched anew");
  }
  SECTION("with the old slot damaged since the plan, by frames where that is so") {
    story.Damage(PartitionRole::kSlotA, 7);
    REQUIRE(story.Run(plan, story.disk));
    CHECK(source.read() - before > plan.to_fetch);
    CHECK_THAT(
        story.warnings.text,
        Catch::Contains(" of the root that this machine had by the plan did not read right"));
  }
  story.CheckBoots("3");
}

TEST_CASE("ApplyUpgrade: by fragments from a registry, with power cuts", "[crash]") {
  Story story;
  story.v2 = story.shelf.MakeDivided("1", "3");
  const auto& source = story.MakeRemote();
  const auto plan = story.Plan();
  REQUIRE(plan.reuse);
  const auto& root = plan.reuse->root;
  REQUIRE(plan.reuse->fragments);
  CHECK_FALSE(plan.reuse->fragments->chunks.empty());
  CHECK(root.copied > 0);
  CHECK(root.fetched < story.v2.image.manifest.root.size / 2);
  CHECK_THAT(DescribeUpgrade(plan, story.machine.disk),
             Catch::Contains(" of the root are in slot a; ") &&
                 Catch::Contains(" put together of it and of fragments; ") &&
                 Catch::Contains("; INITRD is that of slot a; KERNEL is packed again, of ") &&
                 Catch::Contains("\n  by       fragments: the image has no delta from 1; of which "
                                 "chunks its root was made is not known here\n"));
  CHECK(root.unpacked + root.copied == story.v2.image.config.root.size);
  CHECK(plan.to_fetch - root.fetched < story.v2.image.manifest.kernel.size / 10 * 9);
  CHECK(UpgradeToJson(plan).Dump().find(R"("fragmented_chunks":)" +
                                        std::to_string(plan.reuse->fragments->chunks.size())) !=
        std::string::npos);
  story.CheckAllCuts(plan, "3");
  const auto before = source.read();
  SECTION("all of it") {
    REQUIRE(story.Run(plan, story.disk));
    CHECK(source.read() - before == plan.to_fetch);
    CHECK(story.warnings.text.empty());
  }
  SECTION("and so goes on after a power cut, with what is there") {
    story.CutAfterRoot(plan);
    INFO("but for one block, which the disk did not keep");
    story.Damage(PartitionRole::kSlotB, 0);
    const auto rest = story.Plan();
    CHECK(rest.reuse->root.kept > 0);
    CHECK(rest.reuse->root.copied < root.copied);
    REQUIRE(story.Run(rest, story.disk));
  }
  SECTION("with the old slot damaged since the plan, by frames where that is so") {
    INFO("in a block that is copied");
    story.Damage(PartitionRole::kSlotA, 32_KiB);
    REQUIRE(story.Run(plan, story.disk));
    CHECK(source.read() - before > plan.to_fetch);
  }
  story.CheckBoots("3");
}

TEST_CASE("InspectUpgrade: fragments are not asked for where they are of no use", "[crash]") {
  Story story;
  story.v2 = story.shelf.MakeDivided("1", "3");
  std::string why =
      "deltas come behind the root in a pipe; of which chunks its root was made is not known here";
  SECTION("from a pipe, which brings all frames") {
    story.MakeRemote(images::fakes::RemoteImage::Way::kPipe);
  }
  SECTION("where the running slot has no sound folder") {
    why = "the folder of slot a does not say what runs";
    story.MakeRemote();
    auto boot = partitions::FatVolume::Open(story.Part(story.disk, PartitionRole::kBoot));
    EmptySlotFolder(boot, SlotId::kA);
  }
  NoProgress progress;
  const auto boot = partitions::FatVolume::Open(story.Part(story.disk, PartitionRole::kBoot));
  const auto reuse = FindReuse(story.machine,
                               boot,
                               {.source = *story.v2.source, .image = story.v2.image},
                               SlotId::kB,
                               progress);
  CHECK_FALSE(reuse.fragments);
  CHECK(reuse.root.fetched == story.v2.image.manifest.root.size);
  CHECK(reuse.why == why);
}

TEST_CASE("InspectUpgrade: a kernel is packed anew though the running one is damaged", "[crash]") {
  Story story;
  story.v2 = story.shelf.MakeDivided("1", "3");
  story.MakeRemote();
  auto boot = partitions::FatVolume::Open(story.Part(story.disk, PartitionRole::kBoot));
  auto kernel = boot.Find(std::string(partitions::SlotDirectory(SlotId::kA)) + "/KERNEL");
  std::vector<std::byte> zeros(8000);
  kernel.data.Write(0, zeros);
  const auto plan = story.Plan();
  REQUIRE(plan.reuse);
  REQUIRE(plan.reuse->files.patched.size() == 1);
  CHECK(plan.reuse->files.patched.begin()->second.is_anew());
  CHECK(story.warnings.text.empty());
  REQUIRE(story.Run(plan, story.disk));
  story.CheckBoots("3");
}

TEST_CASE("InspectUpgrade: fragments that cannot be used are told, and frames fetched", "[crash]") {
  Story story;
  story.v2 = story.shelf.MakeDivided("1", "3", "ROSFRAGS, but not an index");
  const auto& source = story.MakeRemote();
  const auto plan = story.Plan();
  REQUIRE(plan.reuse);
  CHECK_FALSE(plan.reuse->fragments);
  CHECK(plan.reuse->root.fetched == story.v2.image.manifest.root.size);
  CHECK_THAT(story.warnings.text,
             Catch::StartsWith("the image's fragments cannot be used, so more is fetched: the "
                               "index of fragments: "));
  const auto before = source.read();
  REQUIRE(story.Run(plan, story.disk));
  CHECK(source.read() - before == plan.to_fetch);
  CHECK(WhatBoots(story.disk, story.installed.layout).version == "3");
}

TEST_CASE("InspectUpgrade: a registry that gives whole layers alone is reckoned with", "[crash]") {
  Story story;
  RememberRootIndex(story.state.path(), SlotId::kA, story.v1.image);
  bool by_delta = false;
  SECTION("no fragments, which would come besides") {
    story.v2 = story.shelf.MakeDivided("1", "3");
  }
  SECTION("no delta that needs frames too") {
    story.v2 = story.shelf.MakeNext("1", "3", 1);
  }
  SECTION("but one that does without") {
    story.v2 = story.shelf.MakeNext("1", "3");
    by_delta = true;
  }
  story.MakeRemote({}, {.whole = true});
  const auto plan = story.Plan();
  REQUIRE(plan.reuse);
  const auto& reuse = *plan.reuse;
  CHECK(reuse.delta.has_value() == by_delta);
  CHECK_FALSE(reuse.fragments);
  CHECK(reuse.why ==
        (by_delta ? "the image has a delta from 1" : "its registry gives layers as a whole alone"));
  CHECK((reuse.root.fetched == story.v2.image.manifest.root.size) == !by_delta);
  REQUIRE(story.Run(plan, story.disk));
  story.CheckBoots("3");
}

TEST_CASE("InspectUpgrade: parts between those that are wanted are counted", "[crash]") {
  Story story;
  story.v2 = story.shelf.MakeNext("1", "3");
  story.MakeRemote();
  const auto plan = story.Plan();
  story.CutAfterRoot(plan);
  INFO("but for the first chunk and the last one, which the disk did not keep");
  story.Damage(PartitionRole::kSlotB, 0);
  story.Damage(PartitionRole::kSlotB, story.v2.image.config.root.size - 1);
  const auto rest = story.Plan().reuse->root.fetched;
  story.v2.source = std::move(story.file);
  story.MakeRemote({}, {.gap = 1_MiB});
  CHECK(rest < plan.reuse->root.fetched);
  CHECK(story.Plan().reuse->root.fetched == plan.reuse->root.fetched);
}

TEST_CASE("ApplyUpgrade: from a pipe, in its order and without the deltas, with power cuts",
          "[crash]") {
  Story story;
  story.v2 = story.shelf.MakeNext("1", "3");
  const auto& manifest = story.v2.image.manifest;
  REQUIRE(manifest.deltas.size() + manifest.kernel_deltas.size() + manifest.initrd_deltas.size() ==
          3);
  story.MakeRemote(images::fakes::RemoteImage::Way::kPipe);
  RememberRootIndex(story.state.path(), SlotId::kA, story.v1.image);
  const auto plan = story.Plan();
  REQUIRE(plan.reuse);
  CHECK_FALSE(plan.reuse->delta);
  CHECK(plan.reuse->files.patched.empty());
  CHECK(plan.reuse->root.patched == 0);
  CHECK(plan.to_fetch > manifest.kernel.size + manifest.initrd.size);
  CHECK(PlaceOf<WriteSlotBootFiles>(plan) < PlaceOf<WriteSlotRoot>(plan));
  CHECK(PlaceOf<WriteSlotRoot>(plan) < PlaceOf<FillSlot>(plan));
  story.CheckAllCuts(plan, "3");
  REQUIRE(story.Run(plan, story.disk));
  story.CheckBoots("3");
}

TEST_CASE("ApplyUpgrade: of a pipe, what the running slot has is let pass", "[crash]") {
  Story story;
  story.v2 = story.shelf.MakeLike("1", "3");
  const auto& source = story.MakeRemote(images::fakes::RemoteImage::Way::kPipe);
  const auto plan = story.Plan();
  REQUIRE(plan.reuse);
  CHECK(plan.reuse->files.held.size() == 2);
  REQUIRE(story.Run(plan, story.disk));
  CHECK(source.let_pass() == 2);
  CHECK(source.announced() == story.v2.image.manifest.root.size);
  story.CheckBoots("3");
}

TEST_CASE("ApplyUpgrade: from a registry, what the running slot has is not fetched", "[crash]") {
  Story story;
  story.v2 = story.shelf.MakeLike("1", "3");
  const auto& source = story.MakeRemote();
  RememberRootIndex(story.state.path(), SlotId::kA, story.v1.image);
  const auto plan = story.Plan();
  REQUIRE(plan.reuse);
  CHECK(plan.reuse->root.copied == story.v2.image.config.root.size);
  CHECK(plan.reuse->files.held.size() == 2);
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
    story.Damage(PartitionRole::kSlotA, 0);
    REQUIRE(story.Run(plan, story.disk));
    CHECK(source.read() == before + story.v2.image.chunks.front().packed_length);
    CHECK(story.warnings.text ==
          "1 chunk of the root that this machine had by the plan did not read right, and came from "
          "the image; the disk may be failing");

    const auto boot = partitions::FatVolume::Open(story.Part(story.disk, PartitionRole::kBoot));
    const auto kernel = boot.Find("/a/KERNEL").data;
    AlignedBuffer block(4096);
    kernel.Read(0, block.span());
    block.span()[0] ^= std::byte{1};
    kernel.Write(0, block.span());
    NoProgress progress;
    const auto reuse = FindReuse(story.machine,
                                 boot,
                                 {.source = *story.v2.source, .image = story.v2.image},
                                 SlotId::kB,
                                 progress);
    CHECK(reuse.files.held.size() == 1);
    CHECK(BytesToFetch(story.v2.image, reuse, true) == story.v2.image.manifest.kernel.size);
    return;
  }
  SECTION("an index that is not the slot's is passed over") {
    RememberRootIndex(story.state.path(), SlotId::kA, story.shelf.Make("4").image);
    CHECK(story.Plan().reuse->root.copied == 0);
    REQUIRE(story.Run(plan, story.disk));
  }
  story.CheckBoots("3");
}

TEST_CASE("InspectUpgrade: a boot loader is fetched where it is new, or wanted") {
  Story story;
  const auto read = [&](LoaderWish wish) {
    const auto& source = dynamic_cast<const images::fakes::RemoteImage&>(*story.v2.source);
    const auto before = source.read();
    NoProgress progress;
    const auto facts = InspectUpgrade(
        story.machine, {.source = *story.v2.source, .image = story.v2.image}, {}, progress, wish);
    CHECK(facts.loader.has_value() == (source.read() > before));
    return source.read() - before;
  };
  SECTION("the one that the running image has brought") {
    story.MakeRemote();
    CHECK(read(LoaderWish::kLeave) == 0);
    CHECK(read(LoaderWish::kUpgrade) == story.v2.image.manifest.bootloader->size);
  }
  SECTION("another one") {
    auto newer = RealGrub();
    newer.version = "2.99";
    newer.efi_image += std::string(5000, 'e');
    story.v2 = story.shelf.Make("3", 0, newer);
    story.MakeRemote();
    CHECK(read(LoaderWish::kLeave) == story.v2.image.manifest.bootloader->size);
    CHECK(story.Plan().loader_offer);
  }
  SECTION("through a pipe it has come anyway") {
    story.MakeRemote(images::fakes::RemoteImage::Way::kPipe);
    CHECK(read(LoaderWish::kLeave) == story.v2.image.manifest.bootloader->size);
  }
}

TEST_CASE("ApplyUpgrade: a kernel that came wrong and is fetched again, with power cuts",
          "[crash]") {
  Story story;
  const images::fakes::SuspectImage suspect(*story.v2.source,
                                            story.v2.image.manifest.kernel.digest);
  const auto plan = story.Plan();
  const auto run = [&](const std::shared_ptr<BlockDevice>& device,
                       const std::filesystem::path& memory) {
    return story.Run(plan, device, memory, suspect);
  };
  const auto writes = CountWrites([&](PowerSupply& power) {
    run(std::make_shared<CrashingDevice>(std::make_shared<OverlayDisk>(story.disk), power),
        story.state.path());
  });
  // The wrong one is written too, where no boot looks.
  CHECK(writes == CountWrites([&](PowerSupply& power) {
                    story.Run(plan,
                              std::make_shared<CrashingDevice>(
                                  std::make_shared<OverlayDisk>(story.disk), power));
                  }) + 1);
  for (const auto& cut : AllCuts(writes)) {
    const auto overlay = std::make_shared<OverlayDisk>(story.disk);
    PowerSupply power(cut);
    const TempDirectory memory("ros-test");
    story.FillMemory(memory.path());
    INFO("cut at write " << cut.write << " of " << writes);
    REQUIRE_FALSE(run(std::make_shared<CrashingDevice>(overlay, power), memory.path()));
    const auto outcome = WhatBoots(overlay, story.installed.layout);
    INFO("boots version " << outcome.version << ": " << outcome.fault);
    REQUIRE(outcome.fault.empty());
    REQUIRE(outcome.version == (outcome.trial ? "2" : "1"));
    if (!outcome.trial) {
      REQUIRE(run(overlay, memory.path()));
      const auto again = WhatBoots(overlay, story.installed.layout);
      REQUIRE(again.version == "2");
      REQUIRE(again.fault.empty());
    }
  }
}

}  // namespace ros::installer
