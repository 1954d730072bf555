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

}  // namespace ros::installer
