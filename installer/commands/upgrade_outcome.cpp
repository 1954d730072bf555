#include "installer/commands/upgrade_outcome.hpp"

#include <algorithm>

#include "base/slot.hpp"

namespace ros::installer {
namespace {

// Nothing else is to be done than to remember the channel's document.
bool OnlyRemembers(const UpgradePlan& plan) {
  return std::ranges::all_of(plan.steps, [](const UpgradeStep& step) {
    return std::holds_alternative<RememberDocument>(step);
  });
}

std::string Outcome(const UpgradePlan& plan, const UpgradeOptions& options) {
  if (plan.already_there && ChangesLoader(plan)) {
    return "the boot loader of version " + plan.version +
           " is on the disk and starts at the next boot";
  }
  if (plan.already_there) {
    return *plan.already_there;
  }
  const auto slot = SlotText(plan.target);
  if (options.stage) {
    return plan.version + " is staged in " + slot + "; ros upgrade" +
           (options.image ? " -i " + *options.image : "") + " arms it";
  }
  return plan.version + " is in " + slot + " and is tried at the next boot; ros why tells later " +
         "how it went";
}

std::string_view EventName(const UpgradePlan& plan, const UpgradeOptions& options) {
  if (plan.already_there && ChangesLoader(plan)) {
    return "boot-loader-upgraded";
  }
  if (plan.already_there && OnlyRemembers(plan)) {
    return "channel-remembered";
  }
  if (plan.already_there) {
    return "arguments-kept";
  }
  return options.stage ? "staged" : "armed";
}

}  // namespace

bool ChangesLoader(const UpgradePlan& plan) {
  return std::ranges::any_of(plan.steps, [](const UpgradeStep& step) {
    return std::holds_alternative<ChangeLoader>(step);
  });
}

void Outcomes::Tell(std::string_view what_follows) {
  WarnOfMirrors(*options_.mirrors, console_);
  console_.Say(Outcome(plan_, options_).append(what_follows));
  if (!told_) {
    auto event = Json::MakeObject()
                     .Set("event", EventName(plan_, options_))
                     .Set("slot", Name(plan_.target))
                     .Set("version", plan_.version);
    if (plan_.loader_offer) {
      event.Set("boot_loader_offer", *plan_.loader_offer);
    }
    console_.PrintEvent(event);
  }
  told_ = true;
}

void TellNothingToDo(const UpgradePlan& plan, const Console& console) {
  auto event = Json::MakeObject()
                   .Set("event", "nothing-to-do")
                   .Set("message", plan.already_there.value_or(""));
  console.Say(plan.already_there.value_or(""));
  if (plan.loader_offer) {
    event.Set("boot_loader_offer", *plan.loader_offer);
    console.Say(*plan.loader_offer);
  }
  console.PrintEvent(event);
}

}  // namespace ros::installer
