#include <CLI/CLI.hpp>
#include <limits>
#include <memory>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/interrupt.hpp"
#include "config/cloud_config.hpp"
#include "installer/command.hpp"
#include "installer/commands/network_options.hpp"
#include "installer/followed_channel.hpp"
#include "installer/install.hpp"
#include "installer/kept_state.hpp"
#include "installer/machine.hpp"
#include "installer/slot_content.hpp"
#include "installer/target_choice.hpp"
#include "installer/trusted_channel.hpp"
#include "installer/trusted_image.hpp"

namespace ros::installer {
namespace {

constexpr const char* kLiveKeys = "/etc/ros/keys";
constexpr const char* kAutoDevice = "auto";
constexpr Bytes kCloudConfigLimit = Bytes{1} << 20U;

struct InstallOptions : NetworkOptions {
  std::string device;
  std::string image;
  std::string channel;
  std::string type = "generic";
  std::string config;
  std::string append;
  std::string machine;
  std::string partition;
  std::string state_directory;
  std::vector<std::string> keys;
  std::string size;
  std::string sector_size;
  std::string slot_size;
  std::string boot_size;
  std::string kernel_size;
  std::string initrd_size;
  std::string seed;
  bool force = false;
  bool insecure = false;
  bool keep_state = false;
  bool no_reboot = false;
  bool debug = false;
  bool plan = false;
};

std::optional<Bytes> OptionalBytes(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(ParseBytes(text));
}

// RancherOS's options that have no meaning on a disk with two slots.
void RefuseOldOptions(const InstallOptions& options) {
  if (!options.partition.empty()) {
    throw Error(ErrorKind::kUsage,
                "-p is of no use here: ros makes all partitions itself, on the disk of -d; "
                "--slot-size and --boot-size say how large");
  }
  if (!options.state_directory.empty()) {
    throw Error(ErrorKind::kUsage,
                "--statedir is of no use here: what lasts is on the state partition, which is "
                "mounted at /ros, /var, /home and others (docs/user-guide.md, \"What lasts\")");
  }
}

// What makes a disk new does not go with a state that stays.
void RefuseWithKeptState(const InstallOptions& options) {
  if (options.keep_state && options.device == kAutoDevice) {
    throw Error(ErrorKind::kUsage,
                "-d auto takes an empty disk; name the one whose state --keep-state is to keep");
  }
  if (options.keep_state && !options.size.empty()) {
    throw Error(ErrorKind::kUsage, "--size makes a new file, which has no state to keep");
  }
}

std::string KeyName(const std::filesystem::path& path) {
  const auto name = path.filename().string();
  const auto ending = path.extension();
  return ending == ".pub" || ending == ".pem" ? name : name + ".pub";
}

// The files whose keys this machine is to trust: those named, else those of a live medium.
std::vector<std::filesystem::path> KeyFiles(const InstallOptions& options) {
  std::vector<std::filesystem::path> files(options.keys.begin(), options.keys.end());
  if (files.empty()) {
    for (const auto& name : ListDirectory(kLiveKeys)) {
      files.emplace_back(std::filesystem::path(kLiveKeys) / name);
    }
  }
  return files;
}

std::vector<InstallRequest::NamedText> ReadKeys(const std::vector<std::filesystem::path>& files) {
  std::vector<InstallRequest::NamedText> keys;
  for (const auto& file : files) {
    auto name = KeyName(file);
    const auto same = [&](const auto& key) { return key.name == name; };
    if (std::any_of(keys.begin(), keys.end(), same)) {
      name.insert(0, std::to_string(keys.size() + 1) + "-");
    }
    keys.push_back({name, ReadFile(file, keys::kMaxKeyFileSize)});
  }
  return keys;
}

std::optional<std::string> ReadCloudConfig(const InstallOptions& options, const Console& console) {
  if (options.config.empty()) {
    return std::nullopt;
  }
  auto text = ReadFile(options.config, kCloudConfigLimit);
  for (const auto& warning : config::ParseCloudConfig(text, options.config).warnings) {
    console.Warn(warning);
  }
  return text;
}

InstallRequest MakeRequest(const InstallOptions& options, const Console& console) {
  InstallRequest request;
  request.target = options.device;
  request.existing_data = options.force ? InstallRequest::ExistingData::kOverwrite
                                        : InstallRequest::ExistingData::kRefuse;
  request.create_size = OptionalBytes(options.size);
  request.loader = ParseInstallType(options.type);
  if (!options.sector_size.empty()) {
    // Any number beyond is refused with the plan.
    request.sector_size = static_cast<std::uint32_t>(std::min<Bytes>(
        ParseBytes(options.sector_size), std::numeric_limits<std::uint32_t>::max()));
  }
  request.slot_size = OptionalBytes(options.slot_size);
  request.boot_size = OptionalBytes(options.boot_size);
  request.boot_files.kernel =
      OptionalBytes(options.kernel_size).value_or(request.boot_files.kernel);
  request.boot_files.initrd =
      OptionalBytes(options.initrd_size).value_or(request.boot_files.initrd);
  request.kernel_arguments = SplitArguments(options.append);
  request.machine_kind = options.machine;
  request.seed = options.seed.empty() ? partitions::RandomSeed() : options.seed;
  request.keys = ReadKeys(KeyFiles(options));
  request.cloud_config = ReadCloudConfig(options, console);
  return request;
}

// Data on the target is lost only by --force or by a person's yes.
void AskAboutData(const InstallPlan& plan, const InstallOptions& options, const Console& console) {
  if (plan.losses.empty() || options.force) {
    return;
  }
  const std::string lost = plan.keeps.empty()
                               ? " holds data, and all of it will be lost."
                               : " holds data, and all but its ROS-STATE will be lost.";
  if (console.Confirm(plan.target.string() + lost)) {
    return;
  }
  std::string what;
  for (const auto& loss : plan.losses) {
    what += (what.empty() ? "" : "; ") + loss;
  }
  const auto nothing = plan.target.string() + " holds data (" + what + ") and nothing was written";
  throw Error(ErrorKind::kRefused,
              nothing + (console.can_ask() ? ", since the answer was not yes"
                                           : "; to overwrite it use --force"));
}

void OfferReboot(const InstallPlan& plan, const InstallOptions& options, const Console& console) {
  if (options.no_reboot || !std::filesystem::is_block_file(plan.target)) {
    return;
  }
  if (console.Confirm("Reboot now?")) {
    RebootMachine();
  }
}

// Of an image file nobody knows which machine it is for.
void WarnOfSecureBoot(const InstallPlan& plan, const Console& console) {
  if (!std::filesystem::is_block_file(plan.target)) {
    return;
  }
  const auto warning = SecureBootWarning(plan,
                                         bootloader::InspectFirmware().secure_boot,
                                         bootloader::ReadFirmwareKeys(bootloader::EfiVariables()));
  if (!warning.empty()) {
    console.Warn(warning);
  }
}

// A disk of a machine of ours may be one that another command is at work on. A file is not, and
// whoever may write it need not be root.
std::optional<FileLock> LockAgainstUpgrades(const std::filesystem::path& target) {
  if (!std::filesystem::is_block_file(target) || !RunningBootArguments()) {
    return std::nullopt;
  }
  return LockMachine();
}

TrustRules RulesFor(const InstallOptions& options, const std::optional<KeptState>& kept) {
  auto rules = RulesOfKeys(keys::TrustStore::FromFiles(KeyFiles(options)), SystemClock().Now());
  if (kept) {
    rules = RulesKeeping(std::move(rules), kept->own_rules);
  }
  return WithChannel(
      std::move(rules),
      {.named = options.channel, .image = LocateImage(options.image, ConnectionOf(options))},
      [&]() -> ChannelMemory {
        return kept && !kept->channels.empty()
                   ? ParseChannelMemory(kept->channels, "/ros/channels.json of ROS-STATE")
                   : ChannelMemory();
      });
}

// The channel of later upgrades; a state that is kept has a setting of its own, or none.
std::string FollowedBy(const InstallOptions& options, const InstallRequest& request) {
  if (!request.channel || options.channel.empty() || options.keep_state) {
    return {};
  }
  return ChannelOfInstallation(LocateImage(options.channel, ConnectionOf(options)),
                               request.channel->channel.name,
                               request.cloud_config.value_or(""));
}

// A machine that follows a channel reaches it by itself, without what this command was told.
void WarnOfConnection(const InstallOptions& options,
                      const InstallRequest& request,
                      const Console& console) {
  if (!request.follows.empty() && (options.plain_http || !options.ca_file.empty())) {
    console.Warn("the machine will follow " + request.follows + ", and upgrades there want " +
                 (options.plain_http ? "--plain-http" : "--ca") +
                 " too, which `ros upgrade --unattended` is not given: " +
                 (options.plain_http ? "give the registry a certificate"
                                     : "put the certificate among those of the image's system"));
  }
}

void Install(const InstallOptions& options, CommandContext& context) {
  const auto& console = context.console;
  RefuseOldOptions(options);
  RefuseWithKeptState(options);
  auto request = MakeRequest(options, console);
  const auto progress = options.plan ? console.MakePlanProgress() : console.MakeProgress();
  const auto policy = options.insecure ? images::SignaturePolicy::kAllowUnsigned
                                       : images::SignaturePolicy::kRequired;
  std::optional<KeptState> kept;
  if (options.keep_state) {
    kept = InspectKeptState(partitions::InspectDisk(options.device));
    request = RequestKeeping(std::move(request), *kept);
  }
  const auto rules = RulesFor(options, kept);
  request.channel = rules.channel;
  request.follows = FollowedBy(options, request);
  WarnOfConnection(options, request, console);
  auto opened =
      OpenTrustedImage(LocateImage(options.image, ConnectionOf(options)), rules, policy, *progress);
  request.loader = LoaderFor(opened.image.manifest, request.loader);
  InstallFacts facts{.image = opened.image,
                     .loader = ReadBootLoader(*opened.source, opened.image, request.loader),
                     .boot_entries = bootloader::InspectBootEntries(bootloader::EfiVariables()),
                     .kernel_before_root = ComeBeforeRoot(*opened.source, opened.image.manifest)};
  facts.disk = options.device == kAutoDevice ? ChooseTarget(InspectCandidates(), facts, request)
                                             : partitions::InspectDisk(options.device);
  facts.kept = std::move(kept);
  const auto plan = PlanInstall(facts, request);
  WarnOfSecureBoot(plan, console);
  if (options.plan) {
    if (console.json()) {
      console.PrintJson(InstallToJson(plan));
    } else {
      console.Print(DescribeInstall(plan));
    }
    return;
  }
  const auto lock = LockAgainstUpgrades(plan.target);
  console.Say(DescribeInstall(plan));
  context.when_interrupted = "nothing was written";
  AskAboutData(plan, options, console);
  const InterruptGuard guard;
  context.when_interrupted = "nothing boots from the target; run it again";
  const SystemClock clock;
  const auto open = [&plan](const std::filesystem::path& path) {
    return OpenBlankDevice(path, DeviceAccess::kExclusive, plan.layout.sector_size);
  };
  ApplyInstall(plan,
               {.source = *opened.source,
                .image = opened.image,
                .request = request,
                .disk = facts.disk,
                .open = open,
                .clock = clock,
                .progress = *progress});
  context.when_interrupted = "the installation is complete; boot from the target";
  console.PrintEvent(InstallToJson(plan).Set("event", "installed"));
  console.Say("installed " + plan.name + " " + plan.version + " on " + plan.target.string() +
              "; boot from it, then see ros status");
  OfferReboot(plan, options, console);
}

void AddOptions(CLI::App& command, InstallOptions& options) {
  command
      .add_option("-d,--device",
                  options.device,
                  "Disk (/dev/sda), disk image file, or auto: the only empty disk")
      ->required()
      ->type_name("TARGET");
  command.add_option("-i,--image", options.image, std::string("OS image: ") + kWhereImagesAre)
      ->required()
      ->type_name("IMAGE");
  command.add_option("--key", options.keys, "Public key to trust, now and for later upgrades")
      ->type_name("PUB")
      ->take_all();
  command
      .add_option("--channel",
                  options.channel,
                  "Channel document that has released the image, found as images are")
      ->type_name("DOCUMENT");
  command.add_option("-c,--cloud-config", options.config, "cloud-config for the machine")
      ->type_name("FILE");
  command.add_option("-a,--append", options.append, "Kernel arguments of this machine")
      ->type_name("ARGS");
  command
      .add_option("-t,--install-type",
                  options.type,
                  "generic or grub: GRUB; syslinux or gptsyslinux: syslinux, BIOS only")
      ->capture_default_str()
      ->type_name("TYPE");
  command
      .add_option("--machine", options.machine, "Kind of machine, for images made for some kinds")
      ->type_name("KIND");
  command.add_flag("-f,--force", options.force, "Overwrite data on the target without asking");
  command.add_flag(
      "--keep-state", options.keep_state, "Leave the disk's ROS-STATE as it is and renew the rest");
  command.add_flag("--insecure", options.insecure, "Take an image that nobody has signed");
  command.add_flag("--no-reboot", options.no_reboot, "Do not ask for a reboot at the end");
  // Hidden (no group): they are refused.
  command.add_option("-p,--partition", options.partition)->group("");
  command.add_option("--statedir", options.state_directory)->group("");
  command.add_flag("--debug", options.debug, "Accepted for RancherOS; errors are always complete");
  command.add_flag("--plan", options.plan, "Show what would be done, and stop");
}

void AddSizeOptions(CLI::App& command, InstallOptions& options) {
  const auto add = [&](const char* name, std::string& value, const char* text) {
    command.add_option(name, value, text)->type_name("SIZE")->group("Sizes");
  };
  add("--size", options.size, "Make the disk image file, sparse, of this size");
  add("--sector-size", options.sector_size, "Sectors of a disk image file: 512 (default) or 4096");
  add("--slot-size", options.slot_size, "Each slot (default: twice the root, at least 1G)");
  add("--boot-size", options.boot_size, "Boot partition (default: 512M)");
  add("--kernel-size", options.kernel_size, "Place for a kernel in each slot (default: 32M)");
  add("--initrd-size", options.initrd_size, "Place for an initrd in each slot (default: 96M)");
  command.add_option("--seed", options.seed, "UUID from which all UUIDs follow, for equal disks")
      ->type_name("UUID")
      ->group("Sizes");
}

}  // namespace

void AddInstallCommand(CLI::App& app, CommandContext& context) {
  auto* command = app.add_subcommand("install", "Install an OS image on a disk");
  auto options = std::make_shared<InstallOptions>();
  AddOptions(*command, *options);
  AddSizeOptions(*command, *options);
  AddNetworkOptions(*command, *options, context);
  AddJsonFlag(*command, context);
  command->callback([options, &context] { Install(*options, context); });
}

}  // namespace ros::installer
