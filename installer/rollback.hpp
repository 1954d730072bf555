#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/progress.hpp"
#include "health/journal.hpp"
#include "installer/machine.hpp"
#include "installer/slot_content.hpp"
#include "installer/trial.hpp"

namespace ros::installer {

struct RollbackRequest {
  enum class Reboot { kNow, kLater } reboot = Reboot::kNow;
};

// What was found. Plain data.
struct RollbackFacts {
  bootloader::BootState state;
  SlotId running = SlotId::kA;
  SlotContent leaving;  // the slot that would be left, or whose trial would be given up
  SlotContent target;   // the slot that would be good
  // The journal says that the target was good with what it holds now; or it runs, since the good
  // slot cannot be started.
  bool was_good = false;
  bool verity_sound = false;
};

enum class RollbackKind {
  kGiveUpRunningTrial,  // on trial: the trial has failed, by hand; back to the good slot
  kGiveUpPendingTrial,  // on the good slot: the trial that waits is dropped
  kReturn,              // the other slot, good before, is the good slot from now on
};

struct RollbackPlan {
  RollbackKind kind = RollbackKind::kReturn;
  SlotContent leaving;
  SlotContent target;
  bootloader::BootState after;
  bool reboot = false;
};

// Reads it; reads the target's whole root again where a return depends on it.
RollbackFacts InspectRollback(const Machine& machine, Progress& progress);

// Decides, or throws kRefused with the reason why there is no way back. Pure.
RollbackPlan PlanRollback(const RollbackFacts& facts, const RollbackRequest& request);

std::string DescribeRollback(const RollbackPlan& plan);
Json RollbackToJson(const RollbackPlan& plan);

// What ApplyRollback works with beside the plan.
struct RollbackMeans {
  bootloader::BootStateStore& store;
  std::filesystem::path state;  // the state directory
  const Clock& clock;
};

// Bad list and journal first, then the boot state: one sector. The caller reboots. Returns what did
// not work of all but the boot state, such as a line in the journal of a full state partition: that
// keeps nobody from going back. Throws where the boot state cannot be stored; nothing has changed
// then.
[[nodiscard]] Troubles ApplyRollback(const RollbackPlan& plan, const RollbackMeans& means);

}  // namespace ros::installer
