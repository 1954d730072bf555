#pragma once

#include <chrono>
#include <ostream>
#include <string>

#include "base/interrupt.hpp"
#include "base/progress.hpp"

namespace ros::installer {

// One line of a progress bar: step, bar, bytes, rate and time left, `width` columns at most.
// `elapsed` counts from the start of the step. Pure, for the test.
std::string FormatBar(std::string_view step,
                      Bytes done,
                      Bytes total,
                      std::chrono::milliseconds elapsed,
                      std::size_t width);

// What all three forms know of the step that runs. While one lives, SIGINT and its like wait for
// the next Begin() or Update(), which throws then: work that is watched can be interrupted, and
// cleans up after itself.
class StepProgress : public Progress {
 public:
  void Begin(std::string_view step, Bytes total) override;
  void Update(Bytes done) override;
  void End() override;

 protected:
  virtual void OnBegin() = 0;
  // Called at most ten times a second.
  virtual void OnUpdate() = 0;
  virtual void OnEnd() = 0;

  [[nodiscard]] std::chrono::milliseconds Elapsed() const;

  [[nodiscard]] const std::string& step() const { return step_; }

  [[nodiscard]] Bytes done() const { return done_; }

  [[nodiscard]] Bytes total() const { return total_; }

 private:
  InterruptGuard guard_;
  std::string step_;
  Bytes total_ = 0;
  Bytes done_ = 0;
  std::chrono::steady_clock::time_point begun_;
  std::chrono::steady_clock::time_point shown_;
};

// A bar that redraws itself on one line of a terminal; a finished step stays as a line.
class BarProgress final : public StepProgress {
 public:
  explicit BarProgress(std::ostream& out) : out_(out) {}

  BarProgress(const BarProgress&) = delete;
  BarProgress& operator=(const BarProgress&) = delete;
  BarProgress(BarProgress&&) = delete;
  BarProgress& operator=(BarProgress&&) = delete;
  // Leaves the line of a step that failed.
  ~BarProgress() override;
  void Warn(std::string_view message) override;

 private:
  void OnBegin() override { OnUpdate(); }

  void OnUpdate() override;
  void OnEnd() override;

  std::ostream& out_;
  bool line_open_ = false;
};

// A line when a step has ended, for logs.
class LineProgress final : public StepProgress {
 public:
  explicit LineProgress(std::ostream& out) : out_(out) {}

  void Warn(std::string_view message) override;

 private:
  void OnBegin() override {}

  void OnUpdate() override {}

  void OnEnd() override;

  std::ostream& out_;
};

// {"event": "begin"|"progress"|"end"|"warning", ...}, one object a line, for machines.
class JsonProgress final : public StepProgress {
 public:
  explicit JsonProgress(std::ostream& out) : out_(out) {}

  void Warn(std::string_view message) override;

 private:
  void OnBegin() override { Put("begin"); }

  void OnUpdate() override { Put("progress"); }

  void OnEnd() override { Put("end"); }

  void Put(std::string_view event);

  std::ostream& out_;
};

}  // namespace ros::installer
