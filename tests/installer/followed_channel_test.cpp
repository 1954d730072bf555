// A machine that follows a channel: the real client and a registry on the loopback, the real
// judgement of the document, a disk with version 1 running.
#include "installer/followed_channel.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "health/bad_list.hpp"
#include "installer/release_list.hpp"
#include "installer/trusted_image.hpp"
#include "tests/installer/support/channel_registry.hpp"
#include "tests/installer/support/installed_disk.hpp"

namespace ros::installer {
namespace {

using namespace ros::testing;  // NOLINT(google-build-using-namespace): the tools of these tests.
using trust::Choice;

constexpr UnixTime kNow = 1'800'000'000;
constexpr std::int64_t kDay = 86400;

trust::TrustedKey Trusted(const keys::PublicKey& key, const std::string& role) {
  return {.name = role,
          .role = role,
          .key = keys::PublicKey::FromPem(key.ToPem(), role),
          .valid_from = std::nullopt,
          .valid_until = std::nullopt};
}

struct Frame {
  Frame() { Configure("channel: '" + registry.repository() + ":stable'"); }

  void Configure(const std::string& settings) const {
    std::filesystem::create_directories(disk.state.path() / "config");
    WriteFileAtomically(disk.state.path() / "config/user.yml",
                        AsBytes("ros: {upgrade: {" + settings + "}}\n"));
  }

  [[nodiscard]] Machine Running() const {
    return {.disk = partitions::OpenRosDisk(disk.disk->name()),
            .state = disk.state.path(),
            .running = health::BootArguments{.slot = SlotId::kA},
            .root = root.path()};
  }

  [[nodiscard]] trust::Channel Released(std::uint64_t serial) const {
    return {.name = "stable",
            .serial = serial,
            .created = kNow - kDay,
            .not_after = kNow + kDay,
            .releases = {{.version = "1", .digest = keys::Digest::Parse(disk.v1.digest())},
                         {.version = "2", .digest = keys::Digest::Parse(disk.v2.digest())}}};
  }

  [[nodiscard]] FollowedRelease Find(const trust::ChoiceWish& wish = {}) const {
    return FindRelease(Running(), rules, {.wish = wish, .connection = registry.connection()});
  }

  [[nodiscard]] Error Refusal() const {
    try {
      static_cast<void>(Find());
    } catch (const Error& error) {
      return error;
    }
    return {ErrorKind::kFailed, "taken"};
  }

  UpgradedDisk disk{AfterWriting::kStage, {.good = SlotId::kA}};
  TempDirectory root;
  ChannelRegistry registry;
  keys::PrivateKey key = keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256);
  TrustRules rules{
      .policy =
          {.keys = {Trusted(keys::PublicKey::FromPem(disk.shelf.public_key(), "k"), "release"),
                    Trusted(key.Public(), "channel")},
           .restrictions = {.thresholds = {{1, "release"}},
                            .max_age = {},
                            .channels = {{.name = "stable", .thresholds = {{1, "channel"}}}}}},
      .source = "the test's rules",
      .now = kNow};
};

}  // namespace

