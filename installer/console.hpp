#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/progress.hpp"

namespace ros::installer {

enum class Colour { kNone, kBold, kGreen, kYellow, kRed, kDim };

enum class OutputFormat { kText, kJson };

// Where `ros` talks: results on stdout, everything for people on stderr, JSON for machines on
// stdout. The only place of the program that prints.
class Console {
 public:
  // Looks at the two streams (terminal or not), at NO_COLOR and at TERM.
  Console();

  void set_format(OutputFormat format) { format_ = format; }

  [[nodiscard]] bool json() const { return format_ == OutputFormat::kJson; }

  // A result, on stdout. A line break is added where it lacks one.
  void Print(std::string_view text) const;
  // A result as JSON, indented, on stdout.
  void PrintJson(const Json& json) const;
  // An event for machines: one JSON object on one line of stdout, with --json only.
  void PrintEvent(const Json& json) const;
  // Throws kFailed unless all that was printed has arrived (a full disk, a closed pipe).
  void CheckPrinted() const;
  // For people, on stderr.
  void Say(std::string_view text) const;
  // "ros: warning: MESSAGE" on stderr.
  void Warn(std::string_view message) const;
  // "ros: MESSAGE" on stderr; with --json also {"error": {"exit", "message"}} on stdout.
  void Fail(std::string_view message, int exit_code) const;

  // Asks on the terminal; only "yes" is a yes. False at once where nobody can answer. Throws as
  // ThrowIfInterrupted where Ctrl-C is the answer.
  [[nodiscard]] bool Confirm(std::string_view question) const;

  [[nodiscard]] bool can_ask() const { return input_is_terminal_ && error_is_terminal_; }

  // `text` in that colour where the stream of results shows colours, else as it is.
  [[nodiscard]] std::string Paint(Colour colour, std::string_view text) const;

  // A bar on a terminal, plain lines elsewhere, events (one JSON object a line) with --json.
  [[nodiscard]] std::unique_ptr<Progress> MakeProgress() const;
  // The same for a command that only shows a plan: with --json its output is the plan alone.
  [[nodiscard]] std::unique_ptr<Progress> MakePlanProgress() const;

 private:
  OutputFormat format_ = OutputFormat::kText;
  bool input_is_terminal_ = false;
  bool error_is_terminal_ = false;
  bool colour_ = false;
};

}  // namespace ros::installer
