#include <CLI/CLI.hpp>
#include <functional>
#include <memory>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "health/journal.hpp"
#include "installer/command.hpp"
#include "installer/commands/followed_upgrade.hpp"
#include "installer/commands/upgrade_outcome.hpp"
#include "installer/kexec.hpp"
#include "installer/machine.hpp"
#include "installer/trusted_channel.hpp"
#include "installer/trusted_image.hpp"
#include "installer/upgrade.hpp"

namespace ros::installer {
namespace {

AfterWriting After(const UpgradeOptions& options) {
  if (options.stage) {
    return AfterWriting::kStage;
  }
  if (options.no_reboot) {
    return AfterWriting::kArm;
  }
  return options.kexec ? AfterWriting::kArmKexec : AfterWriting::kArmReboot;
}

UpgradeRequest MakeRequest(const UpgradeOptions& options) {
  using BadImages = UpgradeRequest::BadImages;
  const auto loader = options.bootloader_in_place ? LoaderWish::kUpgradeInPlace
                      : options.bootloader        ? LoaderWish::kUpgrade
                                                  : LoaderWish::kLeave;
  return {.after = After(options),
          .tries = options.tries,
          .bad_images = options.retry ? BadImages::kRetry : BadImages::kRefuse,
          .older_images = options.allow_downgrade ? UpgradeRequest::OlderImages::kTake
                                                  : UpgradeRequest::OlderImages::kRefuse,
          .loader = loader,
          .append = SplitArguments(options.append)};
}

void ShowPlan(const UpgradePlan& plan, const Machine& machine, const Console& console) {
  if (console.json()) {
    console.PrintJson(UpgradeToJson(plan));
  } else {
    console.Print(DescribeUpgrade(plan, machine.disk));
  }
}

void JournalInsecure(const UpgradePlan& plan, const Machine& machine, const Clock& clock) {
  if (plan.signers.empty() && (!plan.already_there || ChangesLoader(plan))) {
    health::Journal(machine.state, clock)
        .Append({.event = health::JournalEvent::kInsecure,
                 .slot = plan.target,
                 .version = plan.version,
                 .digest = plan.digest,
                 .reason = "an image without a signature was taken by --insecure"});
  }
}

void JournalDowngrade(const UpgradePlan& plan, const Machine& machine, const Clock& clock) {
  if (!plan.older.empty()) {
    health::Journal(machine.state, clock)
        .Append({.event = health::JournalEvent::kNote,
                 .slot = plan.target,
                 .version = plan.version,
                 .digest = plan.digest,
                 .reason = plan.older + " (--allow-downgrade)"});
  }
}

class TellingKernel final : public RunningKernel {
 public:
  explicit TellingKernel(Outcomes& outcomes) : outcomes_(outcomes) {}

  void Start() override {
    outcomes_.Tell("; starting it without firmware");
    RunningKernel::Start();
  }

