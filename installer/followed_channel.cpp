#include "installer/followed_channel.hpp"

#include "base/error.hpp"
#include "base/shown_text.hpp"
#include "config/config_file.hpp"
#include "health/bad_list.hpp"
#include "images/channel_archive.hpp"
#include "installer/slot_content.hpp"

namespace ros::installer {
namespace {

constexpr const char* kMachineId = "etc/machine-id";
constexpr std::size_t kMachineIdLength = 32;  // machine-id(5)
constexpr Bytes kMachineIdLimit = 4096;

// Empty where there is none: "uninitialized" is what an image has before its first boot.
std::string ReadMachineId(const std::filesystem::path& file) {
  try {
    const auto text = ReadFile(file, kMachineIdLimit);
    const auto line = text.substr(0, text.find('\n'));
    const bool is_one = line.size() == kMachineIdLength &&
                        line.find_first_not_of("0123456789abcdef") == std::string::npos;
    return is_one ? line : std::string();
  } catch (const Error&) {
    return {};
  }
}

[[noreturn]] void RefuseImage(const trust::Release& release, const std::string& why) {
  throw Error(ErrorKind::kVerification,
              "the channel document says of version " + release.version + " that it is at " +
                  ShowText(release.image) + ", and " + why + "; ask who publishes the channel");
}

registry::Reference ReadPlace(const trust::Release& release) {
  if (!registry::LooksLikeReference(release.image)) {
    RefuseImage(release, "that is no place in a registry");
  }
  try {
    return registry::ParseReference(release.image);
  } catch (const Error& error) {
    RefuseImage(release, error.message());
  }
}

trust::Follower InspectFollower(const Machine& machine, const SlotContent& running) {
  trust::Follower follower{.machine = MachineIdentity(machine), .running = running.digest};
  for (const auto& bad : health::ReadBadList(machine.state)) {
    follower.bad.push_back(bad.digest);
  }
  return follower;
}

}  // namespace

FollowedChannel ParseFollowedChannel(const std::string& text) {
  auto reference = registry::ParseReference(text);
  const auto name = reference.tag;
  if (reference.digest || !text.ends_with(":" + name) || !trust::IsChannelName(name)) {
    throw Error(ErrorKind::kUsage,
                "\"" + ShowText(text) +
                    "\" is no channel to follow: write REGISTRY/REPOSITORY:NAME, such as "
                    "registry.example/myos:stable");
  }
  reference.tag.clear();
  return {.repository = std::move(reference), .name = name};
}

FollowedChannel FindFollowedChannel(const Machine& machine) {
  const auto settings = config::ConfigFiles(machine.state / "config").Upgrade();
  if (settings.channel.empty()) {
    throw Error(ErrorKind::kUsage,
                "this machine follows no channel; name the image to upgrade to (ros upgrade -i "
                "IMAGE), or a channel to follow (ros config set ros.upgrade.channel "
                "REGISTRY/REPOSITORY:NAME)");
  }
  return InContext("ros.upgrade.channel", [&] { return ParseFollowedChannel(settings.channel); });
}

std::string ChannelOfInstallation(const ImageLocation& document,
                                  const std::string& channel,
                                  const std::string& cloud_config) {
  if (!document.reference || document.reference->tag != channel + images::kChannelTagEnding) {
    return {};
  }
  try {
    const auto said = config::ReadUpgradeSettings(config::ParseYaml(cloud_config, ""), "");
    return said.channel.empty() ? document.reference->Name() + ":" + channel : std::string();
  } catch (const Error&) {
    return {};  // Somebody meant something; they have been warned.
  }
}

ImageLocation DocumentOf(const FollowedChannel& channel,
                         const registry::ConnectionOptions& connection) {
  ImageLocation location{.reference = channel.repository, .connection = connection};
  location.reference->tag = channel.name + images::kChannelTagEnding;
  return location;
}

ImageLocation ImageOf(const FollowedChannel& channel,
                      const trust::Release& release,
                      const registry::ConnectionOptions& connection) {
  auto reference = release.image.empty() ? channel.repository : ReadPlace(release);
  if (reference.digest && reference.digest != release.digest) {
    RefuseImage(release, "its digest is " + release.digest.ToString());
  }
  reference.tag.clear();
  reference.digest = release.digest;
  return {.reference = std::move(reference), .connection = connection};
}

std::string MachineIdentity(const Machine& machine) {
  const auto id = machine.root.empty() ? std::string() : ReadMachineId(machine.root / kMachineId);
  return id.empty() ? machine.disk.Get(partitions::PartitionRole::kState).uuid : id;
}

FollowedRelease FindRelease(const Machine& machine,
                            const TrustRules& rules,
                            const FollowRequest& request) {
  const auto followed = FindFollowedChannel(machine);
  auto document = OpenFreshChannel(
      DocumentOf(followed, request.connection), rules, ReadChannelMemory(machine.state));
  const auto& channel = document.shown.channel;
  if (channel.name != followed.name) {
    throw Error(ErrorKind::kVerification,
                "this machine follows " + followed.ToString() +
                    ", and the document there is of channel " + channel.name);
  }
  const auto running =
      ReadSlotContent(OpenBootVolume(machine, DeviceAccess::kRead), machine.running.value().slot);
  const auto follower = InspectFollower(machine, running);
  const auto choice = trust::ChooseRelease(channel, follower, request.wish);
  return {.followed = followed,
          .document = std::move(document),
          .choice = choice,
          .machine = follower.machine,
          .running = running.digest,
          .running_version = running.VersionText(),
          .bad = follower.bad};
}

void RememberDocumentOf(const FollowedRelease& found, const Machine& machine) {
  const auto& [channel, digest] = found.document.shown;
  const trust::AcceptedChannel accepted{.serial = channel.serial, .digest = digest};
  const auto memory = ReadChannelMemory(machine.state);
  const auto known = memory.find(channel.name);
  const bool is_new = known == memory.end() || known->second != accepted;
  if (is_new) {
    RememberChannel(machine.state, channel.name, accepted);
  }
}

}  // namespace ros::installer
