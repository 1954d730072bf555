#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "health/journal.hpp"
#include "health/reporters.hpp"
#include "health/watchdog.hpp"

namespace ros::health {

struct GateRequest {
  // Reporters that the image's policy asks for. Those of required.d are added.
  std::vector<std::string> required;
  // How long the gate waits, counted from its start.
  std::chrono::milliseconds deadline = std::chrono::minutes(5);
  std::filesystem::path reports = "/run/ros/health";
  std::vector<std::filesystem::path> checks = {"/etc/ros/health.d", "/usr/lib/ros/health.d"};
  // One run of a check may take so long, then it is killed and counts as "not yet".
  std::chrono::milliseconds check_timeout = std::chrono::seconds(30);
  // A check that says "not yet" (any exit code but 0 and kFinalFailure) runs again after this.
  std::chrono::milliseconds retry_after = std::chrono::seconds(2);
};

// The exit code by which a check says that it will not get better: the verdict falls at once.
inline constexpr int kFinalFailure = 100;

enum class Decision { kCommit, kRollBack };

struct Verdict {
  Decision decision = Decision::kRollBack;
  RollbackCause cause = RollbackCause::kDeadline;  // of a roll-back
  std::string reporter;                            // who failed, or the first who is missing
  std::string reason;                              // one sentence, names every missing reporter
  std::vector<Report> wanted_failures;             // of wanted.d and of reporters nobody requires

  bool operator==(const Verdict&) const = default;
};

// What the gate sees, as it sees it (for the command's output). Called from RunGate's thread.
class GateEvents {
 public:
  GateEvents() = default;
  GateEvents(const GateEvents&) = delete;
  GateEvents& operator=(const GateEvents&) = delete;
  GateEvents(GateEvents&&) = delete;
  GateEvents& operator=(GateEvents&&) = delete;
  virtual ~GateEvents() = default;

  // The gate waits for these; sent once, before anything else.
  virtual void Waiting(const std::vector<std::string>& required) = 0;
  // A reporter reported in, or a check ended with a final answer.
  virtual void Heard(const Report& report) = 0;
  // A check said "not yet", and why.
  virtual void NotYet(std::string_view check, std::string_view why) = 0;
};

// Waits until every required reporter has reported in (kCommit), one of them fails, or the deadline
// passes (kRollBack). Nothing required at all: commits at once, reaching the gate was the proof.
// Sleeps in poll() on reports, children and a CLOCK_BOOTTIME timer; feeds `watchdog` (may be null)
// at a third of its timeout. A verdict is final, and acting on it is the caller's: journal, bad
// list, boot state, stopping the watchdog or rebooting with it armed. Children are killed on
// return.
Verdict RunGate(const GateRequest& request,
                Watchdog* watchdog,
                const Clock& clock,
                GateEvents& events);

// What `ros health status` shows: every known reporter with what it said so far.
struct ReporterStatus {
  std::string name;
  CheckLevel level = CheckLevel::kRequired;
  std::optional<Report> report;  // none: not heard yet
};

// Reads the reports (a running gate writes the results of checks there too).
std::vector<ReporterStatus> InspectReporters(const GateRequest& request);

}  // namespace ros::health
