#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "health/journal.hpp"
#include "installer/command.hpp"
#include "installer/commands/network_options.hpp"
#include "installer/kexec.hpp"
#include "installer/machine.hpp"
#include "installer/trusted_channel.hpp"
#include "installer/trusted_image.hpp"
#include "installer/upgrade.hpp"

namespace ros::installer {
namespace {

struct UpgradeOptions : NetworkOptions {
  std::string image;
  std::string channel;
  std::string append;
  int tries = bootloader::kDefaultTries;
  bool stage = false;
  bool no_reboot = false;
  bool kexec = false;
  bool retry = false;
  bool insecure = false;
  bool allow_downgrade = false;
  bool force = false;
  bool bootloader = false;
  bool bootloader_in_place = false;
  bool plan = false;
};

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

bool ChangesLoader(const UpgradePlan& plan) {
  return std::ranges::any_of(plan.steps, [](const UpgradeStep& step) {
    return std::holds_alternative<ChangeLoader>(step);
  });
}

// Nothing else is to be done than to remember the channel's document.
bool OnlyRemembers(const UpgradePlan& plan) {
  return std::ranges::all_of(plan.steps, [](const UpgradeStep& step) {
    return std::holds_alternative<RememberDocument>(step);
  });
}

std::string Outcome(const UpgradePlan& plan, const UpgradeOptions& options) {
  if (plan.already_there && ChangesLoader(plan)) {
    return "the boot loader of version " + plan.version +
           " is on the disk and starts at the next boot";
  }
  if (plan.already_there) {
    return *plan.already_there;
  }
  const auto slot = "slot " + std::string(Name(plan.target));
  if (options.stage) {
    return plan.version + " is staged in " + slot + "; ros upgrade -i " + options.image +
           " arms it";
  }
  return plan.version + " is in " + slot + " and is tried at the next boot; ros why tells later " +
         "how it went";
}

std::string_view EventName(const UpgradePlan& plan, const UpgradeOptions& options) {
  if (plan.already_there && ChangesLoader(plan)) {
    return "boot-loader-upgraded";
  }
  if (plan.already_there && OnlyRemembers(plan)) {
    return "channel-remembered";
  }
  if (plan.already_there) {
    return "arguments-kept";
  }
  return options.stage ? "staged" : "armed";
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

// Says what happened once, before the machine goes down.
class Outcomes {
 public:
  Outcomes(const UpgradePlan& plan, const UpgradeOptions& options, const Console& console)
      : plan_(plan), options_(options), console_(console) {}

  void Tell(std::string_view what_follows) {
    console_.Say(Outcome(plan_, options_).append(what_follows));
    if (!told_) {
      console_.PrintEvent(Json::MakeObject()
                              .Set("event", EventName(plan_, options_))
                              .Set("slot", Name(plan_.target))
                              .Set("version", plan_.version));
    }
    told_ = true;
  }

  [[nodiscard]] bool told() const { return told_; }

 private:
  const UpgradePlan& plan_;
  const UpgradeOptions& options_;
  const Console& console_;
  bool told_ = false;
};

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

void Upgrade(const UpgradeOptions& options, CommandContext& context) {
  const auto& console = context.console;
  const InterruptGuard guard;
  context.when_interrupted = "what runs and what boots is as it was; run it again";
  if (options.image.empty()) {
    throw Error(ErrorKind::kUsage, "name the image to upgrade to: ros upgrade -i IMAGE");
  }
  const auto machine = OpenRunningMachine();
  std::optional<FileLock> lock;
  if (!options.plan) {
    lock.emplace(LockMachine());
  }
  const auto policy = options.insecure ? images::SignaturePolicy::kAllowUnsigned
                                       : images::SignaturePolicy::kRequired;
  const auto progress = options.plan ? console.MakePlanProgress() : console.MakeProgress();
  const auto location = LocateImage(options.image, ConnectionOf(options));
  const auto rules = WithChannel(FindTrustRules(machine, SystemClock()),
                                 {.named = options.channel, .image = location},
                                 [&] { return ReadChannelMemory(machine.state); });
  const auto opened = OpenTrustedImage(location, rules, policy, *progress);
  const auto facts = InspectUpgrade(machine, *opened.source, opened.image, rules, *progress);
  const auto plan = PlanUpgrade(facts, MakeRequest(options));
  if (options.plan) {
    ShowPlan(plan, machine, console);
    return;
  }
  if (plan.steps.empty()) {
    auto event = Json::MakeObject()
                     .Set("event", "nothing-to-do")
                     .Set("message", plan.already_there.value_or(""));
    console.Say(plan.already_there.value_or(""));
    if (plan.loader_offer) {
      event.Set("boot_loader_offer", *plan.loader_offer);
      console.Say(*plan.loader_offer);
    }
    console.PrintEvent(event);
    return;
  }
  console.Say(DescribeUpgrade(plan, machine.disk));
  Apply(plan, machine, opened, options, console);
}

void AddUpgrade(CLI::App& parent, CommandContext& context) {
  auto* command =
      parent.add_subcommand("upgrade", "Write an OS image to the other slot and try it");
  auto options = std::make_shared<UpgradeOptions>();
  command
      ->add_option("-i,--image",
                   options->image,
                   "OS image: an OCI archive or layout, or where it is in a registry")
      ->type_name("IMAGE");
  command
      ->add_option("--channel",
                   options->channel,
                   "Channel document that has released it (default: beside the image, where one is "
                   "asked for)")
      ->type_name("FILE");
  command->add_option("--tries", options->tries, "Boots that the new slot gets, 1 to 9")
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
  AddNetworkOptions(*command, *options);
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
