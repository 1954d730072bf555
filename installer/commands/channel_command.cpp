#include <CLI/CLI.hpp>
#include <memory>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "images/channel_archive.hpp"
#include "installer/channel_build.hpp"
#include "installer/channel_text.hpp"
#include "installer/command.hpp"
#include "installer/named_rules.hpp"
#include "installer/passphrase.hpp"
#include "installer/trusted_channel.hpp"

namespace ros::installer {
namespace {

struct BuildOptions {
  std::string name;
  std::uint64_t serial = 0;
  std::string from;
  std::string valid_for;
  std::string not_after;
  std::vector<std::string> releases;
  std::vector<std::string> shares;
  std::vector<std::string> dropped;
  bool halt = false;
  bool resume = false;
  std::string output;
};

struct FileOptions {
  std::string file;
  std::string key;
  std::string passphrase_file;
  std::optional<std::string> reference;
  NamedRules rules;
  bool explain = false;
};

// Unverified: for showing it, and for who goes on with it.
ChannelView Look(const std::string& file) {
  const auto source = images::OpenImage(file);
  const auto artifact = images::InspectChannel(*source);
  ChannelView view{.manifest = artifact.manifest};
  view.channel = InContext(source->name(), [&] { return trust::ParseChannel(artifact.document); });
  for (const auto& signature : images::FindSignatures(*source, artifact.manifest)) {
    view.signature_keys.push_back(signature.key_hint.empty() ? "unknown" : signature.key_hint);
  }
  return view;
}

void Show(const ChannelView& view, const char* verdict, const Console& console) {
  if (console.json()) {
    console.PrintJson(ChannelToJson(view));
  } else {
    console.Print(verdict + DescribeChannel(view));
  }
}

UnixTime EndOf(const BuildOptions& options, UnixTime now) {
  if (options.valid_for.empty() == options.not_after.empty()) {
    throw Error(ErrorKind::kUsage,
                "say how long the document counts: --valid-for 30d, or --not-after 2027-01-31");
  }
  return options.valid_for.empty() ? EndOn(options.not_after) : EndAfter(options.valid_for, now);
}

ChannelRequest MakeRequest(const BuildOptions& options) {
  using Halt = ChannelRequest::Halt;
  const auto now = SystemClock().Now();
  ChannelRequest request{.name = options.name,
                         .created = now,
                         .not_after = EndOf(options, now),
                         .dropped = options.dropped,
                         .halt = options.halt     ? Halt::kHalt
                                 : options.resume ? Halt::kResume
                                                  : Halt::kAsBefore};
  if (options.serial > 0) {
    request.serial = options.serial;
  }
  if (!options.from.empty()) {
    request.from = Look(options.from).channel;
  }
  for (const auto& release : options.releases) {
    request.releases.push_back(ReadRelease(release));
  }
  for (const auto& share : options.shares) {
    request.shares.insert(ParseShare(share));
  }
  return request;
}

void Build(const BuildOptions& options, CommandContext& context) {
  const InterruptGuard guard;
  context.when_interrupted = "nothing was written";
  const auto channel = MakeChannel(MakeRequest(options));
  const auto digest =
      images::WriteChannelArchive(trust::WriteChannel(channel), channel.name, options.output);
  Show({.channel = channel, .manifest = digest}, "", context.console);
}

void Sign(const FileOptions& options, CommandContext& context) {
  const auto& console = context.console;
  keys::ForbidCoreDumps();
  const InterruptGuard guard;
  context.when_interrupted = "the document is as it was";
  const auto view = Look(options.file);
  const auto key =
      keys::PrivateKey::Load(options.key, MakePassphraseSource(options.passphrase_file));
  const auto digest =
      images::SignChannel(options.file, key, options.reference.value_or(view.channel.name));
  if (console.json()) {
    console.PrintJson(
        Json::MakeObject().Set("channel", options.file).Set("digest", digest.ToString()));
  } else {
    console.Print("signed " + digest.ToString() + " in " + options.file);
  }
}

void Explain(const FileOptions& options, CommandContext& context) {
  const auto explanation =
      ExplainChannel(options.file, RulesOf(options.rules), ChannelMemoryOf(options.rules));
  if (context.console.json()) {
    context.console.PrintJson(ExplanationToJson(explanation));
  } else {
    context.console.Print(DescribeExplanation(explanation));
  }
  if (!explanation.refusal.empty()) {
    context.exit_code = static_cast<int>(ErrorKind::kVerification);
  }
}

void Verify(const FileOptions& options, CommandContext& context) {
  if (options.explain) {
    Explain(options, context);
    return;
  }
  const auto opened =
      OpenTrustedChannel(options.file, RulesOf(options.rules), ChannelMemoryOf(options.rules));
  auto view = Look(options.file);
  view.channel = opened.shown.channel;
  view.manifest = opened.manifest;
  view.signers = opened.signers;
  Show(view, "good: ", context.console);
}

void AddBuildOptions(CLI::App& command, BuildOptions& options) {
  command.add_option("--name", options.name, "Name of the channel (default: as before)");
  command.add_option("--serial", options.serial, "A number that grows (default: one more)")
      ->check(CLI::Range(std::uint64_t{1}, trust::kMaxSerial));
  command.add_option("--from", options.from, "The document before, whose releases stay")
      ->type_name("FILE");
  command.add_option("--valid-for", options.valid_for, "How long it counts: 30d, 12h")
      ->type_name("TIME");
  command.add_option("--not-after", options.not_after, "Or until when: 2027-01-31")
      ->type_name("DATE");
  command
      .add_option("--release", options.releases, "An image that is released, to how many percent")
      ->type_name("IMAGE[=PERCENT]")
      ->take_all();
  command.add_option("--share", options.shares, "Another share for a version; 0 withdraws it")
      ->type_name("VERSION=PERCENT")
      ->take_all();
  command.add_option("--drop", options.dropped, "A version that is not listed any more")
      ->type_name("VERSION")
      ->take_all();
  auto* halt = command.add_flag("--halt", options.halt, "Stop all upgrades, until --resume");
  command.add_flag("--resume", options.resume, "Go on after --halt")->excludes(halt);
  command.add_option("-o,--output", options.output, "The file to make")->required();
}

void AddVerify(CLI::App& channel,
               const std::shared_ptr<FileOptions>& options,
               CommandContext& context) {
  auto* verify = channel.add_subcommand("verify", "Check signatures, dates and serial");
  auto* key =
      verify
          ->add_option(
              "--key", options->rules.keys, "Public key, PEM (default: this machine's rules)")
          ->take_all();
  verify->add_option("--trust", options->rules.trust, "Trust policy, YAML")
      ->type_name("FILE")
      ->excludes(key);
  verify->add_flag("--explain", options->explain, "Show each rule and how it is met");
  verify->add_option("FILE", options->file)->required();
  AddJsonFlag(*verify, context);
  verify->callback([options, &context] { Verify(*options, context); });
}

}  // namespace

void AddChannelCommand(CLI::App& app, CommandContext& context) {
  auto* channel = app.add_subcommand(
      "channel", "Say what is released: build, sign and verify channel documents");
  channel->require_subcommand(1);
  auto* build = channel->add_subcommand("build", "Make a channel document");
  auto options = std::make_shared<BuildOptions>();
  AddBuildOptions(*build, *options);
  AddJsonFlag(*build, context);
  build->callback([options, &context] { Build(*options, context); });

  auto files = std::make_shared<FileOptions>();
  auto* sign = channel->add_subcommand("sign", "Add a signature in cosign's form");
  sign->add_option("--key", files->key, "Private key: PEM file, or pkcs11: URI")->required();
  sign->add_option("--reference",
                   files->reference,
                   "What the document will be called in its registry, for skopeo's policy");
  AddPassphraseOption(*sign, files->passphrase_file);
  sign->add_option("FILE", files->file)->required();
  AddJsonFlag(*sign, context);
  sign->callback([files, &context] { Sign(*files, context); });

  auto* show = channel->add_subcommand("show", "Show what a document says, unverified");
  show->add_option("FILE", files->file)->required();
  AddJsonFlag(*show, context);
  show->callback([files, &context] { Show(Look(files->file), "", context.console); });
  AddVerify(*channel, files, context);
}

}  // namespace ros::installer
