#include "installer/channel_build.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/error.hpp"
#include "images/verified_image.hpp"

namespace ros::installer {
namespace {

[[noreturn]] void RefuseWish(const std::string& why) {
  throw Error(ErrorKind::kUsage, why);
}

// A whole number, at most `most`.
std::optional<std::uint64_t> ParseNumber(std::string_view text, std::uint64_t most) {
  std::uint64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data(), end, number);
  return code == std::errc() && rest == end && number <= most ? std::optional(number)
                                                              : std::nullopt;
}

std::uint32_t Share(std::string_view text) {
  const auto share = ParseNumber(text, trust::kWholeShare);
  if (!share) {
    RefuseWish("\"" + std::string(text) +
               "\" is no share; write percent from 0 (withdrawn) to 100");
  }
  return static_cast<std::uint32_t>(*share);
}

std::string NameOf(const ChannelRequest& request) {
  auto name = request.name.empty() && request.from ? request.from->name : request.name;
  if (name.empty()) {
    RefuseWish("a channel has a name; give --name, or --from with the document before");
  }
  if (!trust::IsChannelName(name)) {
    RefuseWish(
        "\"" + name +
        "\" is no name of a channel: letters, digits, -, _ and ., beginning with a letter or "
        "digit");
  }
  if (request.from && request.from->name != name) {
    RefuseWish("the document before is of channel " + request.from->name + " and not of " + name);
  }
  return name;
}

std::uint64_t SerialOf(const ChannelRequest& request) {
  if (!request.serial && !request.from) {
    RefuseWish(
        "give --from with the document before, or --serial 1 for the first one: machines refuse "
        "one whose serial goes back");
  }
  const auto serial = request.serial ? *request.serial : request.from->serial + 1;
  if (request.from && serial <= request.from->serial) {
    RefuseWish("--serial " + std::to_string(serial) +
               " is not above that of the document before, " +
               std::to_string(request.from->serial));
  }
  if (serial > trust::kMaxSerial) {
    RefuseWish("a serial is at most " + std::to_string(trust::kMaxSerial));
  }
  return serial;
}

trust::Release& Find(trust::Channel& channel, const std::string& version) {
  const auto found = std::ranges::find(channel.releases, version, &trust::Release::version);
  if (found == channel.releases.end()) {
    RefuseWish("version " + version + " is not in channel " + channel.name);
  }
  return *found;
}

bool IsHalted(const ChannelRequest& request) {
  switch (request.halt) {
    case ChannelRequest::Halt::kHalt:
      return true;
    case ChannelRequest::Halt::kResume:
      return false;
    case ChannelRequest::Halt::kAsBefore:
      break;
  }
  return request.from && request.from->halted;
}

}  // namespace

trust::Channel MakeChannel(const ChannelRequest& request) {
  trust::Channel channel{.name = NameOf(request),
                         .serial = SerialOf(request),
                         .created = request.created,
                         .not_after = request.not_after,
                         .halted = IsHalted(request)};
  if (channel.not_after <= channel.created) {
    RefuseWish("a document that counts until " + FormatTime(channel.not_after) +
               " has expired already");
  }
  if (request.from) {
    channel.releases = request.from->releases;
  }
  for (const auto& version : request.dropped) {
    std::erase(channel.releases, Find(channel, version));
  }
  for (const auto& release : request.releases) {
    std::erase_if(channel.releases,
                  [&](const trust::Release& old) { return old.version == release.version; });
    channel.releases.push_back(release);
  }
  for (const auto& [version, share] : request.shares) {
    Find(channel, version).share = share;
  }
  return channel;
}

trust::Release ReadRelease(const std::string& text) {
  const auto equals = text.rfind('=');
  const bool is_file = std::filesystem::exists(text) || equals == std::string::npos;
  const auto path = is_file ? text : text.substr(0, equals);
  trust::Release release;
  if (!is_file) {
    release.share = Share(std::string_view(text).substr(equals + 1));
  }
  const auto image = images::InspectImage(*images::OpenImage(path));
  release.version = image.config.version;
  release.digest = image.manifest.digest;
  return release;
}

std::pair<std::string, std::uint32_t> ParseShare(const std::string& text) {
  const auto equals = text.rfind('=');
  if (equals == std::string::npos) {
    RefuseWish("\"" + text + "\" is not of the form VERSION=PERCENT");
  }
  return {text.substr(0, equals), Share(std::string_view(text).substr(equals + 1))};
}

UnixTime EndAfter(const std::string& length, UnixTime now) {
  constexpr std::uint64_t kMostDays = 3660;
  if (!length.empty() && length.back() >= '0' && length.back() <= '9') {
    RefuseWish("\"" + length + "\" has no unit; write " + length + "d for days, " + length +
               "h for hours");
  }
  if (!length.ends_with('d')) {
    return now + ParseDuration(length).count();
  }
  const auto days = ParseNumber(std::string_view(length).substr(0, length.size() - 1), kMostDays);
  if (!days) {
    RefuseWish("\"" + length + "\" is not a length of time; write 30d, 12h or 90m, at most " +
               std::to_string(kMostDays) + "d");
  }
  return now + static_cast<UnixTime>(*days) * kSecondsADay;
}

UnixTime EndOn(const std::string& date) {
  constexpr std::size_t kDayLength = 10;
  try {
    return ParseTime(date.size() == kDayLength ? date + "T23:59:59Z" : date);
  } catch (const Error&) {
    RefuseWish("\"" + date + "\" is no date; write 2027-01-31 or 2027-01-31T12:00:00Z");
  }
}

}  // namespace ros::installer
