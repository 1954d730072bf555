#pragma once

#include <string>
#include <string_view>

#include "base/progress.hpp"

namespace ros::testing {

// Keeps the warnings, one behind the other.
class Warnings final : public Progress {
 public:
  void Begin(std::string_view /*step*/, Bytes /*total*/) override {}

  void Update(Bytes /*done*/) override {}

  void End() override {}

  void Warn(std::string_view message) override { text += message; }

  std::string text;
};

}  // namespace ros::testing
