// Attacks on freshness as a table: each is refused with exit code 4 and the rule that it breaks,
// and the image is taken without the fault.
#include "installer/trusted_channel.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "images/archive_edit.hpp"
#include "images/channel_archive.hpp"
#include "images/sign_manifest.hpp"
#include "installer/trusted_image.hpp"
#include "keys/key_pair.hpp"
#include "tests/images/support/fake_image.hpp"

namespace ros::installer {
namespace {

namespace fakes = images::fakes;
namespace fs = std::filesystem;

constexpr UnixTime kNow = 1'800'000'000;
constexpr std::int64_t kDay = 86400;

const keys::PrivateKey& Key(std::size_t number) {
  static const std::vector<keys::PrivateKey> kKeys = {
      keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256),
      keys::PrivateKey::Generate(keys::KeyType::kEd25519),
      keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256)};
  return kKeys.at(number);
}

constexpr std::size_t kReleaseKey = 0;
constexpr std::size_t kChannelKey = 1;
constexpr std::size_t kStranger = 2;

trust::TrustedKey Trusted(std::size_t number, const std::string& role) {
  return {.name = role,
          .role = role,
          .key = keys::PublicKey::FromPem(Key(number).Public().ToPem(), role),
          .valid_from = std::nullopt,
          .valid_until = std::nullopt};
}

const fakes::FakeImage& Image() {
  static const auto kImage = [] {
    auto parts = fakes::MakeParts(64 * images::kBlockSize);
    parts.config.version = "1.3.0";
    parts.config.created = kNow - 10 * kDay;
    return fakes::Assemble(parts, {.keys = {Key(kReleaseKey)}});
  }();
  return kImage;
}

// A machine whose policy asks for the channel "stable", signed by the role `channel`; an image
// that this channel has released, and the document beside it.
struct Attack {
  trust::Policy policy{
      .keys = {Trusted(kReleaseKey, "release"), Trusted(kChannelKey, "channel")},
      .restrictions = {.thresholds = {{1, "release"}},
                       .max_age = {},
                       .channels = {{.name = "stable", .thresholds = {{1, "channel"}}}}}};
  trust::Channel channel{.name = "stable",
                         .serial = 7,
                         .created = kNow - kDay,
                         .not_after = kNow + kDay,
                         .releases = {{.version = "1.3.0", .digest = Image().digest}}};
  std::string raw;  // in the place of the channel's text
  std::vector<std::size_t> signers = {kChannelKey};
  std::string called = "stable.channel.oci";  // empty: there is no document
  ChannelMemory memory;
  void (*edit)(const fs::path& file) = nullptr;

  void Write(const fs::path& directory) const {
    Image().WriteArchive(directory / "os.oci");
    if (called.empty()) {
      return;
    }
    const auto file = directory / called;
    const auto digest = images::WriteChannelArchive(
        raw.empty() ? trust::WriteChannel(channel) : raw, channel.name, file);
    for (const auto signer : signers) {
      images::SignManifest(file, digest, Key(signer), channel.name);
    }
    if (edit != nullptr) {
      edit(file);
    }
  }

  // What `ros upgrade` does until the image is trusted.
  void Take(const fs::path& directory, const std::string& named) const {
    NoProgress progress;
    const auto image = (directory / "os.oci").string();
    const auto rules = WithChannel({.policy = policy, .source = "the test's rules", .now = kNow},
                                   {.named = named, .image = LocateImage(image)},
                                   [&] { return memory; });
    OpenTrustedImage(LocateImage(image), rules, images::SignaturePolicy::kRequired, progress);
  }

  // Empty when the image is taken.
  [[nodiscard]] std::string Refusal() const {
    const TempDirectory directory;
    Write(directory.path());
    try {
      Take(directory.path(), "");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kVerification);
      CHECK(static_cast<int>(error.kind()) == 4);
      return error.message();
    }
    return {};
  }
};

keys::Digest OtherDigest() {
  return keys::Sha256Of(AsBytes("other"));
}

// Takes the signature of another document of the same key for this one, under its name.
void BorrowSignature(const fs::path& file) {
  const auto other = file.parent_path() / "other.oci";
  images::WriteChannelArchive("{\"other\":1}", "stable", other);
  const auto digest = images::SignChannel(other, Key(kChannelKey), "stable");
  const auto source = images::OpenImage(other);
  auto entry = images::ListIndex(*source, images::kChannelKind).signatures.at(0);
  const auto manifest = images::ReadBlob(*source, entry, images::kMaxManifestSize);
  const auto blob = [](const keys::Digest& name) { return "blobs/sha256/" + name.Hex(); };
  std::map<std::string, std::string> add = {{blob(entry.digest), manifest}};
  const auto json = Json::Parse(manifest, "manifest");
  auto parts = json.At("layers", "").AsArray("");
  parts.push_back(json.At("config", ""));
  for (const auto& part : parts) {
    const auto descriptor = images::ParseDescriptor(part, "");
    add[blob(descriptor.digest)] = images::ReadBlob(*source, descriptor, Bytes{1} << 16U);
  }
  REQUIRE(images::SignatureName(digest) !=
          images::SignatureName(images::InspectChannel(*images::OpenImage(file)).manifest));
  entry.annotations[std::string(images::kRefNameAnnotation)] =
      images::SignatureName(images::InspectChannel(*images::OpenImage(file)).manifest);
  auto index = Json::Parse(images::OpenImage(file)->ReadIndex(), "index");
  auto manifests = Json::MakeArray();
  for (const auto& old : index.At("manifests", "").AsArray("")) {
    manifests.Append(old);
  }
  index.Set("manifests", manifests.Append(images::ToJson(entry)));
  add["index.json"] = index.Dump();
  images::EditArchive(file, {"index.json"}, add);
}

