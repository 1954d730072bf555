#pragma once

#include <poll.h>
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "health/reporters.hpp"

namespace ros::health {

// Private to health/: one check, run again and again until it has a final answer.

// How one run ended.
struct CheckOutcome {
  bool final = false;
  ReportStatus status = ReportStatus::kFail;
  std::string reason;  // the last line of its output, with how it ended
};

class CheckRunner {
 public:
  using Time = std::chrono::milliseconds;  // since boot

  // The first run is due at once.
  CheckRunner(Check check, Time timeout, Time retry_after);
  CheckRunner(const CheckRunner&) = delete;
  CheckRunner& operator=(const CheckRunner&) = delete;
  CheckRunner(CheckRunner&&) = delete;
  CheckRunner& operator=(CheckRunner&&) = delete;
  // Kills a run that goes on, with all its children. Does not wait for one that cannot be killed.
  ~CheckRunner();

  [[nodiscard]] const Check& check() const { return check_; }

  // When Step must be called again at the latest; none once the answer is final.
  [[nodiscard]] std::optional<Time> NextTime() const;

  // What to poll for: the process and its output. Adds nothing while no run goes on.
  void AddPolls(std::vector<pollfd>& polls) const;

  // Starts a run that is due, takes its output, ends one that takes too long. Returns how a run
  // ended, when one did. Never throws: a check that cannot be started is "not yet".
  std::optional<CheckOutcome> Step(Time now);

 private:
  void Start(Time now);
  void Drain();
  void Kill();
  [[nodiscard]] bool Ended() const;
  bool Reap(int& status);
  CheckOutcome Finish(Time now);
  CheckOutcome Abort(Time now);
  CheckOutcome Judge(int status);

  Check check_;
  Time timeout_;
  Time retry_after_;
  Time due_{0};  // of the next run, or the end of this one
  bool done_ = false;
  bool killed_ = false;  // and not yet gone
  pid_t pid_ = -1;
  UniqueFd process_;
  UniqueFd output_;
  std::string tail_;
  std::string trouble_;
};

}  // namespace ros::health
