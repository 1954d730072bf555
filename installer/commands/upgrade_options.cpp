#include "installer/commands/upgrade_options.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"

namespace ros::installer {
namespace {

struct Rule {
  bool is_broken = false;
  const char* says = "";
};

// What is for an upgrade or its plan.
bool IsForUpgrade(const UpgradeOptions& options) {
  return options.plan || options.stage || options.no_reboot || options.kexec ||
         options.bootloader || options.bootloader_in_place || !options.append.empty();
}

// What only a person decides.
bool IsPersons(const UpgradeOptions& options) {
  return options.retry || options.allow_downgrade || options.insecure;
}

// What asks for something else than to wait for the machine's turn.
bool IsAtOnce(const UpgradeOptions& options) {
  return options.now || options.check || options.plan || options.kexec;
}

}  // namespace

void CheckUpgradeOptions(const UpgradeOptions& options) {
  const bool has_image = options.image.has_value();
  const std::array<Rule, 9> rules = {{
      {options.image == "",
       "-i names no image (an empty text); without -i it is the channel's choice"},
      {!has_image && !options.channel.empty(),
       "--channel names the document that has released the image of -i; without -i the channel is "
       "that of ros config get ros.upgrade.channel"},
      {has_image && options.check,
       "--check asks the channel of this machine, and -i names an image; leave one out"},
      {has_image && options.now,
       "--now asks the channel of this machine, and -i names an image; leave one out"},
      {has_image && options.unattended,
       "--unattended asks the channel of this machine, and -i names an image; leave one out"},
      {options.unattended && IsAtOnce(options),
       "--unattended waits for the time window of this machine; leave it out with --now, --check, "
       "--plan and --kexec"},
      {options.check && IsForUpgrade(options),
       "--check tells whether there is something new and writes nothing; leave out what is for an "
       "upgrade or its plan"},
      {options.unattended && IsPersons(options),
       "--retry, --allow-downgrade and --insecure are a person's, who looks at what comes of it; "
       "leave out --unattended"},
      {!options.prometheus.empty() && !options.check,
       "--prometheus writes what --check finds; add --check"},
  }};
  const auto* const broken = std::ranges::find(rules, true, &Rule::is_broken);
  if (broken != rules.end()) {
    throw Error(ErrorKind::kUsage, broken->says);
  }
}

}  // namespace ros::installer
