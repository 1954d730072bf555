#include <CLI/CLI.hpp>
#include <memory>

#include "base/error.hpp"
#include "base/file.hpp"
#include "health/reporters.hpp"
#include "installer/command.hpp"
#include "installer/disk_picture.hpp"
#include "installer/gate.hpp"
#include "installer/trial.hpp"

namespace ros::installer {
namespace {

void RunGateCommand(const Console& console) {
  const auto booted = health::FindBootArguments(ReadFile("/proc/cmdline", Bytes{64} << 10U));
  if (!booted) {
    console.Say("ros: not started from a slot of ros; nothing to do");
    return;
  }
  const SystemClock clock;
  const GateMeans means{.console = console, .clock = clock};
  if (RunGateService(*booted, OpenRunningMachine, means) == AfterGate::kReboot) {
    console.Say("ros: rebooting into the good slot");
    RebootMachine();
  }
}

void ShowHealth(const Console& console) {
  const auto machine = OpenRunningMachine();
  const auto boot = OpenBootVolume(machine, DeviceAccess::kRead);
  const auto& running = machine.running.value();
  const auto content = ReadSlotContent(boot, running.slot);
  const auto reporters = health::InspectReporters(GateRequestFor(content));
  auto list = Json::MakeArray();
  std::vector<std::vector<std::string>> rows = {{"reporter", "needed", "said", "reason"}};
  for (const auto& reporter : reporters) {
    const std::string level =
        reporter.level == health::CheckLevel::kRequired ? "required" : "wanted";
    const bool ok = reporter.report && reporter.report->status == health::ReportStatus::kOk;
    const std::string said = !reporter.report ? "nothing yet" : ok ? "ok" : "fail";
    const std::string reason = reporter.report ? reporter.report->reason : "";
    rows.push_back({reporter.name, level, said, reason});
    list.Append(Json::MakeObject()
                    .Set("name", reporter.name)
                    .Set("level", level)
                    .Set("said", said)
                    .Set("reason", reason));
  }
  const bool on_trial = IsOnTrial(running, OpenBootState(boot)->Load().StateOr(running.slot));
  if (console.json()) {
    console.PrintJson(
        Json::MakeObject().Set("on_trial", on_trial).Set("reporters", std::move(list)));
    return;
  }
  console.Print((on_trial ? "this slot is on trial\n" : "this slot is not on trial\n") +
                FormatTable(rows));
}

void AddReport(CLI::App& health) {
  struct Options {
    std::string name;
    std::string status;
    std::string reason;
    std::string directory = health::GateRequest().reports.string();
  };

  auto options = std::make_shared<Options>();
  auto* report =
      health.add_subcommand("report", "Say that a part of the system is healthy, or not");
  report->add_option("NAME", options->name, "The reporter's name")->required();
  report->add_option("STATUS", options->status, "ok or fail")
      ->required()
      ->check(CLI::IsMember({"ok", "fail"}));
  report->add_option("--reason", options->reason, "One sentence for ros why");
  report
      ->add_option(
          "--directory", options->directory, "Where reports are (in a container: the mount)")
      ->capture_default_str();
  report->callback([options] {
    health::WriteReport(options->directory,
                        {.name = options->name,
                         .status = options->status == "ok" ? health::ReportStatus::kOk
                                                           : health::ReportStatus::kFail,
                         .reason = options->reason});
  });
}

}  // namespace

void AddHealthCommand(CLI::App& app, CommandContext& context) {
  auto* health = app.add_subcommand("health", "The health gate of a trial");
  health->require_subcommand(1);
  auto* gate = health->add_subcommand(
      "gate", "The gate service: wait for the reporters, then commit or roll back");
  gate->callback([&context] { RunGateCommand(context.console); });
  AddReport(*health);
  auto* status = health->add_subcommand("status", "What the reporters have said");
  AddJsonFlag(*status, context);
  status->callback([&context] { ShowHealth(context.console); });
}

}  // namespace ros::installer
