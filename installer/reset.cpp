#include "installer/reset.hpp"

#include <sys/statvfs.h>

#include "base/error.hpp"
#include "base/slot.hpp"
#include "base/word_list.hpp"
#include "health/journal.hpp"
#include "installer/trial.hpp"

namespace ros::installer {
namespace {

using health::ResetScope;

Bytes UsedBy(const std::filesystem::path& directory) {
  struct statvfs status {};

  if (::statvfs(directory.c_str(), &status) != 0) {
    ThrowErrno("looking at " + directory.string());
  }
  return static_cast<Bytes>(status.f_blocks - status.f_bfree) * status.f_frsize;
}

Json ToList(const std::vector<std::string>& words) {
  auto list = Json::MakeArray();
  for (const auto& word : words) {
    list.Append(Json::MakeObject().Set("what", word));
  }
  return list;
}

}  // namespace

ResetFacts InspectReset(const Machine& machine) {
  const auto& running = machine.running.value();
  const auto boot = OpenBootVolume(machine, DeviceAccess::kRead);
  const auto state = OpenBootState(boot)->Load().StateOr(running.slot);
  return {.running = running.slot,
          .on_trial = IsOnTrial(running, state),
          .state = state,
          .used = UsedBy(machine.state),
          .pending = health::ReadResetRequest(machine.state)};
}

ResetPlan PlanReset(const ResetFacts& facts, const ResetRequest& request) {
  if (facts.on_trial) {
    throw Error(ErrorKind::kRefused,
                SlotText(facts.running) +
                    " is on trial; wait for its verdict, or end it with ros rollback");
  }
  if (facts.state.trial) {
    throw Error(ErrorKind::kRefused,
                SlotText(facts.state.trial->slot) +
                    " waits for its trial; reboot into it, or drop it with ros rollback");
  }
  if (facts.state.good != facts.running) {
    throw Error(ErrorKind::kRefused,
                SlotText(facts.running) + " runs and slot " + std::string(Name(facts.state.good)) +
                    " is the good one; reboot first");
  }
  // A request that waits already is never made less by another.
  const bool trust = request.scope == ResetScope::kContentAndTrust ||
                     facts.pending == ResetScope::kContentAndTrust;
  ResetPlan plan{.slot = facts.running,
                 .scope = trust ? ResetScope::kContentAndTrust : ResetScope::kContent,
                 .used = facts.used,
                 .removes = {"/var",
                             "/home",
                             "/root",
                             "/opt",
                             "/srv",
                             "changes of /etc in both slots",
                             "settings of ros config"},
                 .keeps = {"both slots",
                           "the journal",
                           "kernel arguments and kind of the machine",
                           "the cloud-config of the installation"},
                 .reboot = request.reboot == ResetRequest::Reboot::kNow};
  const std::vector<std::string> memory = {
      "keys", "trust policy", "epoch", "channels' serials", "the list of bad images"};
  auto& where = trust ? plan.removes : plan.keeps;
  where.insert(where.end(), memory.begin(), memory.end());
  return plan;
}

std::string DescribeReset(const ResetPlan& plan) {
  return "factory reset of the state partition, which holds " + FormatBytes(plan.used) +
         "\n  removes  " + Join(plan.removes) + "\n  keeps    " + Join(plan.keeps) +
         "\n  1. leave the request on the state partition, for the next boot of slot " +
         std::string(Name(plan.slot)) + "\n" +
         (plan.reboot ? "  2. reboot; it is done before the system starts\n"
                      : "  it is done at the next boot, before the system starts\n");
}

Json ResetToJson(const ResetPlan& plan) {
  return Json::MakeObject()
      .Set("slot", Name(plan.slot))
      .Set("scope", health::Name(plan.scope))
      .Set("used_bytes", plan.used)
      .Set("removes", ToList(plan.removes))
      .Set("keeps", ToList(plan.keeps))
      .Set("reboot", plan.reboot);
}

void ApplyReset(const ResetPlan& plan, const std::filesystem::path& state, const Clock& clock) {
  const bool trust = plan.scope == ResetScope::kContentAndTrust;
  health::Journal(state, clock)
      .Append({.slot = plan.slot,
               .reason = std::string("factory reset asked for") +
                         (trust ? ", with --forget-trust" : "")});
  health::WriteResetRequest(state, plan.scope);
}

}  // namespace ros::installer
