#include <CLI/CLI.hpp>
#include <memory>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "config/config_file.hpp"
#include "installer/command.hpp"
#include "installer/commands/network_options.hpp"
#include "installer/release_list.hpp"

namespace ros::installer {
namespace {

bool FollowsChannel(const Machine& machine) {
  return !config::ConfigFiles(machine.state / "config").Upgrade().channel.empty();
}

// None where the machine follows no channel. What goes wrong leaves the exit code and a warning:
// what the slots hold is worth as much without a network.
std::optional<ReleaseList> TryListReleases(const Machine& machine,
                                           const NetworkOptions& options,
                                           CommandContext& context) {
  try {
    if (!FollowsChannel(machine)) {
      return std::nullopt;
    }
    return ListReleases(machine, FindTrustRules(machine, SystemClock()), ConnectionOf(options));
  } catch (const Error& error) {
    ThrowIfInterrupted();
    context.console.Warn("what the channel has is not known: " + error.message());
    context.exit_code = static_cast<int>(error.kind());
    return std::nullopt;
  }
}

void List(const NetworkOptions& options, CommandContext& context) {
  const InterruptGuard guard;
  context.when_interrupted = "nothing was written";
  const auto machine = OpenRunningMachine();
  const auto status = InspectStatus(machine);
  const auto releases = TryListReleases(machine, options, context);
  if (context.console.json()) {
    auto json = StatusToJson(status);
    if (releases) {
      json.Set("channel", ReleasesToJson(*releases, status));
    }
    context.console.PrintJson(json);
    return;
  }
  context.console.Print(DescribeSlotImages(status) +
                        (releases ? "\n" + DescribeReleases(*releases, status) : ""));
}

void ShowVersion(const Console& console) {
  const auto machine = OpenRunningMachine();
  const auto content = InspectStatus(machine).slot(machine.running->slot);
  if (console.json()) {
    console.PrintJson(Json::MakeObject().Set("version", content.VersionText()));
  } else {
    console.Print(content.VersionText());
  }
}

}  // namespace

void AddOsListCommands(CLI::App& os, CommandContext& context) {
  auto* list = os.add_subcommand("list", "The images in the two slots, and what the channel has");
  auto options = std::make_shared<NetworkOptions>();
  AddNetworkOptions(*list, *options, context);
  AddJsonFlag(*list, context);
  list->callback([options, &context] { List(*options, context); });
  auto* version = os.add_subcommand("version", "The running image's version");
  AddJsonFlag(*version, context);
  version->callback([&context] { ShowVersion(context.console); });
}

}  // namespace ros::installer
