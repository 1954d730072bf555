#include "installer/console.hpp"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <iostream>

#include "base/error.hpp"
#include "installer/progress_output.hpp"
#include "installer/terminal_line.hpp"
#include "installer/terminal_text.hpp"

namespace ros::installer {
namespace {

bool WantsColour() {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  return (no_colour == nullptr || *no_colour == '\0') && !dumb && ::isatty(STDOUT_FILENO) == 1;
}

const char* Code(Colour colour) {
  switch (colour) {
    case Colour::kNone:
      return "";
    case Colour::kBold:
      return "\x1b[1m";
    case Colour::kGreen:
      return "\x1b[32m";
    case Colour::kYellow:
      return "\x1b[33m";
    case Colour::kRed:
      return "\x1b[31m";
    case Colour::kDim:
      return "\x1b[2m";
  }
  return "";
}

}  // namespace

Console::Console()
    : input_is_terminal_(::isatty(STDIN_FILENO) == 1),
      error_is_terminal_(::isatty(STDERR_FILENO) == 1),
      colour_(WantsColour()) {}

void Console::Print(std::string_view text) const {
  std::cout << (json() ? std::string(text) : TerminalText(text));
  if (!text.empty() && text.back() != '\n') {
    std::cout << '\n';
  }
  std::cout.flush();
}

void Console::PrintJson(const Json& json) const {
  Print(json.DumpPretty());
}

void Console::PrintEvent(const Json& json_event) const {
  if (json()) {
    Print(json_event.Dump());
  }
}

void Console::CheckPrinted() const {
  if (!std::cout.flush()) {
    throw Error(ErrorKind::kFailed,
                "standard output cannot be written, what it got is not all; is its disk full, or "
                "its reader gone?");
  }
}

void Console::Say(std::string_view text) const {
  std::cerr << TerminalText(text) << '\n';
}

void Console::Warn(std::string_view message) const {
  std::cerr << "ros: warning: " << TerminalText(message) << '\n';
}

void Console::Fail(std::string_view message, int exit_code) const {
  if (json()) {
    Json error;
    error.Set("exit", exit_code).Set("message", message);
    Print(Json::MakeObject().Set("error", std::move(error)).Dump());
  }
  std::cerr << "ros: " << TerminalText(message) << '\n';
}

bool Console::Confirm(std::string_view question) const {
  if (!can_ask()) {
    return false;
  }
  std::cerr << TerminalText(question) << " Type yes to go on: ";
  WaitForLine(STDIN_FILENO);
  std::string answer;
  return static_cast<bool>(std::getline(std::cin, answer)) && answer == "yes";
}

std::string Console::Paint(Colour colour, std::string_view text) const {
  if (!colour_ || json() || colour == Colour::kNone) {
    return std::string(text);
  }
  return std::string(Code(colour)) + std::string(text) + "\x1b[0m";
}

std::unique_ptr<Progress> Console::MakeProgress() const {
  if (json()) {
    return std::make_unique<JsonProgress>(std::cout);
  }
  if (error_is_terminal_) {
    return std::make_unique<BarProgress>(std::cerr);
  }
  return std::make_unique<LineProgress>(std::cerr);
}

std::unique_ptr<Progress> Console::MakePlanProgress() const {
  return json() ? std::make_unique<NoProgress>() : MakeProgress();
}

}  // namespace ros::installer
