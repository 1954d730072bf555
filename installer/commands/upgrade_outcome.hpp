#pragma once

#include <string_view>

#include "installer/command.hpp"
#include "installer/commands/upgrade_options.hpp"
#include "installer/upgrade_plan.hpp"

namespace ros::installer {

// Whether the plan writes the boot loader.
bool ChangesLoader(const UpgradePlan& plan);

// Says what an upgrade came to, once, before the machine goes down.
class Outcomes {
 public:
  // All live longer than this.
  Outcomes(const UpgradePlan& plan, const UpgradeOptions& options, const Console& console)
      : plan_(plan), options_(options), console_(console) {}

  // To people each time, with what follows; to machines the first time.
  void Tell(std::string_view what_follows);

  [[nodiscard]] bool told() const { return told_; }

 private:
  const UpgradePlan& plan_;
  const UpgradeOptions& options_;
  const Console& console_;
  bool told_ = false;
};

// That a plan has no steps, and why.
void TellNothingToDo(const UpgradePlan& plan, const Console& console);

}  // namespace ros::installer
