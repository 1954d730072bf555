#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace ros::qemu {

// Tells the demo's story on stdout: numbered steps, what was done, what was answered, how long it
// took. Colours on a terminal only, none with NO_COLOR.
class Narrator {
 public:
  Narrator();

  // Begins a step; ends the one before it by telling its time.
  void Step(std::string_view title);

  // A sentence.
  void Tell(std::string_view text) const;

  // A command line that is about to run, on the host ("host") or in the machine ("machine").
  void Command(std::string_view where, std::string_view line) const;

  // What came back, line by line.
  void Answer(std::string_view text) const;

  // Ends the last step and tells the whole time.
  void End();

 private:
  using Clock = std::chrono::steady_clock;

  void EndStep();
  [[nodiscard]] std::string Colour(std::string_view code, std::string_view text) const;

  bool colours_;
  int number_ = 0;
  Clock::time_point start_ = Clock::now();
  Clock::time_point step_start_ = Clock::now();
};

}  // namespace ros::qemu
