#include "health/gate.hpp"

#include <catch2/catch.hpp>
#include <functional>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::health {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Time stands still unless a test moves it.
class HandClock final : public Clock {
 public:
  [[nodiscard]] UnixTime Now() const override { return 0; }

  [[nodiscard]] bool IsSynchronized() const override { return false; }

  [[nodiscard]] milliseconds SinceBoot() const override { return now; }

  milliseconds now{5000};
};

// Records what the gate tells; a test may act on it, which is how it "happens meanwhile".
class Recorder final : public GateEvents {
 public:
  void Waiting(const std::vector<std::string>& required) override {
    names = required;
    if (on_waiting) {
      on_waiting();
    }
  }

  void Heard(const Report& report) override {
    heard.push_back(report);
    if (on_heard) {
      on_heard(report);
    }
  }

  void NotYet(std::string_view check, std::string_view why) override {
    not_yet.emplace_back(std::string(check) + ": " + std::string(why));
    if (on_not_yet) {
      on_not_yet();
    }
  }

  std::vector<std::string> names;
  std::vector<Report> heard;
  std::vector<std::string> not_yet;
  std::function<void()> on_waiting;
  std::function<void(const Report&)> on_heard;
  std::function<void()> on_not_yet;
};

class FakeWatchdog final : public Watchdog {
 public:
  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] seconds timeout() const override { return seconds(30); }

  void Feed() override {
    ++fed;
    if (broken) {
      throw Error(ErrorKind::kFailed, "feeding fake: Input/output error");
    }
  }

  StopResult Stop() override { return StopResult::kStopped; }

  int fed = 0;
  bool broken = false;

 private:
  std::string name_ = "fake";
};

// A gate on directories of its own.
struct Machine {
  TempDirectory root;
  HandClock clock;
  Recorder events;
  FakeWatchdog watchdog;
  GateRequest request{.deadline = seconds(60),
                      .reports = root.path() / "run",
                      .checks = {root.path() / "health.d"},
                      .retry_after = milliseconds(0)};

  void AddCheck(const std::string& where, const std::string& body) {
    const auto path = root.path() / "health.d" / where;
    std::filesystem::create_directories(path.parent_path());
    WriteFileAtomically(path, AsBytes("#!/bin/sh\n" + body + "\n"), 0755);
  }

  void Say(const std::string& name, ReportStatus status, const std::string& reason = "") {
    WriteReport(request.reports, {name, status, reason});
  }

  Verdict Run() { return RunGate(request, &watchdog, clock, events); }
};

TEST_CASE("RunGate: commits at once when nothing is required", "[health]") {
  Machine machine;
  CHECK(machine.Run().decision == Decision::kCommit);
  CHECK(machine.watchdog.fed == 1);
}

TEST_CASE("RunGate: commits when all have reported in, before or after its start", "[health]") {
  Machine machine;
  machine.request.required = {"web", "db"};
  machine.Say("web", ReportStatus::kOk);
  machine.events.on_heard = [&](const Report& report) {
    if (report.name == "web") {
      machine.Say("db", ReportStatus::kOk);  // wakes the gate
    }
  };
  const auto verdict = machine.Run();
  CHECK(verdict.decision == Decision::kCommit);
  CHECK(verdict.reason == "all reported in: db, web");
  CHECK(machine.events.names == std::vector<std::string>{"db", "web"});
}

TEST_CASE("RunGate: one fail is final, though others are missing", "[health]") {
  Machine machine;
  machine.request.required = {"web", "db"};
  machine.events.on_waiting = [&] { machine.Say("web", ReportStatus::kFail, "port 80 is shut"); };
  const auto verdict = machine.Run();
  CHECK(verdict.decision == Decision::kRollBack);
  CHECK(verdict.cause == RollbackCause::kReporterFailed);
  CHECK(verdict.reporter == "web");
  CHECK(verdict.reason == "web failed: port 80 is shut");
}

TEST_CASE("RunGate: a reporter that takes back its ok has failed", "[health]") {
  Machine machine;
  machine.request.required = {"db", "web"};
  machine.Say("web", ReportStatus::kOk);
  machine.events.on_heard = [&](const Report& report) {
    if (report.status == ReportStatus::kOk) {
      machine.Say("web", ReportStatus::kFail, "died");
    }
  };
  CHECK(machine.Run().cause == RollbackCause::kReporterFailed);
}

TEST_CASE("RunGate: the deadline names everybody who is missing", "[health]") {
  Machine machine;
  machine.request.required = {"web", "db", "disk"};
  machine.Say("disk", ReportStatus::kOk);
  machine.events.on_heard = [&](const Report&) { machine.clock.now += seconds(60); };
  machine.request.deadline = milliseconds(1500);
  const auto verdict = machine.Run();
  CHECK(verdict.decision == Decision::kRollBack);
  CHECK(verdict.cause == RollbackCause::kDeadline);
  CHECK(verdict.reporter == "db");
  CHECK(verdict.reason == "after 1.5 s: db did not report in; web did not report in");
}

TEST_CASE("RunGate: whoever is in at the deadline is in", "[health]") {
  Machine machine;
  machine.request.required = {"web"};
  machine.request.deadline = milliseconds(0);
  machine.Say("web", ReportStatus::kOk);
  CHECK(machine.Run().decision == Decision::kCommit);
}

