#include <CLI/CLI.hpp>
#include <memory>

#include "installer/command.hpp"
#include "installer/machine.hpp"
#include "installer/rollback.hpp"

namespace ros::installer {
namespace {

struct RollbackOptions {
  bool no_reboot = false;
  bool plan = false;
};

void RollBack(const RollbackOptions& options, const Console& console) {
  using When = RollbackRequest::Reboot;
  const auto machine = OpenRunningMachine();
  std::optional<FileLock> lock;
  if (!options.plan) {
    lock.emplace(LockMachine());
  }
  const auto progress = options.plan ? console.MakePlanProgress() : console.MakeProgress();
  const auto facts = InspectRollback(machine, *progress);
  const auto plan = PlanRollback(facts, {.reboot = options.no_reboot ? When::kLater : When::kNow});
  if (options.plan) {
    console.json() ? console.PrintJson(RollbackToJson(plan))
                   : console.Print(DescribeRollback(plan));
    return;
  }
  const SystemClock clock;
  const auto store = OpenBootState(OpenBootVolume(machine, DeviceAccess::kWrite));
  const auto troubles =
      ApplyRollback(plan, {.store = *store, .state = machine.state, .clock = clock});
  for (const auto& trouble : troubles) {
    console.Warn(trouble + ", ignoring");
  }
  console.PrintEvent(RollbackToJson(plan).Set("event", "rolled-back"));
  console.Say(DescribeRollback(plan));
  if (plan.reboot) {
    RebootMachine();
  }
}

}  // namespace

void AddRollbackCommand(CLI::App& app, CommandContext& context) {
  auto* command = app.add_subcommand(
      "rollback", "Go back to the slot that was good before, or give up a trial");
  auto options = std::make_shared<RollbackOptions>();
  command->add_flag("--no-reboot", options->no_reboot, "Take effect at the next boot");
  command->add_flag("--plan", options->plan, "Show what would be done, and stop");
  AddJsonFlag(*command, context);
  command->callback([options, &context] { RollBack(*options, context.console); });
}

}  // namespace ros::installer