struct Case {
  const char* what;
  void (*change)(Attack& attack);
  const char* says;
};

const Case kCases[] = {
    {"there is no document",
     [](Attack& a) { a.called = ""; },
     "\"released in channel stable\": no channel document was given; name it by --channel, or put "
     "it beside the image as stable.channel.oci"},
    {"expired",
     [](Attack& a) { a.channel.not_after = kNow - 1; },
     "\"a channel document that has not expired\": it expired on 2027-01-15T07:59:59Z"},
    {"going backwards",
     [](Attack& a) { a.memory["stable"] = {.serial = 8, .digest = OtherDigest()}; },
     "\"a channel that does not go backwards\": serial 7, and serial 8 has been accepted already"},
    {"two documents of one serial",
     [](Attack& a) { a.memory["stable"] = {.serial = 7, .digest = OtherDigest()}; },
     "two documents have the same serial"},
    {"unsigned", [](Attack& a) { a.signers = {}; }, "channel document sha256:"},
    {"signed by a stranger", [](Attack& a) { a.signers = {kStranger}; }, "which is not trusted"},
    {"signed by a key of images alone",
     [](Attack& a) { a.signers = {kReleaseKey}; },
     "\"1 of channel\": signed by none"},
    {"signed by one where two are asked for",
     [](Attack& a) {
       a.policy.restrictions.channels[0].thresholds.push_back({1, "release"});
     },
     "\"1 of release\": signed by none"},
    {"the key has expired",
     [](Attack& a) { a.policy.keys[1].valid_until = kNow - 1; },
     "was valid until 2027-01-15"},
    {"a signature that is valid for another document",
     [](Attack& a) {
       a.signers = {};
       a.edit = BorrowSignature;
     },
     "is for another image"},
    {"the image is not listed",
     [](Attack& a) { a.channel.releases[0].digest = OtherDigest(); },
     "\"released in channel stable\": sha256:"},
    {"nothing is listed",
     [](Attack& a) { a.channel.releases.clear(); },
     "is not in channel stable (serial 7)"},
    {"listed as another version",
     [](Attack& a) { a.channel.releases[0].version = "9"; },
     "has it as version 9, and the image says that it is 1.3.0"},
    {"halted",
     [](Attack& a) { a.channel.halted = true; },
     "\"a channel that is not halted\": who publishes it has halted all upgrades"},
    {"withdrawn",
     [](Attack& a) { a.channel.releases[0].share = 0; },
     "\"not withdrawn\": the channel has withdrawn version 1.3.0"},
    {"another channel under this name",
     [](Attack& a) { a.channel.name = "beta"; },
     "\"channel stable\": the document is of channel beta"},
    {"this machine asks for another channel",
     [](Attack& a) {
       a.policy = trust::Tighten(a.policy,
                                 {.max_age = {}, .channels = {{.name = "beta", .thresholds = {}}}});
     },
     "channels stable and beta are asked for"},
    {"a key twice",
     [](Attack& a) {
       a.raw = fakes::Replace(
           trust::WriteChannel(a.channel), "\"serial\":7", "\"serial\":7,\"serial\":9");
     },
     "the key \"serial\" is there twice"},
    {"a rule that is not known",
     [](Attack& a) {
       a.raw = fakes::Replace(
           trust::WriteChannel(a.channel), "\"serial\":7", "\"serial\":7,\"moon-phase\":\"full\"");
     },
     "\"moon-phase\" is not known"},
    {"too large",
     [](Attack& a) { a.raw = std::string(trust::kMaxChannelSize + 1, ' '); },
     "is longer than 64 KiB"},
};

}  // namespace

