#include "installer/upgrade_plan.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "tests/installer/support/upgrade_facts.hpp"

namespace ros::installer {

using namespace fakes;  // NOLINT(google-build-using-namespace): the facts of these tests.

TEST_CASE("PlanUpgrade: remembers the channel's document before all else", "[installer]") {
  auto facts = SomeFacts();
  CHECK_FALSE(Has<RememberDocument>(PlanUpgrade(facts, {})));
  facts.channel = SomeChannel();
  const auto plan = PlanUpgrade(facts, {});
  const trust::AcceptedChannel accepted{.serial = 7, .digest = DigestOf('d')};
  CHECK(std::get<RememberDocument>(plan.steps.front()) == RememberDocument{"stable", accepted});
  CHECK_THAT(DescribeUpgrade(plan, facts.disk),
             Catch::Contains("\n  channel  stable, serial 7, counts until 2027-01-15T08:00:00Z; "
                             "released to 10 % of the machines\n") &&
                 Catch::Contains("1. remember on the state partition that channel stable is at "
                                 "serial 7"));
  CHECK(UpgradeToJson(plan).At("channel", "").At("serial", "").AsUint("") == 7);

  facts.accepted = accepted;
  CHECK_FALSE(Has<RememberDocument>(PlanUpgrade(facts, {})));
  // Damage is repaired afterwards.
  facts.accepted = std::nullopt;
  facts.boot_damage = {"damage"};
  CHECK(std::holds_alternative<RememberDocument>(PlanUpgrade(facts, {}).steps.front()));
  // Nothing else is to be done.
  facts = SomeFacts();
  facts.channel = SomeChannel();
  facts.slots[0] = Holding(SlotId::kA, "2", '2');
  CHECK(PlanUpgrade(facts, {}).steps ==
        std::vector<UpgradeStep>{RememberDocument{"stable", accepted}});
  // A refused upgrade remembers nothing.
  facts.image.config.architecture = "pdp11";
  CHECK_THROWS_AS(PlanUpgrade(facts, {}), Error);
}

TEST_CASE("PlanUpgrade: has the order of the design", "[installer]") {
  const auto plan = PlanUpgrade(SomeFacts(), {});
  REQUIRE(plan.steps.size() == 9);
  CHECK(std::holds_alternative<MirrorGoodSlot>(plan.steps[0]));
  CHECK(std::holds_alternative<EmptySlot>(plan.steps[1]));
  CHECK(plan.steps[2] == UpgradeStep(RememberVerified{SlotId::kB, {plan.digest, ""}}));
  CHECK(plan.steps[3] == UpgradeStep(RememberIndex{SlotId::kB, 104}));
  CHECK(std::holds_alternative<WriteSlotRoot>(plan.steps[4]));
  CHECK(std::holds_alternative<WriteSlotBootFiles>(plan.steps[5]));
  CHECK(std::holds_alternative<FillSlot>(plan.steps[6]));
  CHECK(plan.steps[7] == UpgradeStep(ArmTrial{SlotId::kB, 3}));
  CHECK(std::holds_alternative<Reboot>(plan.steps[8]));
  CHECK(PlanUpgrade(SomeFacts(), {}) == plan);
}

TEST_CASE("PlanUpgrade: an older image is taken by the user's word alone", "[installer]") {
  auto facts = SomeFacts();
  facts.slots[0].config->created = 1000;
  facts.image.config.created = 999;
  CHECK_THROWS_WITH(PlanUpgrade(facts, {}), Catch::Contains("use --allow-downgrade"));
  const UpgradeRequest take{.older_images = UpgradeRequest::OlderImages::kTake};
  CHECK_THAT(PlanUpgrade(facts, take).older, Catch::Contains("before the running 1"));
  facts.demands.epoch_floor = 1;
  CHECK_THROWS_WITH(PlanUpgrade(facts, take), Catch::Contains("older epochs are refused for good"));
  facts.demands.epoch_floor = 0;
  facts.image.config.created = 1000;
  CHECK(PlanUpgrade(facts, {}).older.empty());
  // Damage of the running slot's description is no way around it.
  facts.slots[0].config.reset();
  CHECK_THROWS_WITH(PlanUpgrade(facts, {}),
                    Catch::Contains("is damaged") && Catch::Contains("use --allow-downgrade"));
  CHECK_FALSE(PlanUpgrade(facts, take).older.empty());
}

TEST_CASE("PlanUpgrade: tells a trust policy that is another one", "[installer]") {
  auto facts = SomeFacts();
  CHECK(PlanUpgrade(facts, {}).new_policy.empty());
  facts.image.config.trust = "a policy";
  facts.policy_in_force = "a policy";
  CHECK(PlanUpgrade(facts, {}).new_policy.empty());
  facts.policy_in_force = "the policy before";
  const auto plan = PlanUpgrade(facts, {});
  CHECK(plan.new_policy == "a policy");
  CHECK_THAT(DescribeUpgrade(plan, SomeDisk()), Catch::Contains("trust    once it is committed: "));

  // An image that --insecure lets in leaves the policy as it is, whatever it brings.
  facts.image.signers.clear();
  const auto unsigned_image = PlanUpgrade(facts, {});
  CHECK(unsigned_image.new_policy.empty());
  CHECK(unsigned_image.steps[2] ==
        UpgradeStep(RememberVerified{SlotId::kB, {plan.digest, "the policy before"}}));
}

TEST_CASE("PlanUpgrade: what is staged already is recorded where it is not", "[installer]") {
  auto facts = SomeFacts();
  facts.slots[1] = Holding(SlotId::kB, "2", '2');
  facts.target_holds_image = true;
  facts.target_texts = SlotTexts(facts.image, PlanUpgrade(facts, {}).entry);
  CHECK(Has<RememberVerified>(PlanUpgrade(facts, {})));
  facts.recorded = VerifiedSlotOf(facts.image);
  const auto plan = PlanUpgrade(facts, {});
  CHECK_FALSE(Has<RememberVerified>(plan));
  CHECK_FALSE(Has<EmptySlot>(plan));
}

TEST_CASE("PlanUpgrade: the target is the slot that is not good", "[installer]") {
  auto facts = SomeFacts();
  SetState(facts, {.good = SlotId::kB});
  RunsB(facts);
  CHECK(PlanUpgrade(facts, {}).target == SlotId::kA);
}

TEST_CASE("PlanUpgrade: refuses what could leave no good slot", "[installer]") {
  struct Case {
    const char* what;
    void (*change)(UpgradeFacts&);
    ErrorKind kind;
    const char* says;
  };

  const Case cases[] = {{"another architecture",
                         [](UpgradeFacts& f) { f.image.config.architecture = "arm64"; },
                         ErrorKind::kDoesNotFit,
                         "is for arm64"},
                        {"another machine",
                         [](UpgradeFacts& f) {
                           f.image.config.compatible = {"gateway-2"};
                           f.demands.kind = "gateway-1";
                         },
                         ErrorKind::kDoesNotFit,
                         "is for gateway-2 and this machine is gateway-1"},
                        {"a machine of no kind",
                         [](UpgradeFacts& f) { f.image.config.compatible = {"gateway-2"}; },
                         ErrorKind::kDoesNotFit,
                         "--machine says what it is"},
                        {"an older epoch",
                         [](UpgradeFacts& f) { f.demands.epoch_floor = 5; },
                         ErrorKind::kVerification,
                         "has epoch 0, and this machine has run epoch 5"},
                        {"a root that is too large",
                         [](UpgradeFacts& f) { f.image.config.root.size = 1_GiB; },
                         ErrorKind::kDoesNotFit,
                         "slot b has 1 GiB"},
                        {"a kernel that is too large",
                         [](UpgradeFacts& f) { f.image.manifest.kernel.size = 33_MiB; },
                         ErrorKind::kDoesNotFit,
                         "KERNEL of the image is 33 MiB"},
                        {"the bad list",
                         [](UpgradeFacts& f) {
                           f.bad = health::BadImage{
                               .digest = "x", .version = "2", .reason = "check failed"};
                         },
                         ErrorKind::kRefused,
                         "--retry"},
                        {"on trial",
                         [](UpgradeFacts& f) {
                           RunsB(f);
                           SetState(f, {SlotId::kA, Trial{SlotId::kB, 2, true}});
                         },
                         ErrorKind::kRefused,
                         "slot b is on trial"},
                        {"a fallback boot",
                         [](UpgradeFacts& f) {
                           RunsB(f);
                           f.fell_from = SlotId::kA;
                         },
                         ErrorKind::kRefused,
                         "and it could not be started"},
                        {"after a rollback without a reboot",
                         RunsB,
                         ErrorKind::kRefused,
                         "the next boot starts slot a (1); reboot, then upgrade"},
                        {"a pending trial",
                         [](UpgradeFacts& f) {
                           SetState(f, {SlotId::kA, Trial{SlotId::kB, 3, false}});
                         },
                         ErrorKind::kRefused,
                         "is pending"}};
  for (const auto& one : cases) {
    auto facts = SomeFacts();
    one.change(facts);
    CAPTURE(one.what);
    try {
      static_cast<void>(PlanUpgrade(facts, {}));
      FAIL_CHECK("not refused");
    } catch (const Error& error) {
      CHECK(error.kind() == one.kind);
      CHECK_THAT(error.message(), Catch::Contains(one.says));
    }
  }
}

TEST_CASE("PlanUpgrade: what is there already is not written again", "[installer]") {
  SECTION("running") {
    auto facts = SomeFacts();
    facts.image = SomeImage("1", '1');
    const auto plan = PlanUpgrade(facts, {});
    CHECK(plan.steps.empty());
    CHECK_THAT(plan.already_there.value(), Catch::Contains("is running already"));
  }
  SECTION("pending") {
    auto facts = SomeFacts();
    facts.slots[1] = Holding(SlotId::kB, "2", '2');
    SetState(facts, {SlotId::kA, Trial{SlotId::kB, 3, false}});
    const auto plan = PlanUpgrade(facts, {});
    CHECK(plan.steps.empty());
    CHECK_THAT(plan.already_there.value(), Catch::Contains("next boot"));
  }
  SECTION("staged: only armed") {
    auto facts = SomeFacts();
    facts.slots[1] = Holding(SlotId::kB, "2", '2');
    facts.target_holds_image = true;
    facts.target_texts = SlotTexts(facts.image, PlanUpgrade(facts, {}).entry);
    const auto plan = PlanUpgrade(facts, {});
    CHECK_FALSE(Has<WriteSlotRoot>(plan));
    CHECK(Has<ArmTrial>(plan));
    // The root was read and is sound; only what differs is written.
    facts.target_texts["SUMS"] += "x";
    CHECK(Has<WriteSlotBootFiles>(PlanUpgrade(facts, {})));
    CHECK_FALSE(Has<WriteSlotRoot>(PlanUpgrade(facts, {})));
    facts.target_holds_image = false;
    CHECK(Has<WriteSlotRoot>(PlanUpgrade(facts, {})));
  }
}

TEST_CASE("PlanUpgrade: options change the end, not the order", "[installer]") {
  CHECK_FALSE(Has<ArmTrial>(PlanUpgrade(SomeFacts(), {.after = AfterWriting::kStage})));
  const auto armed = PlanUpgrade(SomeFacts(), {.after = AfterWriting::kArm, .tries = 9});
  CHECK(Has<ArmTrial>(armed));
  CHECK_FALSE(Has<Reboot>(armed));
  auto facts = SomeFacts();
  facts.bad = health::BadImage{.digest = "x"};
  const auto retried = PlanUpgrade(facts, {.bad_images = UpgradeRequest::BadImages::kRetry});
  // An attempt that fails before the slot is whole leaves the image on the list.
  REQUIRE(retried.steps.size() == 10);
  CHECK(std::holds_alternative<FillSlot>(retried.steps[6]));
  CHECK(std::holds_alternative<ForgetBadImage>(retried.steps[7]));
  CHECK(std::holds_alternative<ArmTrial>(retried.steps[8]));
  const auto appended = PlanUpgrade(SomeFacts(), {.append = {"quiet"}});
  CHECK(appended.entry.machine_arguments == std::vector<std::string>{"quiet"});
  CHECK(Has<KeepArguments>(appended));
}

TEST_CASE("PlanUpgrade: kexec does what the boot loader would, the trial armed in between",
          "[installer]") {
  auto facts = SomeFacts();
  const UpgradeRequest kexec{.after = AfterWriting::kArmKexec, .tries = 5};
  SECTION("possible, as far as is known") {
    const auto plan = PlanUpgrade(facts, kexec);
    REQUIRE(plan.steps.size() == 10);
    CHECK(std::holds_alternative<FillSlot>(plan.steps[6]));
    const auto& load = std::get<LoadTrialKernel>(plan.steps[7]);
    CHECK(load.slot == SlotId::kB);
    CHECK_THAT(load.command_line,
               Catch::Contains("ros.root=00000000-0000-4000-8000-000000000004 ") &&
                   Catch::Contains(" ros.trial=4"));
    CHECK(plan.steps[8] == UpgradeStep(ArmTrial{SlotId::kB, 5}));
    CHECK(plan.steps[9] == UpgradeStep(StartTrialKernel{SlotId::kB}));
    const auto text = DescribeUpgrade(plan, SomeDisk());
    CHECK_THAT(text, Catch::Contains("8. load kernel and initrd of slot b into memory"));
    CHECK_THAT(text, Catch::Contains("start its kernel without firmware"));
    CHECK_THAT(UpgradeToJson(plan).Dump(), Catch::Contains("ros.trial=4"));
  }
  SECTION("known to be impossible: an ordinary reboot, and the plan says why") {
    facts.kexec_obstacle = "it is switched off";
    const auto plan = PlanUpgrade(facts, kexec);
    CHECK_FALSE(Has<LoadTrialKernel>(plan));
    CHECK(plan.steps.back() == UpgradeStep(Reboot{}));
    CHECK_THAT(DescribeUpgrade(plan, SomeDisk()), Catch::Contains("no kexec: it is switched off"));
    CHECK_THAT(UpgradeToJson(plan).Dump(), Catch::Contains("\"no_kexec\":\"it is switched off\""));
    CHECK_FALSE(UpgradeToJson(PlanUpgrade(facts, {})).Find("no_kexec", "plan"));
  }
}

TEST_CASE("PlanUpgrade: kernel arguments are never lost without a word", "[installer]") {
  const UpgradeRequest stage{.after = AfterWriting::kStage, .append = {"quiet"}};
  auto facts = SomeFacts();
  SECTION("running: kept for the next slot") {
    facts.image = SomeImage("1", '1');
    const auto plan = PlanUpgrade(facts, {.append = {"quiet"}});
    CHECK(plan.steps == std::vector<UpgradeStep>{KeepArguments{{"quiet"}}});
    const auto text = DescribeUpgrade(plan, SomeDisk());
    CHECK_THAT(text, Catch::Contains("reach the next slot that is written\n"));
    CHECK_THAT(text, Catch::Contains("1. keep the kernel arguments of this machine: quiet"));
    CHECK_THAT(UpgradeToJson(plan).Dump(), Catch::Contains("keep-arguments"));
    facts.machine_arguments = {"quiet"};
    CHECK(PlanUpgrade(facts, {.append = {"quiet"}}).steps.empty());
    const std::string long_one(2000, 'x');
    CHECK_THROWS_AS(PlanUpgrade(facts, {.append = {long_one}}), Error);
  }
  SECTION("pending: the slot that waits is without them") {
    facts.slots[1] = Holding(SlotId::kB, "2", '2');
    SetState(facts, {SlotId::kA, Trial{SlotId::kB, 3, false}});
    CHECK_THROWS_WITH(PlanUpgrade(facts, {.append = {"quiet"}}), Catch::Contains("is pending"));
  }
  SECTION("staged: its boot files are written again, once") {
    facts.slots[1] = Holding(SlotId::kB, "2", '2');
    facts.target_holds_image = true;
    facts.target_texts = SlotTexts(facts.image, PlanUpgrade(facts, {}).entry);
    CHECK(PlanUpgrade(facts, {.after = AfterWriting::kStage}).steps.empty());
    const auto plan = PlanUpgrade(facts, stage);
    CHECK(Has<WriteSlotBootFiles>(plan));
    CHECK_FALSE(Has<WriteSlotRoot>(plan));
    CHECK(plan.steps.back() == UpgradeStep(KeepArguments{{"quiet"}}));
    // As after a cut between the last two steps, and as after all of them.
    facts.target_texts = SlotTexts(facts.image, plan.entry);
    CHECK(PlanUpgrade(facts, stage).steps.back() == UpgradeStep(KeepArguments{{"quiet"}}));
    facts.machine_arguments = {"quiet"};
    CHECK(PlanUpgrade(facts, stage).steps.empty());
    CHECK_FALSE(Has<WriteSlotBootFiles>(PlanUpgrade(facts, {.append = {"quiet"}})));
  }
}

TEST_CASE("PlanUpgrade: a machine keeps the form of its kernels", "[installer]") {
  auto facts = SomeFacts();
  facts.image.manifest.unified_kernel = images::Descriptor{.digest = DigestOf('f'), .size = 30_MiB};
  CHECK_THROWS_WITH(PlanUpgrade(facts, {}), Catch::Contains("build it without --uki"));

  facts.loader_kind = bootloader::LoaderKind::kGrubUki;
  facts.capacity["LINUX.EFI"] = 128_MiB;
  const auto plan = PlanUpgrade(facts, {});
  CHECK(Has<WriteSlotBootFiles>(plan));
  CHECK_THAT(UpgradeToJson(plan).Dump(),
             Catch::Contains("LINUX.EFI") && !Catch::Contains("INITRD") &&
                 Catch::Contains("ros.loader=uki"));
  CHECK_THROWS_WITH(PlanUpgrade(facts, {.append = {"quiet"}}),
                    Catch::Contains("give it to ros image build --append"));
  facts.loader_parts = bootloader::GrubParts{};
  CHECK_THROWS_WITH(PlanUpgrade(facts, {}), Catch::Contains("are not for one another"));
  facts.loader_parts.reset();

  facts.image.manifest.unified_kernel.reset();
  CHECK_THROWS_WITH(PlanUpgrade(facts, {}), Catch::Contains("ros image build --uki"));
}

TEST_CASE("PlanUpgrade: an argument that is appended again is the last one", "[installer]") {
  auto facts = SomeFacts();
  facts.machine_arguments = {"console=tty0", "quiet"};
  const auto plan = PlanUpgrade(facts, {.append = {"console=tty0"}});
  CHECK(plan.entry.machine_arguments == std::vector<std::string>{"quiet", "console=tty0"});
}

TEST_CASE("PlanUpgrade: an image without a watchdog boots without one", "[installer]") {
  auto facts = SomeFacts();
  facts.image.config.health.watchdog = std::chrono::seconds(0);
  CHECK_THAT(bootloader::KernelCommandLine(PlanUpgrade(facts, {}).entry),
             Catch::Contains(" ros.watchdog=0 "));
}

TEST_CASE("PlanUpgrade: damage is repaired first", "[installer]") {
  auto facts = SomeFacts();
  facts.boot.first = {std::nullopt, "no signature"};
  facts.boot_damage = {"/A/KERNEL is cut short"};
  const auto plan = PlanUpgrade(facts, {});
  CHECK(std::holds_alternative<RepairBootPartition>(plan.steps.at(0)));
  CHECK(std::holds_alternative<RepairBootState>(plan.steps.at(1)));
}

TEST_CASE("PlanUpgrade: no trial without room for its /etc", "[installer]") {
  auto facts = SomeFacts();
  facts.etc_room = {.needed = {1_MiB, 10}, .free = {8_MiB, 1000}};
  CHECK(Has<ArmTrial>(PlanUpgrade(facts, {})));
  facts.etc_room->free.bytes = 64_KiB;
  CHECK_THROWS_WITH(PlanUpgrade(facts, {}), Catch::Contains("make room below /var"));
  CHECK(Has<WriteSlotRoot>(PlanUpgrade(facts, {.after = AfterWriting::kStage})));
}

}  // namespace ros::installer
