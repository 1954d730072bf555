#include "installer/followed_text.hpp"

#include "base/shown_text.hpp"

namespace ros::installer {
namespace {

using trust::Choice;

std::string Called(const FollowedRelease& found) {
  const auto& channel = found.document.shown.channel;
  return "channel " + channel.name + " (serial " + std::to_string(channel.serial) + ")";
}

std::string WithdrawnText(const FollowedRelease& found) {
  const auto& before = found.choice.release.version;
  return Called(found) + " has withdrawn version " + found.running_version +
         ", which is running, and has nothing newer for this machine; ros rollback goes back to "
         "the other slot" +
         (before.empty() ? "" : ", and ros upgrade --allow-downgrade takes version " + before);
}

std::string WaitsText(const FollowedRelease& found) {
  const auto& [choice, release, place] = found.choice;
  return "not yet: version " + release.version + " is for " + std::to_string(release.share) +
         " % of the machines by now, and this one's place is at " + PlaceText(place) +
         "; it takes it when the share is larger, or at once by ros upgrade --now";
}

// What Prometheus has within the quotes of a label.
std::string LabelValue(const std::string& text) {
  std::string value;
  for (const char c : ShowText(text)) {
    value += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  }
  return value;
}

class Metrics {
 public:
  void Add(const std::string& name,
           const std::string& help,
           const std::string& labels,
           const std::string& value) {
    text_ += "# HELP " + name + " " + help + "\n# TYPE " + name + " gauge\n" + name +
             (labels.empty() ? "" : "{" + labels + "}") + " " + value + "\n";
  }

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string Label(const std::string& name, const std::string& value) {
  return name + "=\"" + LabelValue(value) + "\"";
}

}  // namespace

std::string PlaceText(std::uint32_t place) {
  constexpr std::uint32_t kParts = 100;
  const auto rest = std::to_string(place % kParts);
  return std::to_string(place / kParts) + (rest.size() < 2 ? ".0" : ".") + rest + " %";
}

std::string DescribeFollowed(const FollowedRelease& found) {
  const auto& release = found.choice.release;
  switch (found.choice.choice) {
    case Choice::kTake:
      return Called(found) + " has version " + release.version + " for this machine, which runs " +
             found.running_version;
    case Choice::kUpToDate:
      return "up to date: version " + release.version + " is running, and " + Called(found) +
             " has nothing newer for this machine";
    case Choice::kWaits:
      return WaitsText(found);
    case Choice::kRolledBack:
      return "version " + release.version + " of " + Called(found) +
             " was rolled back on this machine, see ros why; to try it again use ros upgrade "
             "--retry";
    case Choice::kWithdrawn:
      return WithdrawnText(found);
    case Choice::kHalted:
      return Called(found) +
             " is halted: who publishes it has stopped all upgrades; the next document that "
             "resumes them is taken by itself";
    case Choice::kNothing:
      return Called(found) + " has released nothing for this machine, which runs version " +
             found.running_version;
  }
  return {};
}

Json FollowedToJson(const FollowedRelease& found) {
  const auto& channel = found.document.shown.channel;
  const auto& release = found.choice.release;
  auto json =
      Json::MakeObject()
          .Set("available", found.is_available())
          .Set("state", trust::Name(found.choice.choice))
          .Set("message", DescribeFollowed(found))
          .Set(
              "running",
              Json::MakeObject().Set("version", found.running_version).Set("digest", found.running))
          .Set("channel",
               Json::MakeObject()
                   .Set("follows", found.followed.ToString())
                   .Set("name", channel.name)
                   .Set("serial", channel.serial)
                   .Set("not_after", FormatTime(channel.not_after))
                   .Set("halted", channel.halted));
  if (!release.version.empty()) {
    json.Set("release",
             Json::MakeObject()
                 .Set("version", release.version)
                 .Set("digest", release.digest.ToString())
                 .Set("share", std::uint64_t{release.share})
                 .Set("place", PlaceText(found.choice.place)));
  }
  return json;
}

std::string FollowedMetrics(const FollowedRelease& found, UnixTime now) {
  const auto& channel = found.document.shown.channel;
  const auto name = Label("channel", channel.name);
  Metrics metrics;
  metrics.Add("ros_upgrade_available",
              "Whether the channel has a release for this machine that does not run yet.",
              name,
              found.is_available() ? "1" : "0");
  metrics.Add("ros_upgrade_info",
              "What runs, what the channel has, and what becomes of it.",
              name + "," + Label("running", found.running_version) + "," +
                  Label("release", found.choice.release.version) + "," +
                  Label("state", std::string(trust::Name(found.choice.choice))),
              "1");
  metrics.Add("ros_channel_serial",
              "The serial of the channel's document.",
              name,
              std::to_string(channel.serial));
  metrics.Add("ros_channel_not_after_seconds",
              "The last second at which the channel's document counts, since 1970.",
              name,
              std::to_string(channel.not_after));
  metrics.Add("ros_channel_halted",
              "Whether who publishes the channel has stopped all upgrades.",
              name,
              channel.halted ? "1" : "0");
  metrics.Add("ros_upgrade_check_time_seconds",
              "When the channel was looked at successfully, since 1970.",
              "",
              std::to_string(now));
  return metrics.text();
}

}  // namespace ros::installer