TEST_CASE("WithChannel: takes an image that the channel has released", "[installer]") {
  Attack none;
  CHECK(none.Refusal().empty());
  SECTION("shown again, or after older ones") {
    none.memory["stable"] = {.serial = 7,
                             .digest = keys::Sha256Of(AsBytes(trust::WriteChannel(none.channel)))};
    CHECK(none.Refusal().empty());
    none.memory["stable"] = {.serial = 6, .digest = OtherDigest()};
    none.memory["beta"] = {.serial = 900, .digest = OtherDigest()};
    CHECK(none.Refusal().empty());
  }
  SECTION("released to few machines: a person has chosen this one") {
    none.channel.releases[0].share = 1;
    CHECK(none.Refusal().empty());
  }
  SECTION("made by a clock that is ahead") {
    none.channel.created = kNow + 1000 * kDay;
    none.channel.not_after = kNow + 1030 * kDay;
    CHECK(none.Refusal().empty());
  }
  SECTION("no channel is asked for, and none is looked for") {
    none.policy.restrictions.channels.clear();
    none.channel.halted = true;
    CHECK(none.Refusal().empty());
  }
  SECTION("signed as images are where nothing else is said") {
    none.policy.restrictions.channels[0].thresholds.clear();
    none.signers = {kReleaseKey};
    CHECK(none.Refusal().empty());
  }
}

TEST_CASE("WithChannel: refuses each attack, saying which rule is broken", "[installer]") {
  for (const auto& test : kCases) {
    INFO(test.what);
    Attack attack;
    test.change(attack);
    CHECK_THAT(attack.Refusal(), Catch::Contains(test.says));
  }
}

TEST_CASE("WithChannel: a document that is named is judged though no policy asks", "[installer]") {
  Attack attack;
  attack.policy.restrictions.channels.clear();
  attack.signers = {kReleaseKey};
  attack.called = "any.oci";
  const auto says = [&](const char* text) {
    const TempDirectory directory;
    attack.Write(directory.path());
    CHECK_THROWS_WITH(attack.Take(directory.path(), directory.path() / "any.oci"),
                      Catch::Contains(text));
  };
  const TempDirectory directory;
  attack.Write(directory.path());
  CHECK_NOTHROW(attack.Take(directory.path(), directory.path() / "any.oci"));
  attack.memory["stable"] = {.serial = 8, .digest = OtherDigest()};
  says("does not go backwards");
  attack.memory.clear();
  attack.channel.releases.clear();
  says("is not in channel stable");
  attack.signers = {kChannelKey};
  says("\"1 of release\": signed by none");
}

TEST_CASE("WithChannel: a document that is not there is a wrong command line", "[installer]") {
  const TempDirectory directory;
  const Attack attack;
  attack.Write(directory.path());
  try {
    attack.Take(directory.path(), directory.path() / "none.oci");
    FAIL("taken");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kUsage);
  }
}

TEST_CASE("FindChannel: beside the image, whatever form that has", "[installer]") {
  const TempDirectory directory;
  Attack attack;
  attack.Write(directory.path());
  fs::create_directory(directory.path() / "layout");
  const auto find = [&](const std::string& image) {
    const auto found =
        FindChannel(attack.policy, {.named = "", .image = LocateImage(directory.path() / image)});
    return found ? std::optional(found->path) : std::nullopt;
  };
  const auto beside = directory.path() / "stable.channel.oci";
  for (const auto* image : {"os.oci", "os.oci:1.3.0", "layout", "layout/"}) {
    INFO(image);
    CHECK(find(image) == std::optional(beside));
  }
  attack.policy.restrictions.channels.clear();
  CHECK_FALSE(find("os.oci"));
}

TEST_CASE("FindChannel: a tag beside the image in a registry", "[installer]") {
  const Attack attack;
  const auto image =
      LocateImage("registry.example/team/os@sha256:" + std::string(64, 'a'), {.ca_file = "ca.pem"});
  const auto found = FindChannel(attack.policy, {.named = "", .image = image});
  REQUIRE(found);
  CHECK(found->reference->ToString() == "registry.example/team/os:stable.channel");
  CHECK(found->connection.ca_file == "ca.pem");
  const auto named =
      FindChannel(attack.policy, {.named = "registry.example/channels:x", .image = image});
  REQUIRE(named);
  CHECK(named->reference->ToString() == "registry.example/channels:x");
  CHECK(named->connection.ca_file == "ca.pem");
}

TEST_CASE("ExplainChannel: shows each rule and how it was met", "[installer]") {
  Attack attack;
  const auto explain = [&] {
    const TempDirectory directory;
    attack.Write(directory.path());
    return ExplainChannel(LocateImage(directory.path() / attack.called),
                          {.policy = attack.policy, .source = "the test's rules", .now = kNow},
                          attack.memory);
  };
  const auto good = explain();
  CHECK(good.refusal.empty());
  REQUIRE(good.rules.size() == 5);
  CHECK(good.rules[0].rule == "1 of channel");
  CHECK(good.rules[3].how == "serial 7, the first that is seen of channel stable");
  CHECK_THAT(DescribeExplanation(good), Catch::Contains("the trust rules are met"));
  attack.channel.halted = true;
  const auto halted = explain();
  REQUIRE(halted.rules.size() == 5);
  CHECK_FALSE(halted.rules[4].met);
  CHECK_FALSE(halted.refusal.empty());
  attack.signers = {kStranger};
  const auto stranger = explain();
  REQUIRE(stranger.rules.size() == 1);
  CHECK(stranger.rules[0].rule == "signed, and a channel document");
}

}  // namespace ros::installer