 private:
  Outcomes& outcomes_;
};

void Apply(const UpgradePlan& plan,
           const Machine& machine,
           const TrustedImage& opened,
           const UpgradeOptions& options,
           const Console& console) {
  const SystemClock clock;
  const auto progress = console.MakeProgress();
  JournalInsecure(plan, machine, clock);
  JournalDowngrade(plan, machine, clock);
  const auto open = [&](partitions::PartitionRole role, DeviceAccess access) {
    return partitions::OpenPartition(machine.disk, role, access);
  };
  Outcomes outcomes(plan, options, console);
  TellingKernel starter(outcomes);
  const auto reboot = [&] {
    outcomes.Tell("; rebooting");
    RebootMachine();
  };
  ApplyUpgrade(plan,
               {.source = *opened.source,
                .image = opened.image,
                .open = open,
                .state = machine.state,
                .clock = clock,
                .progress = *progress,
                .reboot = reboot,
                .starter = &starter});
  if (!outcomes.told()) {
    outcomes.Tell("");
  }
}

UpgradeAim AimAtImage(const Machine& machine, TrustRules rules, const UpgradeOptions& options) {
  const auto location = LocateImage(options.image.value(), ConnectionOf(options));
  return {.location = location,
          .rules = WithChannel(std::move(rules),
                               {.named = options.channel, .image = location},
                               [&] { return ReadChannelMemory(machine.state); })};
}

// Asked of a plan with steps, before the first of them.
using MayApply = std::function<bool(const UpgradePlan& plan)>;

bool AsAsked(const UpgradePlan& /*plan*/) {
  return true;
}

// Returns whether the image is another than the one that runs.
bool UpgradeTo(const UpgradeAim& aim,
               const Machine& machine,
               const UpgradeOptions& options,
               const MayApply& may_apply,
               const Console& console) {
  const auto policy = options.insecure ? images::SignaturePolicy::kAllowUnsigned
                                       : images::SignaturePolicy::kRequired;
  const auto progress = options.plan ? console.MakePlanProgress() : console.MakeProgress();
  const auto opened =
      OpenTrustedImage(aim.location, aim.rules, policy, *progress, RootIndexesIn(machine.state));
  const auto request = MakeRequest(options);
  const auto facts = InspectUpgrade(machine,
                                    {.source = *opened.source, .image = opened.image},
                                    aim.rules,
                                    *progress,
                                    request.loader);
  const auto plan = PlanUpgrade(facts, request);
  if (options.plan) {
    ShowPlan(plan, machine, console);
  } else if (plan.steps.empty()) {
    TellNothingToDo(plan, console);
  } else if (may_apply(plan)) {
    console.Say(DescribeUpgrade(plan, machine.disk));
    Apply(plan, machine, opened, options, console);
  }
  return facts.slot(facts.running).digest != plan.digest;
}

// The same, of whatever is asked for.
bool UpgradeOnce(const Machine& machine,
                 const UpgradeOptions& options,
                 const MayApply& may_apply,
                 const Console& console) {
  auto rules = FindTrustRules(machine, SystemClock());
  const auto aim = options.image ? AimAtImage(machine, std::move(rules), options)
                                 : AimAtChannel(machine, std::move(rules), options, console);
  return aim && UpgradeTo(*aim, machine, options, may_apply, console);
}

// Written first, and armed only while the window is open and the channel, asked once more, still
// has it: what is armed starts at whatever reboot comes next.
void UpgradeUnattended(const Machine& machine,
                       const UpgradeOptions& options,
                       const Console& console) {
  const auto lock = LockAtTurn(machine, console);
  if (!lock) {
    return;
  }
  auto staging = options;
  staging.stage = true;
  const bool is_new = UpgradeOnce(machine, staging, AsAsked, console);
  if (is_new && !options.stage && MayRestart(machine, console)) {
    const auto may_arm = [&](const UpgradePlan& plan) { return MayArm(plan, machine, console); };
    UpgradeOnce(machine, options, may_arm, console);
  }
}

void Upgrade(const UpgradeOptions& options, CommandContext& context) {
  CheckUpgradeOptions(options);
  if (options.check) {
    CheckChannel(options, context);
    return;
  }
  const auto& console = context.console;
  const InterruptGuard guard;
  context.when_interrupted = "what runs and what boots is as it was; run it again";
  const auto machine = OpenRunningMachine();
  if (options.unattended) {
    UpgradeUnattended(machine, options, console);
    return;
  }
  std::optional<FileLock> lock;
  if (!options.plan) {
    lock.emplace(LockMachine());
  }
  UpgradeOnce(machine, options, AsAsked, console);
}

void AddUpgrade(CLI::App& parent, CommandContext& context) {
  auto* command =
      parent.add_subcommand("upgrade", "Write an OS image to the other slot and try it");
  auto options = std::make_shared<UpgradeOptions>();
  command
      ->add_option("-i,--image",
                   options->image,
                   std::string("OS image: ") + kWhereImagesAre +
                       " (default: what the machine's channel has)")
      ->type_name("IMAGE");
  command
      ->add_option("--channel",
                   options->channel,
                   "Channel document that has released it, found as images are (default: beside "
                   "the image, where one is asked for)")
      ->type_name("DOCUMENT");
  command->add_flag("--now", options->now, "Do not wait for the machine's share of a roll-out");
  command->add_flag("--unattended",
                    options->unattended,
                    "Wait for the machine's time window and delay (a timer)");
  command->add_flag("--check",
                    options->check,
                    "Tell whether the channel has something new (exit status 10), write nothing");
  command
      ->add_option("--prometheus", options->prometheus, "With --check: write metrics to this file")
      ->type_name("FILE");
  command->add_option("--tries", options->tries, "Boots that the new slot gets, 1 to 9")
      ->check(CLI::Range(1, bootloader::kMaximumTries))
      ->capture_default_str();
  command->add_option("-a,--append", options->append, "Kernel arguments of this machine, added")
      ->type_name("ARGS");
  auto* stage =
      command->add_flag("--stage", options->stage, "Write and verify the slot, do not try it yet");
  auto* no_reboot = command->add_flag(
      "--no-reboot", options->no_reboot, "Try it at the next boot, do not reboot");
  command
      ->add_flag("--kexec", options->kexec, "Start it now without firmware, where the kernel can")
      ->excludes(stage)
      ->excludes(no_reboot);
  command->add_flag("--retry", options->retry, "Take an image that was rolled back before");
  command->add_flag("--allow-downgrade",
                    options->allow_downgrade,
                    "Take an image that is older than the running one, of the same epoch");
  command->add_flag("--bootloader", options->bootloader, "Take the image's boot loader too");
  command->add_flag("--bootloader-in-place",
                    options->bootloader_in_place,
                    "As --bootloader, also where a power cut meanwhile would break it");
  command->add_flag("--insecure", options->insecure, "Take an image that nobody has signed");
  command->add_flag("-f,--force", options->force, "Accepted for RancherOS; nothing is asked");
  command->add_flag("--plan", options->plan, "Show what would be done, and stop");
  AddNetworkOptions(*command, *options, context);
  AddJsonFlag(*command, context);
  command->callback([options, &context] { Upgrade(*options, context); });
}

}  // namespace

void AddUpgradeCommand(CLI::App& app, CommandContext& context) {
  AddUpgrade(app, context);
}

void AddOsCommand(CLI::App& app, CommandContext& context) {
  auto* os = app.add_subcommand("os", "RancherOS's names: os upgrade, os list, os version");
  os->require_subcommand(1);
  AddUpgrade(*os, context);
  AddOsListCommands(*os, context);
}

}  // namespace ros::installer
