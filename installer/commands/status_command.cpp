#include <CLI/CLI.hpp>
#include <memory>

#include "health/explanation.hpp"
#include "health/journal.hpp"
#include "installer/command.hpp"
#include "installer/status.hpp"

namespace ros::installer {
namespace {

void ShowStatus(const std::optional<std::filesystem::path>& disk, const Console& console) {
  const auto status = InspectStatus(OpenMachine(disk));
  if (console.json()) {
    console.PrintJson(StatusToJson(status));
  } else {
    console.Print(DescribeStatus(status, console));
  }
}

health::Explanation ExplainRunning() {
  const auto machine = OpenRunningMachine();
  const auto status = InspectStatus(machine);
  const auto& running = *machine.running;
  const auto state = status.state();
  health::RunningFacts facts{.slot = running.slot,
                             .version = status.slot(running.slot).VersionText(),
                             .boot_id = health::RunningBootId(),
                             .trial = running.trial,
                             .fell_from = running.fell_from,
                             .good = state.good};
  if (state.trial) {
    facts.pending = state.trial->slot;
    facts.pending_tries = state.trial->tries_left;
  }
  return health::Explain(health::Journal(machine.state, SystemClock()).Read(), facts);
}

void ShowWhy(const Console& console) {
  const auto explanation = ExplainRunning();
  if (console.json()) {
    auto details = Json::MakeArray();
    for (const auto& detail : explanation.details) {
      details.Append(Json::MakeObject().Set("text", detail));
    }
    console.PrintJson(Json::MakeObject()
                          .Set("why", health::Name(explanation.why))
                          .Set("sentence", explanation.sentence)
                          .Set("details", std::move(details)));
    return;
  }
  std::string text = explanation.sentence + "\n";
  for (const auto& detail : explanation.details) {
    text += "  " + detail + "\n";
  }
  console.Print(text);
}

void ListSlots(const Console& console) {
  const auto status = InspectStatus(OpenRunningMachine());
  if (console.json()) {
    console.PrintJson(StatusToJson(status));
    return;
  }
  std::string text;
  for (const auto& content : status.slots) {
    if (content.config) {
      text += content.config->name + ":" + content.config->version + " slot " +
              std::string(Name(content.slot)) + " " + SlotStateText(status, content.slot) +
              (status.running == content.slot ? " running" : "") + "\n";
    }
  }
  console.Print(text);
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

void AddStatusCommand(CLI::App& app, CommandContext& context) {
  auto* command = app.add_subcommand("status", "Show slots, versions, state and what boots next");
  auto disk = std::make_shared<std::string>();
  command->add_option("-d,--disk", *disk, "A disk or disk image instead of this machine");
  AddJsonFlag(*command, context);
  command->callback([disk, &context] {
    ShowStatus(disk->empty() ? std::nullopt : std::optional<std::filesystem::path>(*disk),
               context.console);
  });
}

void AddWhyCommand(CLI::App& app, CommandContext& context) {
  auto* command = app.add_subcommand("why", "Tell why this slot is running");
  AddJsonFlag(*command, context);
  command->callback([&context] { ShowWhy(context.console); });
}

void AddOsListCommands(CLI::App& os, CommandContext& context) {
  auto* list = os.add_subcommand("list", "The images in the two slots");
  AddJsonFlag(*list, context);
  list->callback([&context] { ListSlots(context.console); });
  auto* version = os.add_subcommand("version", "The running image's version");
  AddJsonFlag(*version, context);
  version->callback([&context] { ShowVersion(context.console); });
}

}  // namespace ros::installer
