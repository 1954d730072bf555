#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "bootloader/boot_state.hpp"
#include "health/reset_request.hpp"
#include "installer/machine.hpp"

namespace ros::installer {

// `ros reset`: back to what the machine was after its installation, with the slots as they are. A
// running system cannot empty the /var that it runs from: a request is left on the state partition,
// and ros-init does the work at the next boot (init/state_reset.hpp).
struct ResetRequest {
  health::ResetScope scope = health::ResetScope::kContent;
  enum class Reboot { kNow, kLater } reboot = Reboot::kNow;
};

struct ResetFacts {
  SlotId running = SlotId::kA;
  bool on_trial = false;
  bootloader::BootState state;
  Bytes used = 0;  // of the state partition
  std::optional<health::ResetScope> pending;
};

struct ResetPlan {
  SlotId slot = SlotId::kA;  // that does it
  health::ResetScope scope = health::ResetScope::kContent;
  Bytes used = 0;
  std::vector<std::string> removes;  // directories and files, as a running machine names them
  std::vector<std::string> keeps;
  bool reboot = true;

  bool operator==(const ResetPlan&) const = default;
};

// Reads; writes nothing.
ResetFacts InspectReset(const Machine& machine);

// Throws kRefused during a trial, while one waits for its boot, or where another slot than the
// running one is the good one: then it would not be clear whose state is emptied. Pure.
ResetPlan PlanReset(const ResetFacts& facts, const ResetRequest& request);

std::string DescribeReset(const ResetPlan& plan);
Json ResetToJson(const ResetPlan& plan);

// Writes the intent into the journal, then the request, both durable. Until the request is there
// nothing has changed; from then on the next boot of the good slot does it. The reboot is the
// caller's.
void ApplyReset(const ResetPlan& plan, const std::filesystem::path& state, const Clock& clock);

}  // namespace ros::installer
