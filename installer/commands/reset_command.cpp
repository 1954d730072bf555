#include <CLI/CLI.hpp>
#include <memory>

#include "base/error.hpp"
#include "installer/command.hpp"
#include "installer/reset.hpp"

namespace ros::installer {
namespace {

struct ResetOptions {
  bool forget_trust = false;
  bool force = false;
  bool no_reboot = false;
  bool plan = false;
};

// What the machine has stored is lost only by --force or by a person's yes.
void Ask(const ResetPlan& plan, const ResetOptions& options, const Console& console) {
  if (options.force) {
    return;
  }
  const bool trust = plan.scope == health::ResetScope::kContentAndTrust;
  if (console.Confirm(trust
                          ? "All that this machine has stored will be lost, and the keys by which "
                            "it knows its images."
                          : "All that this machine has stored will be lost.")) {
    return;
  }
  throw Error(ErrorKind::kRefused,
              "nothing was changed; to reset this machine without being asked use --force");
}

void Reset(const ResetOptions& options, CommandContext& context) {
  const auto& console = context.console;
  const auto machine = OpenRunningMachine();
  std::optional<FileLock> lock;
  if (!options.plan) {
    lock.emplace(LockMachine());
  }
  const auto plan = PlanReset(
      InspectReset(machine),
      {.scope = options.forget_trust ? health::ResetScope::kContentAndTrust
                                     : health::ResetScope::kContent,
       .reboot = options.no_reboot ? ResetRequest::Reboot::kLater : ResetRequest::Reboot::kNow});
  if (options.plan) {
    console.json() ? console.PrintJson(ResetToJson(plan)) : console.Print(DescribeReset(plan));
    return;
  }
  console.Say(DescribeReset(plan));
  Ask(plan, options, console);
  ApplyReset(plan, machine.state, SystemClock());
  console.PrintEvent(ResetToJson(plan).Set("event", "reset-requested"));
  if (plan.reboot) {
    RebootMachine();
  }
}

}  // namespace

void AddResetCommand(CLI::App& app, CommandContext& context) {
  auto* command =
      app.add_subcommand("reset", "Factory reset: empty the state partition, keep the slots");
  auto options = std::make_shared<ResetOptions>();
  command->add_flag("--forget-trust",
                    options->forget_trust,
                    "Drop keys, epoch, channels and the list of bad images too");
  command->add_flag("-f,--force", options->force, "Do not ask");
  command->add_flag("--no-reboot", options->no_reboot, "Take effect at the next boot");
  command->add_flag("--plan", options->plan, "Show what would be done, and stop");
  AddJsonFlag(*command, context);
  command->callback([options, &context] { Reset(*options, context); });
}

}  // namespace ros::installer
