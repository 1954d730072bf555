#include "bootloader/grub_environment.hpp"

#include <map>
#include <string_view>

#include "base/error.hpp"
#include "base/shown_text.hpp"

namespace ros::bootloader {
namespace {

// GRUB manual, "The GRUB environment block".
constexpr std::string_view kSignature = "# GRUB Environment Block\n";
constexpr std::string_view kNoTrial = "none";

using Variables = std::map<std::string, std::string, std::less<>>;

[[noreturn]] void DamagedEnvironment(const std::string& why) {
  throw Error(ErrorKind::kFailed, why);
}

std::string Joined(std::string_view good,
                   std::string_view trial,
                   std::string_view tries,
                   std::string_view started) {
  std::string text(good);
  for (const auto value : {trial, tries, started}) {
    text.append(",").append(value);
  }
  return text;
}

void TakeLine(std::string_view line, Variables& variables) {
  const auto equals = line.find('=');
  if (line.starts_with('#') || !line.starts_with("ros_") || equals == std::string_view::npos) {
    return;
  }
  const auto name = line.substr(0, equals);
  const bool is_new = variables.emplace(name, line.substr(equals + 1)).second;
  if (!is_new) {
    DamagedEnvironment(ShowText(name) + " is there twice");
  }
}

Variables ReadVariables(std::string_view text) {
  if (!text.starts_with(kSignature)) {
    DamagedEnvironment("it does not start with GRUB's signature");
  }
  text.remove_prefix(kSignature.size());
  Variables variables;
  // What follows the last newline is padding.
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    TakeLine(text.substr(0, end), variables);
    text.remove_prefix(end + 1);
  }
  return variables;
}

const std::string& Get(const Variables& variables, std::string_view name) {
  const auto found = variables.find(name);
  if (found == variables.end()) {
    DamagedEnvironment(std::string(name) + " is missing");
  }
  return found->second;
}

SlotId SlotOf(std::string_view name, std::string_view value) {
  const auto slot = ParseSlot(value);
  if (!slot) {
    DamagedEnvironment(std::string(name) + " is '" + ShowText(value) + "', not a slot");
  }
  return *slot;
}

// One digit not above `maximum`.
int DigitOf(std::string_view name, std::string_view value, int maximum) {
  const int digit = value.size() == 1 ? value[0] - '0' : -1;
  if (digit < 0 || digit > maximum) {
    DamagedEnvironment(std::string(name) + " is '" + ShowText(value) + "', not a digit up to " +
                       std::to_string(maximum));
  }
  return digit;
}

}  // namespace

std::string FormatGrubEnvironment(const BootState& state) {
  const std::string good(Name(state.good));
  const std::string trial(state.trial ? Name(state.trial->slot) : kNoTrial);
  const auto tries = std::to_string(state.trial ? state.trial->tries_left : 0);
  const std::string started = state.trial && state.trial->started ? "1" : "0";
  std::string block(kSignature);
  block += "ros_good=" + good + "\n";
  block += "ros_trial=" + trial + "\n";
  block += "ros_tries=" + tries + "\n";
  block += "ros_started=" + started + "\n";
  block += "ros_check=" + Joined(good, trial, tries, started) + "\n";
  block.resize(kGrubEnvironmentSize, '#');
  return block;
}

BootState ParseGrubEnvironment(ByteSpan block) {
  if (block.size() != kGrubEnvironmentSize) {
    DamagedEnvironment("it has " + std::to_string(block.size()) + " bytes, not " +
                       std::to_string(kGrubEnvironmentSize));
  }
  const auto variables = ReadVariables(AsText(block));
  const auto& good = Get(variables, "ros_good");
  const auto& trial = Get(variables, "ros_trial");
  const auto& tries = Get(variables, "ros_tries");
  const auto& started = Get(variables, "ros_started");
  const auto& check = Get(variables, "ros_check");
  const auto joined = Joined(good, trial, tries, started);
  if (check != joined) {
    DamagedEnvironment("ros_check says " + ShowText(check) + " and the values are " +
                       ShowText(joined));
  }
  BootState state{.good = SlotOf("ros_good", good)};
  const auto tries_left = DigitOf("ros_tries", tries, kMaximumTries);
  const auto was_started = DigitOf("ros_started", started, 1);
  if (trial == kNoTrial) {
    return state;
  }
  state.trial = Trial{
      .slot = SlotOf("ros_trial", trial), .tries_left = tries_left, .started = was_started == 1};
  if (state.trial->slot == state.good) {
    DamagedEnvironment("slot " + good + " is both good and on trial");
  }
  return state;
}

std::optional<BootNote> ParseBootNote(ByteSpan block) {
  constexpr std::string_view kName = "\nros_booting=";
  constexpr std::string_view kTrial = "ros.trial=";
  constexpr std::string_view kFell = "ros.fell=";
  const auto text = AsText(block);
  const auto at = text.find(kName);
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  const auto line = text.substr(at + kName.size(), text.find('\n', at + 1) - at - kName.size());
  const auto slot = ParseSlot(line.substr(0, 1));
  if (!slot || line.substr(1, 1) != ",") {
    return std::nullopt;
  }
  const auto argument = line.substr(2);
  const auto value = argument.substr(argument.find('=') + 1);
  const bool is_trial =
      argument.starts_with(kTrial) && value.size() == 1 && value[0] >= '0' && value[0] <= '9';
  const bool is_fell = argument.starts_with(kFell) && ParseSlot(value).has_value();
  if (!argument.empty() && !is_trial && !is_fell) {
    return std::nullopt;
  }
  return BootNote{.slot = *slot, .argument = std::string(argument)};
}

std::string ArgumentOfBoot(ByteSpan block, SlotId slot) {
  if (const auto note = ParseBootNote(block); note && note->slot == slot) {
    return note->argument;
  }
  try {
    const auto trial = ParseGrubEnvironment(block).trial;
    if (trial && trial->slot == slot && trial->started) {
      return "ros.trial=" + std::to_string(trial->tries_left);
    }
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch)
    // A state that GRUB did not go by either.
  }
  return {};
}

}  // namespace ros::bootloader