TEST_CASE("RunGate: runs checks, required and wanted", "[health]") {
  Machine machine;
  machine.AddCheck("required.d/good", "echo fine");
  machine.AddCheck("wanted.d/luxury", "echo no champagne; exit 100");
  machine.request.required = {"last"};
  machine.events.on_heard = [&](const Report&) {
    if (machine.events.heard.size() == 2) {
      machine.Say("last", ReportStatus::kOk);
    }
  };
  const auto verdict = machine.Run();
  CHECK(verdict.decision == Decision::kCommit);
  CHECK(verdict.wanted_failures ==
        std::vector<Report>{{"luxury", ReportStatus::kFail, "no champagne (exit code 100)"}});
  const auto reports = ReadReports(machine.request.reports);
  REQUIRE(reports.size() == 3);
  CHECK(reports[0] == Report{"good", ReportStatus::kOk, "fine"});
}

TEST_CASE("RunGate: a check is run again until it is well", "[health]") {
  Machine machine;
  const auto mark = machine.root.path() / "mark";
  machine.AddCheck("required.d/slow",
                   "test -e " + mark.string() + " && exit 0\n: >" + mark.string() +
                       "\necho not there yet >&2\nexit 7");
  CHECK(machine.Run().decision == Decision::kCommit);
  CHECK(machine.events.not_yet == std::vector<std::string>{"slow: not there yet (exit code 7)"});
}

TEST_CASE("RunGate: a check's final failure ends it at once", "[health]") {
  Machine machine;
  machine.AddCheck("required.d/bad", "echo the disk is on fire; exit 100");
  const auto verdict = machine.Run();
  CHECK(verdict.cause == RollbackCause::kReporterFailed);
  CHECK(verdict.reason == "bad failed: the disk is on fire (exit code 100)");
}

TEST_CASE("RunGate: a check that is never well is told with its last words", "[health]") {
  Machine machine;
  machine.AddCheck("required.d/bad", "echo no route; exit 1");
  machine.events.on_not_yet = [&] { machine.clock.now += seconds(61); };
  const auto verdict = machine.Run();
  CHECK(verdict.cause == RollbackCause::kDeadline);
  CHECK(verdict.reporter == "bad");
  CHECK(verdict.reason == "after 60 s: bad is not healthy: no route (exit code 1)");
}

TEST_CASE("RunGate: a check that hangs is killed with its children", "[health]") {
  Machine machine;
  machine.AddCheck("required.d/hang", "sleep 1000 & sleep 1000");
  machine.request.check_timeout = milliseconds(0);
  machine.events.on_not_yet = [&] { machine.clock.now += seconds(61); };
  const auto verdict = machine.Run();
  CHECK(verdict.cause == RollbackCause::kDeadline);
  CHECK_THAT(verdict.reason, Catch::Contains("hang is not healthy: did not end within 0 s"));
}

TEST_CASE("RunGate: a check that cannot be started is not well", "[health]") {
  Machine machine;
  const auto path = machine.root.path() / "health.d/required.d/broken";
  std::filesystem::create_directories(path.parent_path());
  WriteFileAtomically(path, AsBytes("#!/nowhere/interpreter\n"), 0755);
  machine.events.on_not_yet = [&] { machine.clock.now += seconds(61); };
  CHECK_THAT(machine.Run().reason, Catch::Contains("cannot be started: No such file"));
}

TEST_CASE("RunGate: nobody else speaks for a check", "[health]") {
  Machine machine;
  machine.AddCheck("required.d/web", "exit 100");
  machine.Say("web", ReportStatus::kOk);
  CHECK(machine.Run().cause == RollbackCause::kReporterFailed);
}

TEST_CASE("RunGate: feeds the watchdog as time passes, and survives a broken one", "[health]") {
  Machine machine;
  machine.request.required = {"web"};
  machine.watchdog.broken = GENERATE(false, true);
  machine.AddCheck("wanted.d/tick", "exit 1");
  machine.events.on_not_yet = [&] { machine.clock.now += seconds(10); };
  CHECK(machine.Run().cause == RollbackCause::kDeadline);
  CHECK(machine.watchdog.fed >= 3);
}

TEST_CASE("RunGate: works without a watchdog and with a real clock", "[health]") {
  Machine machine;
  machine.request.required = {"web"};
  machine.request.deadline = milliseconds(20);
  const SystemClock clock;
  CHECK(RunGate(machine.request, nullptr, clock, machine.events).cause == RollbackCause::kDeadline);
}

TEST_CASE("InspectReporters: lists who is known and what they said", "[health]") {
  Machine machine;
  machine.AddCheck("required.d/disk", "exit 0");
  machine.AddCheck("wanted.d/luxury", "exit 0");
  machine.request.required = {"web"};
  machine.Say("web", ReportStatus::kOk);
  machine.Say("guest", ReportStatus::kFail, "hm");
  const auto reporters = InspectReporters(machine.request);
  REQUIRE(reporters.size() == 4);
  CHECK(reporters[0].name == "disk");
  CHECK(reporters[0].level == CheckLevel::kRequired);
  CHECK_FALSE(reporters[0].report);
  CHECK(reporters[1].level == CheckLevel::kWanted);
  CHECK(reporters[1].report->reason == "hm");
  CHECK(reporters[2].level == CheckLevel::kWanted);
  CHECK(reporters[3].report->status == ReportStatus::kOk);
}

}  // namespace
}  // namespace ros::health
