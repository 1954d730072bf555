#include "init/slot_verification.hpp"

#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "images/image_source.hpp"
#include "images/verified_image.hpp"
#include "keys/key_pair.hpp"
#include "partitions/slot_files.hpp"
#include "tests/images/support/fake_image.hpp"
#include "tests/partitions/disk_fixture.hpp"

namespace ros::init {
namespace {

using images::fakes::FakeParts;
using keys::KeyType;
using keys::PrivateKey;
using testing::MemoryDisk;
using literals::operator""_MiB;

keys::TrustStore Trust(const PrivateKey& key) {
  keys::TrustStore trust;
  trust.Add(keys::PublicKey::FromPem(key.Public().ToPem(), "the initrd's key"));
  return trust;
}

// Slot b of a machine: its folder on a FAT in memory.
class Slot {
 public:
  explicit Slot(const PrivateKey& key) : boot_(std::make_shared<MemoryDisk>(64_MiB)) {
    const auto parts = images::fakes::MakeParts(Bytes{64} << 10U);
    root_ = {.root_hash = parts.config.root.verity.root_hash,
             .salt = parts.config.root.verity.salt,
             .blocks = parts.config.root.size / 4096,
             .file_system = parts.config.root.filesystem};
    images::fakes::Assemble(parts, {.keys = {key}}).WriteLayout(directory_.path());
    const auto source = images::OpenImage(directory_.path());
    image_ = images::VerifyImage(*source, Trust(key), images::SignaturePolicy::kRequired);
    partitions::MakeTestBoot(Region(boot_));
    Put("MANIFEST", image_.raw_manifest);
    Put("CONFIG", image_.raw_config);
    Put("SIGS", image_.raw_signatures);
  }

  void Put(const std::string& name, const std::string& content) {
    auto volume = partitions::FatVolume::Open(Region(boot_));
    volume.Find("/B/" + name).data.Write(0, AsBytes(content));
    volume.SetLengths("/B", {{name, content.size()}});
  }

  [[nodiscard]] SlotFinding Verify(const keys::TrustStore& keys) const {
    return VerifySlot(Region(boot_), SlotId::kB, keys);
  }

  [[nodiscard]] const images::VerifiedImage& image() const { return image_; }

  [[nodiscard]] const RootIdentity& root() const { return root_; }

  [[nodiscard]] MemoryDisk& boot() { return *boot_; }

 private:
  TempDirectory directory_{"ros-slot"};
  std::shared_ptr<MemoryDisk> boot_;
  images::VerifiedImage image_;
  RootIdentity root_;
};

void CheckProblem(const SlotFinding& finding, const std::string& text) {
  INFO(finding.problem);
  CHECK_FALSE(finding.root);
  CHECK_THAT(finding.problem, Catch::Contains(text));
}

}  // namespace

TEST_CASE("VerifySlot: finds the signed root of each kind of key", "[init]") {
  const auto type =
      GENERATE(KeyType::kEcdsaP256, KeyType::kEcdsaP384, KeyType::kEd25519, KeyType::kRsa);
  const auto key = PrivateKey::Generate(type);
  Slot slot(key);
  const auto finding = slot.Verify(Trust(key));
  INFO(finding.problem);
  REQUIRE(finding.root);
  CHECK(*finding.root == slot.root());
  CHECK_THAT(finding.signers, Catch::Contains(key.Public().Fingerprint()));
}

TEST_CASE("VerifySlot: what is missing, damaged or not signed is a problem and no root", "[init]") {
  const auto key = PrivateKey::Generate(KeyType::kEd25519);
  Slot slot(key);
  const auto keys = Trust(key);
  const auto damaged = [](std::string text) {
    text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 1);
    return text;
  };
  CheckProblem(slot.Verify(Trust(PrivateKey::Generate(KeyType::kEd25519))),
               "by none of these keys");

  for (const auto* name : {"MANIFEST", "CONFIG", "SIGS"}) {
    INFO(name);
    const auto& image = slot.image();
    const auto& whole = name == std::string("MANIFEST") ? image.raw_manifest
                        : name == std::string("CONFIG") ? image.raw_config
                                                        : image.raw_signatures;
    for (const auto& bad : {damaged(whole), std::string(), whole.substr(0, whole.size() - 1)}) {
      slot.Put(name, bad);
      const auto finding = slot.Verify(keys);
      CHECK_FALSE(finding.root);
      CHECK_FALSE(finding.problem.empty());
    }
    slot.Put(name, whole);
    CHECK(slot.Verify(keys).root);
  }
  slot.Put("SIGS", "[]");
  CheckProblem(slot.Verify(keys), "is not signed");

  const std::vector<std::byte> zeros(512);
  slot.boot().Write(0, zeros);
  CheckProblem(slot.Verify(keys), "FAT");
}

TEST_CASE("VerifyWithKeysIn: no directory, no check; what is no key is a problem", "[init]") {
  const TempDirectory directory("ros-keys");
  const BootPartitions partitions;
  CHECK_FALSE(VerifyWithKeysIn(directory.path() / "keys", {}, partitions));
  const auto missing = VerifyWithKeysIn(directory.path(), {}, partitions);
  REQUIRE(missing);
  CheckProblem(*missing, "the boot partition is not there");
  WriteFileAtomically(directory.path() / "bad.pub", AsBytes("no key"));
  const auto bad = VerifyWithKeysIn(directory.path(), {}, partitions);
  REQUIRE(bad);
  CheckProblem(*bad, "bad.pub");
}

}  // namespace ros::init
