#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/interrupt.hpp"
#include "bootloader/grub_config.hpp"
#include "bootloader/grub_install.hpp"
#include "bootloader/syslinux_install.hpp"
#include "images/bootloader_layer.hpp"
#include "images/build_image.hpp"
#include "images/efi_signer.hpp"
#include "images/fakeroot.hpp"
#include "images/sign_image.hpp"
#include "images/unified_kernel.hpp"
#include "installer/command.hpp"
#include "installer/commands/artifact_options.hpp"
#include "installer/commands/network_options.hpp"
#include "installer/image_text.hpp"
#include "installer/initrd_keys.hpp"
#include "installer/machine.hpp"
#include "installer/passphrase.hpp"
#include "installer/slot_content.hpp"
#include "installer/trusted_channel.hpp"
#include "installer/trusted_image.hpp"
#include "trust/policy_file.hpp"

namespace ros::installer {
namespace {

// JSON has no larger whole numbers that every reader takes.
constexpr std::int64_t kMaxEpoch = (std::int64_t{1} << 53) - 1;

struct ImageBuildOptions {
  images::BuildOptions build;
  std::string append;
  std::string grub = "/usr/lib/grub/i386-pc";
  std::string deadline = "5m";
  std::string watchdog = "180s";
  std::string trust;
  std::vector<std::string> signers;
  bool allow_no_ros = false;
  bool no_boot_loader = false;
  bool secure_boot = false;
  bool unified_kernel = false;
  std::string stub = images::kStubPath;
  images::EfiSigner signer;
};

// The ros-init that verifies signatures is larger by OpenSSL (docs/decisions/0057).
std::string_view InitName(const keys::TrustStore& initrd_keys) {
  return initrd_keys.empty() ? "ros-init" : "ros-init-verify";
}

// The program beside this one in a build tree, else where it is installed.
std::filesystem::path FindInit(std::string_view name) {
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  const auto built = self.parent_path().parent_path() / "init" / name;
  const auto installed = self.parent_path().parent_path() / ROS_LIBEXECDIR / "ros" / name;
  for (const auto& place : {built, installed}) {
    if (std::filesystem::exists(place)) {
      return place;
    }
  }
  throw Error(ErrorKind::kUsage,
              std::string(name) + " is not at " + installed.string() +
                  "; install it, or name one by --init");
}

// What this process was started with.
std::vector<std::string> OwnCommand() {
  std::vector<std::string> argv = {std::filesystem::read_symlink("/proc/self/exe").string()};
  const auto line = ReadFile("/proc/self/cmdline", Bytes{1} << 20U);
  std::size_t at = line.find('\0') + 1;
  while (at < line.size()) {
    const auto end = line.find('\0', at);
    argv.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return argv;
}

std::optional<UnixTime> SourceDateEpoch() {
  const char* text = std::getenv("SOURCE_DATE_EPOCH");
  if (text == nullptr || *text == '\0') {
    return std::nullopt;
  }
  char* end = nullptr;
  const auto value = std::strtoll(text, &end, 10);
  if (*end != '\0' || value < 0) {
    throw Error(ErrorKind::kUsage, "SOURCE_DATE_EPOCH is not a number of seconds");
  }
  // Machines take no image that was created before the one they run, and no date before it for
  // today.
  constexpr std::int64_t kDay = 86400;
  if (const auto now = SystemClock().Now(); value > now + kDay) {
    throw Error(ErrorKind::kUsage,
                "SOURCE_DATE_EPOCH is " + FormatTime(value) + ", and it is " + FormatTime(now) +
                    " now: a machine that had committed such an image would take none that is "
                    "made before that day");
  }
  return value;
}

void CheckSigning(const ImageBuildOptions& options) {
  const bool has_signer = !options.signer.key.empty() && !options.signer.certificate.empty();
  if (options.unified_kernel && !has_signer) {
    throw Error(ErrorKind::kUsage,
                "--uki signs the kernel and GRUB: it needs --sb-key and --sb-cert, which the "
                "machines that are to boot the image have in their db");
  }
  if (!options.unified_kernel &&
      (!options.signer.key.empty() || !options.signer.certificate.empty())) {
    throw Error(ErrorKind::kUsage, "--sb-key and --sb-cert are for --uki");
  }
  if (options.unified_kernel && options.secure_boot) {
    throw Error(ErrorKind::kUsage,
                "--uki and --secure-boot are two forms: signed by you, or by Debian; give one");
  }
  if (options.unified_kernel && options.build.architecture != "amd64") {
    throw Error(ErrorKind::kUsage, "--uki makes images for amd64 alone");
  }
  if (options.unified_kernel) {
    // What is missing, or a key that is not the certificate's, is told before the long work begins.
    static_cast<void>(images::SignEfiProgram(images::ReadStub(options.stub), options.signer));
  }
}

// The line that is signed with the kernel: it names no slot, so that one fits both.
std::string SignedCommandLine(const images::ImageConfig& config) {
  const auto entry =
      MakeSlotEntry(SlotId::kA, config, {}, {.kind = bootloader::LoaderKind::kGrubUki});
  return bootloader::KernelCommandLine(entry);
}

images::UnifiedKernelOptions UnifiedKernel(const ImageBuildOptions& options) {
  return {.stub = options.stub,
          .command_line = SignedCommandLine,
          .sign = [signer = options.signer](const std::string& program) {
            return images::SignEfiProgram(program, signer);
          }};
}

// GRUB always, syslinux where the build host has it: an image without it can do everything but
// `ros install -t syslinux`.
std::map<std::string, std::string> LoaderLayer(const ImageBuildOptions& options,
                                               const Console& console) {
  if (options.unified_kernel) {
    return bootloader::ToFiles(
        bootloader::BuildOwnerGrub(options.grub, [&options](const std::string& program) {
          return images::SignEfiProgram(program, options.signer);
        }));
  }
  auto files = bootloader::ToFiles(bootloader::BuildGrubParts(
      options.grub,
      options.secure_boot ? bootloader::EfiSigning::kDistribution : bootloader::EfiSigning::kNone));
  if (bootloader::HasSyslinux()) {
    files.merge(bootloader::ToFiles(bootloader::BuildSyslinuxParts()));
  } else {
    console.Say("syslinux is not installed here, so the image brings GRUB alone");
  }
  return files;
}

// The policy that the image brings, and the keys by which its initrd verifies it.
void BringKeys(ImageBuildOptions& options) {
  trust::Policy policy;
  if (!options.trust.empty()) {
    policy = RulesOfFile(options.trust, SystemClock().Now()).policy;
    options.build.trust = trust::FormatPolicy(policy);
    // Key files have become text: is it still short enough for machines to read?
    static_cast<void>(trust::ParsePolicy(options.build.trust, options.trust));
  }
  options.build.initrd_keys = InitrdKeys(policy, {options.signers.begin(), options.signers.end()});
}

void Build(ImageBuildOptions options, CommandContext& context) {
  if (images::NeedsFakeroot()) {
    context.exit_code = images::RunInFakeroot(OwnCommand());
    return;
  }
  const auto& console = context.console;
  const InterruptGuard guard;
  context.when_interrupted = "nothing was written";
  auto& build = options.build;
  build.kernel_arguments = SplitArguments(options.append);
  bootloader::CheckKernelArguments(build.kernel_arguments, bootloader::ArgumentOrigin::kMachine);
  build.health.deadline = ParseDuration(options.deadline);
  build.health.watchdog = ParseDuration(options.watchdog);
  build.ros_in_root =
      options.allow_no_ros ? images::RosInRoot::kNotNeeded : images::RosInRoot::kRequired;
  build.source_date_epoch = SourceDateEpoch();
  CheckSigning(options);
  if (options.unified_kernel) {
    build.unified_kernel = UnifiedKernel(options);
  }
  BringKeys(options);
  if (build.init_binary.empty()) {
    build.init_binary = FindInit(InitName(build.initrd_keys));
  }
  if (!options.no_boot_loader) {
    build.bootloader_tar = images::PackBootloader(LoaderLayer(options, console));
  }
  const auto progress = console.MakeProgress();
  const auto result = images::BuildImage(build, *progress);
  for (const auto& warning : BuildWarnings(result)) {
    console.Warn(warning);
  }
  if (console.json()) {
    console.PrintEvent(BuildToJson(result, build));
  } else {
    console.Print(DescribeBuild(result, build));
  }
}

struct ImageVerifyOptions : VerifyOptions, NetworkOptions {
  std::string channel;
};

// Signatures are added one by one, so this is no error yet. One that does not say whose it is may
// be by any key.
void WarnOfBoot(const std::string& file, const Console& console) {
  const auto source = images::OpenImage(file);
  const auto image = images::InspectImage(*source);
  const auto signers = ReadHints(*source, image).signature_keys;
  const auto starts = JudgeBoot(image.config, signers);
  if (starts && !starts->met && std::ranges::find(signers, "unknown") == signers.end()) {
    console.Warn("no machine takes this image yet: " + starts->how);
  }
}

void SignImage(const SignOptions& options, CommandContext& context) {
  const auto& console = context.console;
  const auto& file = options.file;
  keys::ForbidCoreDumps();
  const InterruptGuard guard;
  context.when_interrupted = "the image is as it was";
  const auto key =
      keys::PrivateKey::Load(options.key, MakePassphraseSource(options.passphrase_file));
  const auto digest = images::SignImage(file, key, options.reference);
  WarnOfBoot(file, console);
  if (console.json()) {
    console.PrintJson(Json::MakeObject().Set("image", file).Set("digest", digest.ToString()));
  } else {
    console.Print("signed " + digest.ToString() + " in " + file);
  }
}

ImageLocation LocationOf(const ImageVerifyOptions& options) {
  return LocateImage(options.file, ConnectionOf(options));
}

// The rules, and the channel document that was named or is beside the image.
TrustRules RulesFor(const ImageVerifyOptions& options) {
  return WithChannel(RulesOf(options.rules),
                     {.named = options.channel, .image = LocationOf(options)},
                     [&] { return ChannelMemoryOf(options.rules); });
}

void Verify(const ImageVerifyOptions& options, CommandContext& context) {
  const auto& console = context.console;
  const auto rules = RulesFor(options);
  if (options.explain) {
    ShowExplanation(ExplainTrust(LocationOf(options), rules, *console.MakePlanProgress()), context);
    return;
  }
  const auto progress = console.MakePlanProgress();
  const auto opened =
      OpenTrustedImage(LocationOf(options), rules, images::SignaturePolicy::kRequired, *progress);
  const auto& source = *opened.source;
  // A pipe gives nothing back that was checked.
  auto hints = source.is_passing() ? ReadHints(source, opened.image) : ImageHints();
  if (source.is_remote()) {
    images::CheckBlobs(source, opened.image, *progress);
  }
  if (!source.is_passing()) {
    hints = ReadHints(source, opened.image);
  }
  if (console.json()) {
    console.PrintJson(ImageToJson(opened.image, hints));
  } else {
    console.Print("good: " + DescribeImage(opened.image, hints));
  }
}

struct InspectOptions : NetworkOptions {
  std::string image;
};

void Inspect(const InspectOptions& options, const Console& console) {
  const auto location = LocateImage(options.image, ConnectionOf(options));
  const auto source = OpenImageAt(location);
  const auto image = images::InspectImage(*source, location.version);
  const auto hints = ReadHints(*source, image);
  if (console.json()) {
    console.PrintJson(ImageToJson(image, hints));
  } else {
    console.Print(DescribeImage(image, hints));
  }
}

void AddBuildOptions(CLI::App& command, ImageBuildOptions& options) {
  auto& build = options.build;
  command
      .add_option("--root",
                  build.root,
                  "The container: directory, tar, OCI archive or layout, "
                  "docker save file")
      ->required();
  command.add_option("--name", build.name, "Name of the OS")->required();
  command.add_option("--version", build.version, "Version of the image")->required();
  command.add_option("-o,--output", build.output, "The image file to make")->required();
  command.add_option("--kernel", build.kernel, "Kernel version (default: the newest in the root)");
  command.add_flag("--keep-kernel",
                   build.keep_kernel,
                   "Leave the kernel in the root too, where nothing boots it");
  command.add_option("-a,--append", options.append, "Kernel arguments of the image");
  command.add_option("--compatible", build.compatible, "Kind of machine it is for (default: any)")
      ->take_all();
  command.add_option("--epoch", build.epoch, "Machines never go back to a lower epoch")
      ->check(CLI::Range(std::int64_t{0}, kMaxEpoch))
      ->capture_default_str();
  command.add_option("--trust", options.trust, "Trust policy that the image brings, YAML")
      ->type_name("FILE");
  command
      .add_option("--signer",
                  options.signers,
                  "Public key that will sign the image, for its initrd, which verifies it at boot; "
                  "those of --trust are there too")
      ->type_name("KEY")
      ->take_all();
  command
      .add_option("--required-report",
                  build.health.required,
                  "Reporter that must report in before a trial is committed")
      ->take_all();
  command
      .add_option("--health-deadline", options.deadline, "How long a trial may take to be healthy")
      ->type_name("TIME")
      ->capture_default_str();
  command.add_option("--watchdog", options.watchdog, "Watchdog's time on a trial, 0 for none")
      ->type_name("TIME")
      ->capture_default_str();
}

void AddBuildTools(CLI::App& command, ImageBuildOptions& options) {
  auto& build = options.build;
  command.add_option("--architecture", build.architecture, "As OCI names it")
      ->capture_default_str();
  command.add_option("--compress-level", build.compression_level, "zstd, 1 (fast) to 19 (small)")
      ->check(CLI::Range(1, 19))
      ->capture_default_str();
  command
      .add_option("--delta-from",
                  build.delta_from,
                  "Older image; machines that run it fetch only what differs")
      ->type_name("IMAGE")
      ->take_all();
  command
      .add_option("--delta-since",
                  build.delta_since,
                  "Older image; machines that run it or a newer one fetch less, whichever it is")
      ->type_name("IMAGE");
  command.add_option("--work", build.work_directory, "Where to unpack (default: /var/tmp)");
  command.add_option(
      "--init", build.init_binary, "The static ros-init (default: the installed one)");
  command.add_option("--grub-dir", options.grub, "GRUB's BIOS modules")->capture_default_str();
  command.add_flag("--secure-boot",
                   options.secure_boot,
                   "For UEFI bring the shim and GRUB that Debian has signed");
  command.add_flag(
      "--uki",
      options.unified_kernel,
      "Kernel, initrd and arguments as one program for UEFI, signed by you, and GRUB too");
  command.add_option("--sb-key", options.signer.key, "Private key for --uki, PEM")
      ->type_name("KEY");
  command.add_option("--sb-cert", options.signer.certificate, "Its certificate, PEM")
      ->type_name("CERT");
  command.add_option("--stub", options.stub, "What a unified kernel begins with")
      ->capture_default_str();
  command.add_flag("--no-boot-loader",
                   options.no_boot_loader,
                   "An image that upgrades machines and cannot install one");
  command.add_flag("--allow-no-ros",
                   options.allow_no_ros,
                   "Take a root without the ros command: nothing in it can commit a trial");
}

}  // namespace

void AddImageCommand(CLI::App& app, CommandContext& context) {
  auto* image = app.add_subcommand("image", "Build, sign, verify, inspect and copy OS images");
  image->require_subcommand(1);
  auto* build = image->add_subcommand("build", "Make an OS image of a container's root");
  auto options = std::make_shared<ImageBuildOptions>();
  AddBuildOptions(*build, *options);
  AddBuildTools(*build, *options);
  AddJsonFlag(*build, context);
  build->callback([options, &context] { Build(*options, context); });

  auto signing = std::make_shared<SignOptions>();
  auto* sign = image->add_subcommand("sign", "Add a signature in cosign's form");
  AddSignOptions(*sign, *signing, "image", "IMAGE");
  AddJsonFlag(*sign, context);
  sign->callback([signing, &context] { SignImage(*signing, context); });

  auto verifying = std::make_shared<ImageVerifyOptions>();
  auto* verify = image->add_subcommand("verify", "Check signature and every digest");
  AddVerifyOptions(*verify, *verifying, "IMAGE");
  verify
      ->add_option("--channel",
                   verifying->channel,
                   "Channel document that has released it, found as images are")
      ->type_name("DOCUMENT");
  AddNetworkOptions(*verify, *verifying, context);
  AddJsonFlag(*verify, context);
  verify->callback([verifying, &context] { Verify(*verifying, context); });

  auto inspecting = std::make_shared<InspectOptions>();
  auto* inspect = image->add_subcommand("inspect", "Show what an image says, unverified");
  inspect->add_option("IMAGE", inspecting->image, kWhereImagesAre)->required();
  AddNetworkOptions(*inspect, *inspecting, context);
  AddJsonFlag(*inspect, context);
  inspect->callback([inspecting, &context] { Inspect(*inspecting, context.console); });
  AddImageCopyCommands(*image, context);
}

}  // namespace ros::installer