TEST_CASE("ParseFollowedChannel: a repository and a channel's name", "[installer]") {
  const auto followed = ParseFollowedChannel("registry.example:5000/team/os:stable");
  CHECK(followed.repository.host == "registry.example:5000");
  CHECK(followed.repository.repository == "team/os");
  CHECK(followed.name == "stable");
  CHECK(followed.ToString() == "registry.example:5000/team/os:stable");
  CHECK(DocumentOf(followed, {}).reference->ToString() ==
        "registry.example:5000/team/os:stable.channel");
  for (const auto* wrong : {"registry.example/os",
                            "os:stable",
                            "registry.example/os:_stable",
                            "registry.example/OS:stable",
                            "registry.example/os:stable@sha256:"
                            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    INFO(wrong);
    CHECK_THROWS_AS(ParseFollowedChannel(wrong), Error);
  }
}

TEST_CASE("ChannelOfInstallation: from a registry, unless a person has said which", "[installer]") {
  const auto document = LocateImage("registry.example/channels:stable.channel");
  CHECK(ChannelOfInstallation(document, "stable", "") == "registry.example/channels:stable");
  CHECK(ChannelOfInstallation(document, "stable", "hostname: a") ==
        "registry.example/channels:stable");
  CHECK(ChannelOfInstallation(document, "stable", "ros: {upgrade: {channel: 'r.example/os:beta'}}")
            .empty());
  CHECK(ChannelOfInstallation(document, "stable", "ros: {upgrade: {channel: x}}").empty());
  CHECK(ChannelOfInstallation(document, "beta", "").empty());
  CHECK(ChannelOfInstallation(LocateImage("stable.channel.oci"), "stable", "").empty());
}

TEST_CASE("ImageOf: by digest, wherever the document says", "[installer]") {
  const auto followed = ParseFollowedChannel("registry.example/os:stable");
  const auto digest = keys::Sha256Of(AsBytes("2"));
  const auto at = "@" + digest.ToString();
  trust::Release release{.version = "2", .digest = digest};
  const auto image = [&] {
    return ImageOf(followed, release, {.ca_file = "ca.pem"}).reference->ToString();
  };
  CHECK(image() == "registry.example/os" + at);
  // A tag may have been moved since.
  release.image = "mirror.example/other/os:2";
  CHECK(image() == "mirror.example/other/os" + at);
  release.image += at;
  CHECK(image() == "mirror.example/other/os" + at);
  release.digest = keys::Sha256Of(AsBytes("3"));
  CHECK_THROWS_WITH(image(), Catch::Contains("its digest is sha256:"));
  release.image = "/srv/os.oci";
  CHECK_THROWS_WITH(image(), Catch::Contains("no place in a registry"));
  release.image = "registry.example/OS:1";
  CHECK_THROWS_WITH(image(), Catch::Contains("no repository"));
}

TEST_CASE("MachineIdentity: the machine-id, or the UUID of the state", "[installer]") {
  const Frame frame;
  const auto uuid = frame.Running().disk.Get(partitions::PartitionRole::kState).uuid;
  REQUIRE_FALSE(uuid.empty());
  CHECK(MachineIdentity(frame.Running()) == uuid);
  std::filesystem::create_directories(frame.root.path() / "etc");
  const auto file = frame.root.path() / "etc/machine-id";
  for (const auto* none : {"", "uninitialized\n", "0123\n"}) {
    WriteFileAtomically(file, AsBytes(std::string_view(none)));
    CHECK(MachineIdentity(frame.Running()) == uuid);
  }
  WriteFileAtomically(file, AsBytes(std::string_view("0123456789abcdef0123456789abcdef\n")));
  CHECK(MachineIdentity(frame.Running()) == "0123456789abcdef0123456789abcdef");
}

TEST_CASE("FindRelease: what the channel has, and the image of it is taken", "[installer]") {
  Frame frame;
  frame.registry.Publish(frame.Released(7), frame.key);
  frame.registry.Push(*frame.disk.v2.source, "2");
  const auto found = frame.Find();
  REQUIRE(found.is_available());
  CHECK(found.choice.release.version == "2");
  CHECK(found.running == frame.disk.v1.digest());
  CHECK(found.running_version == "1");
  CHECK(found.document.shown.channel.serial == 7);
  frame.rules.channel = found.document.shown;
  NoProgress progress;
  const auto opened =
      OpenTrustedImage(ImageOf(found.followed, found.choice.release, frame.registry.connection()),
                       frame.rules,
                       images::SignaturePolicy::kRequired,
                       progress);
  CHECK(opened.image.manifest.digest.ToString() == frame.disk.v2.digest());
  // Nothing was written.
  CHECK(ReadChannelMemory(frame.disk.state.path()).empty());
}

TEST_CASE("ListReleases: the channel's releases, and the tags of its repository", "[installer]") {
  Frame frame;
  frame.registry.Publish(frame.Released(7), frame.key);
  frame.registry.Push(*frame.disk.v2.source, "2");
  const auto list = ListReleases(frame.Running(), frame.rules, frame.registry.connection());
  CHECK(list.found.document.shown.channel == frame.Released(7));
  CHECK(list.found.machine == MachineIdentity(frame.Running()));
  CHECK(list.tags == std::vector<std::string>{"2"});
}

TEST_CASE("FindRelease: what is shown is remembered, a halt too", "[installer]") {
  Frame frame;
  auto channel = frame.Released(7);
  channel.releases.pop_back();
  frame.registry.Publish(channel, frame.key);
  auto found = frame.Find();
  CHECK(found.choice.choice == Choice::kUpToDate);
  RememberDocumentOf(found, frame.Running());
  CHECK(ReadChannelMemory(frame.disk.state.path()).at("stable").serial == 7);
  channel = frame.Released(8);
  channel.halted = true;
  frame.registry.Publish(channel, frame.key);
  found = frame.Find({.wave = trust::ChoiceWish::Wave::kJump});
  CHECK(found.choice.choice == Choice::kHalted);
  RememberDocumentOf(found, frame.Running());
  CHECK(ReadChannelMemory(frame.disk.state.path()).at("stable").serial == 8);
  // The one from before the halt is shown by whoever stands between.
  frame.registry.Publish(frame.Released(7), frame.key);
  CHECK(frame.Refusal().kind() == ErrorKind::kVerification);
  CHECK_THAT(frame.Refusal().message(), Catch::Contains("does not go backwards"));
}

TEST_CASE("FindRelease: passes over what was rolled back here", "[installer]") {
  Frame frame;
  frame.registry.Publish(frame.Released(7), frame.key);
  health::AddBadImage(frame.disk.state.path(), {.digest = frame.disk.v2.digest(), .version = "2"});
  CHECK(frame.Find().choice.choice == Choice::kRolledBack);
  CHECK(frame.Find({.bad = trust::ChoiceWish::Bad::kRetry}).is_available());
}

TEST_CASE("FindRelease: refuses each document that is not to be believed", "[installer]") {
  Frame frame;
  SECTION("there is none") {
    CHECK(frame.Refusal().kind() == ErrorKind::kNetwork);
    CHECK_THAT(frame.Refusal().message(), Catch::Contains("stable.channel"));
  }
  SECTION("signed by a stranger") {
    frame.registry.Publish(frame.Released(7),
                           keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256));
    CHECK(frame.Refusal().kind() == ErrorKind::kVerification);
  }
  SECTION("expired") {
    auto channel = frame.Released(7);
    channel.not_after = kNow - 1;
    channel.halted = true;
    frame.registry.Publish(channel, frame.key);
    CHECK_THAT(frame.Refusal().message(), Catch::Contains("it expired on"));
  }
  SECTION("of another channel than the policy's") {
    auto channel = frame.Released(7);
    channel.name = "beta";
    frame.registry.Publish(channel, frame.key);
    CHECK_THAT(frame.Refusal().message(), Catch::Contains("the document is of channel beta"));
  }
  SECTION("of another channel than the setting's, where the policy asks for none") {
    auto channel = frame.Released(7);
    channel.name = "beta";
    frame.registry.Publish(channel, frame.key);
    frame.rules.policy.restrictions.channels.clear();
    frame.rules.policy.restrictions.thresholds = {{1, "channel"}};
    CHECK(frame.Refusal().kind() == ErrorKind::kVerification);
    CHECK_THAT(frame.Refusal().message(),
               Catch::Contains(":stable, and the document there is of channel beta"));
  }
  SECTION("no channel is followed") {
    frame.Configure("");
    CHECK(frame.Refusal().kind() == ErrorKind::kUsage);
    CHECK_THAT(frame.Refusal().message(), Catch::Contains("ros config set ros.upgrade.channel"));
    CHECK(frame.registry.Asked().empty());
  }
}

}  // namespace ros::installer
