#include <CLI/CLI.hpp>

#include "base/interrupt.hpp"
#include "base/shown_text.hpp"
#include "images/registry_copy.hpp"
#include "installer/command.hpp"
#include "installer/commands/network_options.hpp"
#include "registry/connection.hpp"
#include "registry/reference.hpp"

namespace ros::installer {
namespace {

struct RegistryOptions : NetworkOptions {
  std::string reference;
};

Json ToJson(const images::CopiedArtifact& copied, const std::string& reference) {
  return Json::MakeObject()
      .Set("reference", reference)
      .Set("digest", copied.digest.ToString())
      .Set("size", copied.size)
      .Set("signed", copied.is_signed);
}

struct PullOptions : RegistryOptions {
  std::string output;
};

void Pull(const PullOptions& options, CommandContext& context) {
  const auto& console = context.console;
  const InterruptGuard guard;
  context.when_interrupted = "no file was made";
  const auto reference = registry::ParseReference(options.reference);
  registry::Connection connection(ConnectionOf(options), reference);
  const auto progress = console.MakeProgress();
  const auto copied =
      images::PullArtifact(connection.repository(), reference, options.output, *progress);
  if (console.json()) {
    console.PrintJson(ToJson(copied, reference.ToString()).Set("file", options.output));
    return;
  }
  console.Print(options.output + ": " + copied.called + " " + copied.digest.ToString() + ", " +
                FormatBytes(copied.size));
  const bool is_image = copied.called == images::kOsImage.called;
  console.Print(copied.is_signed
                    ? std::string("not verified yet: ros ") + (is_image ? "image" : "channel") +
                          " verify " + options.output
                    : "the registry has no signature of it");
}

struct PushOptions : RegistryOptions {
  std::string file;
  bool force = false;
  std::string mount_from;
};

// The repository of "registry.example/team/base", which must be of the same registry.
std::string MountedRepository(const std::string& text, const registry::Reference& to) {
  if (text.empty()) {
    return text;
  }
  const auto from = InContext("--mount-from", [&] { return registry::ParseReference(text); });
  if (from.host != to.host || from.digest || text.ends_with(":" + from.tag)) {
    throw Error(ErrorKind::kUsage,
                "--mount-from " + QuoteText(text) + " is no repository of " + to.host +
                    "; write it as " + to.host + "/team/base, without a tag");
  }
  return from.repository;
}

void Push(const PushOptions& options, CommandContext& context) {
  const auto& console = context.console;
  const InterruptGuard guard;
  context.when_interrupted = "what was sent is taken up when it is run again";
  const auto reference = registry::ParseReference(options.reference);
  if (reference.digest) {
    throw Error(ErrorKind::kUsage, "an image is pushed under a tag, not under a digest");
  }
  using Others = images::PushWishes::OtherSignatures;
  const auto mount_from = MountedRepository(options.mount_from, reference);
  const auto source = images::OpenImage(options.file);
  registry::Connection connection(ConnectionToPush(options), reference);
  const auto progress = console.MakeProgress();
  const auto copied = images::PushArtifact(
      *source,
      connection.repository(),
      reference.tag,
      {.others = options.force ? Others::kReplace : Others::kRefuse, .mount_from = mount_from},
      *progress);
  if (console.json()) {
    console.PrintJson(ToJson(copied, reference.ToString()));
    return;
  }
  console.Print(reference.ToString() + ": " + copied.called + " " + copied.digest.ToString() +
                ", " + FormatBytes(copied.size));
  if (!copied.is_signed) {
    console.Warn("it is not signed, so no machine will take it");
  }
}

void List(const RegistryOptions& options, CommandContext& context) {
  const InterruptGuard guard;
  const auto reference = registry::ParseReference(options.reference);
  registry::Connection connection(ConnectionOf(options), reference);
  const auto tags = connection.repository().ListTags();
  if (context.console.json()) {
    auto list = Json::MakeArray();
    for (const auto& tag : tags) {
      list.Append(Json::MakeObject().Set("tag", tag));
    }
    context.console.PrintJson(
        Json::MakeObject().Set("repository", reference.Name()).Set("tags", list));
    return;
  }
  for (const auto& tag : tags) {
    context.console.Print(ShowText(tag));
  }
}

}  // namespace

void AddImageCopyCommands(CLI::App& image, CommandContext& context) {
  auto pulling = std::make_shared<PullOptions>();
  auto* pull = image.add_subcommand("pull", "Fetch an image and its signatures from a registry");
  AddNetworkOptions(*pull, *pulling, context);
  pull->add_option("-o,--output", pulling->output, "The file to make")->required();
  pull->add_option("REFERENCE", pulling->reference, "registry.example/myos:1.2.0")->required();
  AddJsonFlag(*pull, context);
  pull->callback([pulling, &context] { Pull(*pulling, context); });

  auto pushing = std::make_shared<PushOptions>();
  auto* push = image.add_subcommand("push", "Bring an image and its signatures to a registry");
  AddNetworkOptions(*push, *pushing, context);
  push->add_flag("-f,--force", pushing->force, "Replace other signatures of it");
  push->add_option("--mount-from",
                   pushing->mount_from,
                   "A repository of the registry that may have some of it already")
      ->type_name("REPOSITORY");
  push->add_option("IMAGE", pushing->file)->required();
  push->add_option("REFERENCE", pushing->reference, "registry.example/myos:1.2.0")->required();
  AddJsonFlag(*push, context);
  push->callback([pushing, &context] { Push(*pushing, context); });

  auto listing = std::make_shared<RegistryOptions>();
  auto* list = image.add_subcommand("list", "List the tags of a repository");
  AddNetworkOptions(*list, *listing, context);
  list->add_option("REPOSITORY", listing->reference, "registry.example/myos")->required();
  AddJsonFlag(*list, context);
  list->callback([listing, &context] { List(*listing, context); });
}

}  // namespace ros::installer
