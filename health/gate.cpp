#include "health/gate.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "base/word_list.hpp"
#include "health/check_runner.hpp"

namespace ros::health {
namespace {

using Time = std::chrono::milliseconds;

std::vector<std::string> RequiredNames(const GateRequest& request,
                                       const std::vector<Check>& checks) {
  std::set<std::string> names(request.required.begin(), request.required.end());
  for (const auto& check : checks) {
    if (check.level == CheckLevel::kRequired) {
      names.insert(check.name);
    }
  }
  return {names.begin(), names.end()};
}

std::string FormatSeconds(Time time) {
  const auto tenths = time.count() / 100;
  const auto rest = tenths % 10;
  return std::to_string(tenths / 10) + (rest == 0 ? "" : "." + std::to_string(rest)) + " s";
}

// What has been heard so far, and what follows from it.
class Hearing {
 public:
  Hearing(std::vector<std::string> required, Time deadline)
      : required_(std::move(required)), deadline_(deadline) {}

  [[nodiscard]] const std::vector<std::string>& required() const { return required_; }

  // True when this is news.
  bool Hear(const Report& report) {
    const auto at = heard_.find(report.name);
    if (at != heard_.end() && at->second == report) {
      return false;
    }
    heard_[report.name] = report;
    return true;
  }

  // Why a check has not reported yet, for the verdict.
  void NotYet(const std::string& name, const std::string& why) { excuses_[name] = why; }

  [[nodiscard]] std::optional<Verdict> Judge(bool deadline_passed) const {
    std::vector<std::string> missing;
    for (const auto& name : required_) {
      const auto at = heard_.find(name);
      if (at == heard_.end()) {
        missing.push_back(name);
      } else if (at->second.status == ReportStatus::kFail) {
        return Failed(at->second);
      }
    }
    if (missing.empty()) {
      return Verdict{.decision = Decision::kCommit,
                     .reason = required_.empty() ? "nothing is required to report in"
                                                 : "all reported in: " + Join(required_),
                     .wanted_failures = WantedFailures()};
    }
    return deadline_passed ? std::optional(Missing(missing)) : std::nullopt;
  }

 private:
  [[nodiscard]] Verdict Failed(const Report& report) const {
    return {.decision = Decision::kRollBack,
            .cause = RollbackCause::kReporterFailed,
            .reporter = report.name,
            .reason = report.name + " failed" + (report.reason.empty() ? "" : ": " + report.reason),
            .wanted_failures = WantedFailures()};
  }

  [[nodiscard]] Verdict Missing(const std::vector<std::string>& names) const {
    std::string text;
    for (const auto& name : names) {
      const auto why = excuses_.find(name);
      text += (text.empty() ? "" : "; ") + name +
              (why == excuses_.end() ? " did not report in" : " is not healthy: " + why->second);
    }
    return {.decision = Decision::kRollBack,
            .cause = RollbackCause::kDeadline,
            .reporter = names.front(),
            .reason = "after " + FormatSeconds(deadline_) + ": " + text,
            .wanted_failures = WantedFailures()};
  }

  [[nodiscard]] std::vector<Report> WantedFailures() const {
    std::vector<Report> failures;
    for (const auto& [name, report] : heard_) {
      const bool required = std::binary_search(required_.begin(), required_.end(), name);
      if (!required && report.status == ReportStatus::kFail) {
        failures.push_back(report);
      }
    }
    for (const auto& [name, why] : excuses_) {
      const bool required = std::binary_search(required_.begin(), required_.end(), name);
      if (!required && !heard_.contains(name)) {
        failures.push_back({name, ReportStatus::kFail, why});
      }
    }
    return failures;
  }

  std::vector<std::string> required_;  // sorted
  Time deadline_;
  std::map<std::string, Report, std::less<>> heard_;
  std::map<std::string, std::string, std::less<>> excuses_;
};

// Wakes the gate when something below the reports' directory changes.
class ReportWatch {
 public:
  explicit ReportWatch(const std::filesystem::path& directory)
      : directory_(directory), fd_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    if (!fd_.valid()) {
      ThrowErrno("watching " + directory.string());
    }
    Watch();
  }

  [[nodiscard]] int fd() const { return fd_.get(); }

  // Takes all events. A directory that was removed is made and watched again.
  void Drain() {
    alignas(inotify_event) std::array<char, 16384> buffer{};
    while (::read(fd_.get(), buffer.data(), buffer.size()) > 0) {
    }
    Watch();
  }

 private:
  void Watch() {
    std::error_code code;
    std::filesystem::create_directories(directory_, code);
    constexpr std::uint32_t kMask =
        IN_CLOSE_WRITE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
    if (::inotify_add_watch(fd_.get(), directory_.c_str(), kMask) < 0) {
      ThrowErrno("watching " + directory_.string());
    }
  }

  std::filesystem::path directory_;
  UniqueFd fd_;
};

// A timer on CLOCK_BOOTTIME: a machine that slept is late at once, not after sleeping again.
class Timer {
 public:
  Timer() : fd_(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)) {
    if (!fd_.valid()) {
      ThrowErrno("making a timer");
    }
  }

  [[nodiscard]] int fd() const { return fd_.get(); }

