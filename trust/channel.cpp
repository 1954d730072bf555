#include "trust/channel.hpp"

#include <algorithm>
#include <span>

#include "base/error.hpp"
#include "base/shown_text.hpp"

namespace ros::trust {
namespace {

using Names = std::span<const std::string_view>;

constexpr std::string_view kWhere = "the channel document";
constexpr int kVersion = 1;
constexpr std::string_view kChannelNames[] = {
    "version", "channel", "serial", "created", "not-after", "halted", "releases"};
constexpr std::string_view kReleaseNames[] = {"version", "digest", "share", "image"};

constexpr std::size_t kMaxChannelNameLength = 64;
constexpr std::size_t kMaxVersionLength = 128;
constexpr std::size_t kMaxReferenceLength = 512;

// Hundredths of a percent.
constexpr std::uint32_t kPlaces = 10'000;

[[noreturn]] void Refuse(const std::string& where, const std::string& why) {
  throw Error(ErrorKind::kVerification, where + ": " + why);
}

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsPlain(char c) {
  return IsAlphanumeric(c) || c == '-' || c == '_' || c == '.';
}

// As images have it (docs/image-format.md, "Config").
bool IsVersion(std::string_view text) {
  return !text.empty() && text.size() <= kMaxVersionLength &&
         (IsAlphanumeric(text.front()) || text.front() == '_') &&
         std::ranges::all_of(text, IsPlain);
}

bool IsReference(std::string_view text) {
  return !text.empty() && text.size() <= kMaxReferenceLength &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

void CheckKeys(const Json& json, Names known, const std::string& where) {
  for (const auto& member : json.AsObject(where)) {
    if (std::ranges::find(known, member.key) == known.end()) {
      Refuse(where,
             "\"" + ShowText(member.key) +
                 "\" is not known; a rule that is not understood is not passed over");
    }
  }
}

std::uint64_t Number(const Json& json, const std::string& where, std::uint64_t most) {
  const auto number = json.AsUint(where);
  if (number > most) {
    Refuse(where, std::to_string(number) + " is more than " + std::to_string(most));
  }
  return number;
}

UnixTime Time(const Json& json, const std::string& where) {
  const auto& text = json.AsString(where);
  try {
    return ParseTime(text);
  } catch (const Error& error) {
    Refuse(where, error.message());
  }
}

const std::string& Text(const Json& json,
                        const std::string& where,
                        bool (*is_right)(std::string_view),
                        const char* what) {
  const auto& text = json.AsString(where);
  if (!is_right(text)) {
    Refuse(where, "\"" + ShowText(text) + "\" is no " + what);
  }
  return text;
}

Release ParseRelease(const Json& json, const std::string& where) {
  CheckKeys(json, kReleaseNames, where);
  Release release;
  release.version =
      Text(json.At("version", where), where + ".version", IsVersion, "version of an image");
  const auto& digest = json.At("digest", where).AsString(where + ".digest");
  release.digest = InContext(where + ".digest", [&] { return keys::Digest::Parse(digest); });
  release.share =
      static_cast<std::uint32_t>(Number(json.At("share", where), where + ".share", kWholeShare));
  if (const auto* image = json.Find("image", where)) {
    release.image = Text(*image, where + ".image", IsReference, "reference of an image");
  }
  return release;
}

void AddRelease(Channel& channel, Release release, const std::string& where) {
  for (const auto& other : channel.releases) {
    if (other.version == release.version) {
      Refuse(where, "a second release of version " + release.version);
    }
    if (other.digest == release.digest) {
      Refuse(where, "version " + release.version + " is the same image as " + other.version);
    }
  }
  channel.releases.push_back(std::move(release));
}

}  // namespace

Channel ParseChannel(std::string_view raw) {
  const std::string where(kWhere);
  const auto at = [&](const char* key) { return where + ": " + key; };
  if (raw.size() > kMaxChannelSize) {
    Refuse(where, "longer than " + FormatBytes(kMaxChannelSize));
  }
  const auto json = Json::Parse(raw, where);
  const auto version = json.At("version", where).AsInt(at("version"));
  if (version != kVersion) {
    Refuse(at("version"),
           "this is version " + std::to_string(version) +
               " of the format, and this ros knows version " + std::to_string(kVersion));
  }
  CheckKeys(json, kChannelNames, where);
  Channel channel;
  channel.name = Text(json.At("channel", where), at("channel"), IsChannelName, "name of a channel");
  channel.serial = Number(json.At("serial", where), at("serial"), kMaxSerial);
  channel.created = Time(json.At("created", where), at("created"));
  channel.not_after = Time(json.At("not-after", where), at("not-after"));
  if (const auto* halted = json.Find("halted", where)) {
    channel.halted = halted->AsBool(at("halted"));
  }
  const auto& releases = json.At("releases", where).AsArray(at("releases"));
  if (releases.size() > kMaxReleases) {
    Refuse(at("releases"), "more than " + std::to_string(kMaxReleases));
  }
  for (std::size_t i = 0; i < releases.size(); ++i) {
    const auto place = at("releases") + "[" + std::to_string(i) + "]";
    AddRelease(channel, ParseRelease(releases[i], place), place);
  }
  return channel;
}

Json ToJson(const Channel& channel) {
  auto releases = Json::MakeArray();
  for (const auto& release : channel.releases) {
    auto item = Json::MakeObject()
                    .Set("version", release.version)
                    .Set("digest", release.digest.ToString())
                    .Set("share", std::uint64_t{release.share});
    if (!release.image.empty()) {
      item.Set("image", release.image);
    }
    releases.Append(std::move(item));
  }
  auto json = Json::MakeObject()
                  .Set("version", kVersion)
                  .Set("channel", channel.name)
                  .Set("serial", channel.serial)
                  .Set("created", FormatTime(channel.created))
                  .Set("not-after", FormatTime(channel.not_after));
  if (channel.halted) {
    json.Set("halted", true);
  }
  return json.Set("releases", std::move(releases));
}

std::string WriteChannel(const Channel& channel) {
  auto raw = ToJson(channel).Dump();
  static_cast<void>(ParseChannel(raw));
  return raw;
}

const Release* FindRelease(const Channel& channel, const keys::Digest& digest) {
  const auto found = std::ranges::find(channel.releases, digest, &Release::digest);
  return found == channel.releases.end() ? nullptr : &*found;
}

bool IsChannelName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxChannelNameLength && IsAlphanumeric(text.front()) &&
         std::ranges::all_of(text, IsPlain);
}

std::uint32_t WavePlace(std::string_view machine, std::string_view version) {
  // Of the first 32 bits of a hash that nobody has to keep secret.
  constexpr std::size_t kHexDigits = 8;
  const auto text = std::string(version) + "\n" + std::string(machine);
  const auto number =
      std::stoull(keys::Sha256Of(AsBytes(text)).Hex().substr(0, kHexDigits), nullptr, 16);
  return static_cast<std::uint32_t>(number % kPlaces);
}

bool IsInWave(std::string_view machine, std::string_view version, std::uint32_t share) {
  return WavePlace(machine, version) < share * (kPlaces / kWholeShare);
}

}  // namespace ros::trust
