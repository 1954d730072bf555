#include "installer/unattended.hpp"

#include <poll.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "base/interrupt.hpp"
#include "keys/digest.hpp"

namespace ros::installer {

using std::chrono::seconds;

seconds PlaceWithin(seconds span, const std::string& machine) {
  constexpr std::size_t kHexDigits = 8;
  if (span.count() <= 0) {
    return seconds(0);
  }
  // Another order than any roll-out's, in which a machine must not be first twice.
  const auto text = "upgrade.delay\n" + machine;
  const auto number =
      std::stoll(keys::Sha256Of(AsBytes(text)).Hex().substr(0, kHexDigits), nullptr, 16);
  return seconds(number % span.count());
}

Turn FindTurn(const config::UpgradeSettings& settings, const std::string& machine, UnixTime now) {
  if (settings.channel.empty()) {
    return {.wait = std::nullopt,
            .why =
                "this machine follows no channel; ros config set ros.upgrade.channel "
                "REGISTRY/REPOSITORY:NAME"};
  }
  if (!settings.window) {
    return {.wait = std::nullopt,
            .why =
                "this machine does not upgrade itself; ros config set ros.upgrade.window says "
                "when it may"};
  }
  const auto& window = *settings.window;
  const auto opening = config::FindOpening(window, now);
  if (!opening) {
    return {.wait = std::nullopt,
            .why = "the time window " + window.text + " opens on " +
                   FormatTime(config::NextOpening(window, now))};
  }
  const seconds length(opening->until - opening->from);
  const auto most = window.always ? length : length / 2;
  const auto place = PlaceWithin(std::min(settings.delay, most), machine);
  const auto turn = (window.always ? now : opening->from) + place.count();
  const auto at = std::max(turn, now);
  return {.wait = seconds(at - now), .why = "this machine's turn is at " + FormatTime(at)};
}

bool IsOpen(const config::UpgradeSettings& settings, UnixTime now) {
  return settings.window && config::FindOpening(*settings.window, now);
}

std::string FindRestartObstacle(const config::UpgradeSettings& settings, UnixTime now) {
  return IsOpen(settings, now) ? ""
                               : "the time window has closed; the machine restarts into what is "
                                 "new when it is open again";
}

std::string FindArmObstacle(const config::UpgradeSettings& settings,
                            const UpgradePlan& plan,
                            UnixTime now) {
  return WritesSlot(plan) ? "what is to be tried is not what was just written; it is written at "
                            "this machine's next turn"
                          : FindRestartObstacle(settings, now);
}

std::string FindObstacle(const bootloader::BootState& state, SlotId running) {
  if (!state.trial) {
    return {};
  }
  if (state.trial->slot == running) {
    return "what runs is on trial, and its health gate has not judged it yet";
  }
  return "a trial of " + SlotText(state.trial->slot) +
         " is pending; it is tried at the next reboot, and ros rollback gives it up";
}

void WaitInterruptibly(seconds length, const Clock& clock) {
  const auto until = clock.SinceBoot() + length;
  const auto interrupts = OpenInterrupts();
  for (auto now = clock.SinceBoot(); now < until; now = clock.SinceBoot()) {
    // In pieces: poll's own time stands still while the machine sleeps.
    constexpr std::chrono::milliseconds kPiece(60'000);
    pollfd poll{.fd = interrupts.get(), .events = POLLIN, .revents = 0};
    ::poll(&poll, 1, static_cast<int>(std::min(until - now, kPiece).count()));
    ThrowIfInterrupted();
  }
}

}  // namespace ros::installer
