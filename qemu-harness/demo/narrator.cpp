#include "qemu-harness/demo/narrator.hpp"

#include <unistd.h>

#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <sstream>

namespace ros::qemu {

namespace {

std::string SecondsSince(std::chrono::steady_clock::time_point start) {
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << passed.count() << " s";
  return text.str();
}

}  // namespace

Narrator::Narrator() : colours_(isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr) {}

std::string Narrator::Colour(std::string_view code, std::string_view text) const {
  return colours_ ? "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m"
                  : std::string(text);
}

void Narrator::Step(std::string_view title) {
  EndStep();
  step_start_ = Clock::now();
  ++number_;
  std::cout << "\n"
            << Colour("1", std::to_string(number_) + ". " + std::string(title)) << std::endl;
}

void Narrator::EndStep() {
  if (number_ > 0) {
    std::cout << Colour("2", "   (" + SecondsSince(step_start_) + ")") << std::endl;
  }
}

void Narrator::Tell(std::string_view text) const {
  std::cout << "   " << text << std::endl;
}

void Narrator::Command(std::string_view where, std::string_view line) const {
  std::cout << "   " << Colour("36", std::string(where) + "$ ") << line << std::endl;
}

void Narrator::Answer(std::string_view text) const {
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::cout << Colour("2", "   | ") << line << "\n";
  }
  std::cout << std::flush;
}

void Narrator::End() {
  EndStep();
  std::cout << "\nAll of it took " << SecondsSince(start_) << "." << std::endl;
}

}  // namespace ros::qemu
