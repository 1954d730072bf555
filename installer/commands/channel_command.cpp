#include <CLI/CLI.hpp>
#include <memory>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "images/channel_archive.hpp"
#include "installer/channel_build.hpp"
#include "installer/channel_text.hpp"
#include "installer/command.hpp"
#include "installer/commands/artifact_options.hpp"
#include "installer/commands/network_options.hpp"
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
  if (!context.console.json()) {
    context.console.Print("not signed yet: ros channel sign --key KEY " + options.output);
  }
}

void SignChannel(const SignOptions& options, CommandContext& context) {
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

struct ChannelVerifyOptions : VerifyOptions, NetworkOptions {};

void Verify(const ChannelVerifyOptions& options, CommandContext& context) {
  const auto location = LocateImage(options.file, ConnectionOf(options));
  const auto rules = RulesOf(options.rules);
  const auto memory = ChannelMemoryOf(options.rules);
  if (options.explain) {
    ShowExplanation(ExplainChannel(location, rules, memory), context);
    return;
  }
  const auto opened = OpenTrustedChannel(location, rules, memory);
  Show({.channel = opened.shown.channel, .manifest = opened.manifest, .signers = opened.signers},
       "good: ",
       context.console);
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

  auto signing = std::make_shared<SignOptions>();
  auto* sign = channel->add_subcommand("sign", "Add a signature in cosign's form");
  AddSignOptions(*sign, *signing, "document", "FILE");
  AddJsonFlag(*sign, context);
  sign->callback([signing, &context] { SignChannel(*signing, context); });

  auto file = std::make_shared<std::string>();
  auto* show = channel->add_subcommand("show", "Show what a document says, unverified");
  show->add_option("FILE", *file)->required();
  AddJsonFlag(*show, context);
  show->callback([file, &context] { Show(Look(*file), "", context.console); });

  auto verifying = std::make_shared<ChannelVerifyOptions>();
  auto* verify = channel->add_subcommand("verify", "Check signatures, dates and serial");
  AddVerifyOptions(*verify, *verifying, "DOCUMENT");
  AddNetworkOptions(*verify, *verifying, context);
  AddJsonFlag(*verify, context);
  verify->callback([verifying, &context] { Verify(*verifying, context); });
}

}  // namespace ros::installer