  // Fires after `left`, at once when that is not positive.
  void Set(Time left) const {
    const auto milliseconds = std::max<std::int64_t>(left.count(), 0);
    itimerspec spec{};
    spec.it_value.tv_sec = milliseconds / 1000;
    // Zero would switch the timer off.
    spec.it_value.tv_nsec = milliseconds % 1000 * 1'000'000 + (milliseconds == 0 ? 1 : 0);
    if (::timerfd_settime(fd_.get(), 0, &spec, nullptr) != 0) {
      ThrowErrno("setting a timer");
    }
  }

 private:
  UniqueFd fd_;
};

class Gate {
 public:
  Gate(const GateRequest& request, Watchdog* watchdog, const Clock& clock, GateEvents& events)
      : request_(request),
        watchdog_(watchdog),
        clock_(clock),
        events_(events),
        end_(clock.SinceBoot() + request.deadline),
        watch_(request.reports),
        hearing_(Prepare(), request.deadline) {}

  Verdict Run() {
    events_.Waiting(hearing_.required());
    for (;;) {
      const auto now = clock_.SinceBoot();
      FeedWatchdog(now);
      RunChecks(now);
      ReadNewReports();
      if (auto verdict = hearing_.Judge(now >= end_); verdict) {
        return *verdict;
      }
      Sleep(now);
    }
  }

 private:
  std::vector<std::string> Prepare() {
    const auto checks = FindChecks(request_.checks);
    for (const auto& check : checks) {
      checked_.insert(check.name);
      runners_.emplace_back(check, request_.check_timeout, request_.retry_after);
    }
    return RequiredNames(request_, checks);
  }

  void FeedWatchdog(Time now) {
    if (watchdog_ == nullptr || now < next_feed_) {
      return;
    }
    try {
      watchdog_->Feed();
    } catch (const Error& error) {
      events_.NotYet("watchdog", error.message());
    }
    next_feed_ = now + std::max<Time>(watchdog_->timeout() / 3, std::chrono::seconds(1));
  }

  void RunChecks(Time now) {
    for (auto& runner : runners_) {
      const auto outcome = runner.Step(now);
      if (!outcome) {
        continue;
      }
      const auto& name = runner.check().name;
      if (outcome->final) {
        const Report report{name, outcome->status, outcome->reason};
        hearing_.Hear(report);
        events_.Heard(report);
        Publish(report);
      } else {
        hearing_.NotYet(name, outcome->reason);
        events_.NotYet(name, outcome->reason);
      }
    }
  }

  // For `ros health status`; the verdict does not depend on it.
  void Publish(const Report& report) {
    try {
      WriteReport(request_.reports, report);
    } catch (const Error& error) {
      events_.NotYet(report.name, error.message() + ", ignoring");
    }
  }

  void ReadNewReports() {
    for (const auto& report : ReadReports(request_.reports)) {
      // A check speaks by its exit code alone: whoever may write reports cannot speak for it.
      if (!checked_.contains(report.name) && hearing_.Hear(report)) {
        events_.Heard(report);
      }
    }
  }

  void Sleep(Time now) {
    auto next = end_;
    if (watchdog_ != nullptr) {
      next = std::min(next, next_feed_);
    }
    std::vector<pollfd> polls = {{watch_.fd(), POLLIN, 0}, {timer_.fd(), POLLIN, 0}};
    for (const auto& runner : runners_) {
      runner.AddPolls(polls);
      next = std::min(next, runner.NextTime().value_or(next));
    }
    timer_.Set(next - now);
    if (::poll(polls.data(), polls.size(), -1) < 0 && errno != EINTR) {
      ThrowErrno("waiting for reports");
    }
    if (polls[0].revents != 0) {
      watch_.Drain();
    }
  }

  const GateRequest& request_;
  Watchdog* watchdog_;
  const Clock& clock_;
  GateEvents& events_;
  Time end_;
  Time next_feed_{0};
  ReportWatch watch_;
  Timer timer_;
  std::deque<CheckRunner> runners_;
  std::set<std::string, std::less<>> checked_;
  Hearing hearing_;
};

}  // namespace

Verdict RunGate(const GateRequest& request,
                Watchdog* watchdog,
                const Clock& clock,
                GateEvents& events) {
  return Gate(request, watchdog, clock, events).Run();
}

std::vector<ReporterStatus> InspectReporters(const GateRequest& request) {
  const auto checks = FindChecks(request.checks);
  std::map<std::string, ReporterStatus> known;
  for (const auto& check : checks) {
    known[check.name] = {check.name, check.level, std::nullopt};
  }
  for (const auto& name : RequiredNames(request, checks)) {
    known[name] = {name, CheckLevel::kRequired, std::nullopt};
  }
  for (const auto& report : ReadReports(request.reports)) {
    const auto [at, added] =
        known.try_emplace(report.name, ReporterStatus{report.name, CheckLevel::kWanted, {}});
    at->second.report = report;
  }
  std::vector<ReporterStatus> result;
  result.reserve(known.size());
  for (auto& [name, status] : known) {
    result.push_back(std::move(status));
  }
  return result;
}

}  // namespace ros::health
