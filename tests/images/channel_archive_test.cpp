#include "images/channel_archive.hpp"

#include "base/file.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

const std::string kDocument = R"({"not":"looked at here"})";

const keys::PrivateKey& Key() {
  static const auto kKey = keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256);
  return kKey;
}

keys::TrustStore Trust() {
  keys::TrustStore trust;
  trust.Add(Key().Public());
  return trust;
}

// One file in a directory of its own.
struct File {
  TempDirectory directory;
  std::filesystem::path path = directory.path() / "stable.channel.oci";

  explicit File(const std::string& document = kDocument) {
    WriteChannelArchive(document, "stable", path);
  }

  [[nodiscard]] ChannelArtifact Verify() const {
    return VerifyChannel(*OpenImage(path), Trust(), {});
  }

  // Bytes of the file changed, at the same length.
  void Change(const std::string& from, const std::string& to) const {
    const auto text = ReadFile(path, Bytes{1} << 20U);
    WriteFileAtomically(path, AsBytes(Replace(text, from, to)));
  }
};

}  // namespace

TEST_CASE("WriteChannelArchive: is signed and verified as an image is", "[images]") {
  const File file;
  CHECK(InspectChannel(*OpenImage(file.path)).document == kDocument);
  CheckError(ErrorKind::kVerification, "is not signed; wanted:", [&] {
    static_cast<void>(file.Verify());
  });
  const auto digest = SignChannel(file.path, Key(), "stable");
  SignChannel(file.path, keys::PrivateKey::Generate(keys::KeyType::kEd25519), "stable");
  const auto verified = file.Verify();
  CHECK(verified.manifest == digest);
  CHECK(verified.document == kDocument);
  CHECK(verified.signers.size() == 1);
}

TEST_CASE("WriteChannelArchive: the same document is the same bytes", "[images]") {
  CHECK(ReadFile(File().path, 65536) == ReadFile(File().path, 65536));
}

TEST_CASE("VerifyChannel: a changed document is not the one that was signed", "[images]") {
  const File file;
  SignChannel(file.path, Key(), "stable");
  file.Change("looked at", "hooked at");
  CheckError(ErrorKind::kVerification, "does not have this digest", [&] {
    static_cast<void>(file.Verify());
  });
}

TEST_CASE("VerifyChannel: neither takes an image nor is taken for one", "[images]") {
  const TempDirectory directory;
  const auto path = directory.path() / "image.oci";
  MakeImage(Key()).WriteArchive(path);
  const auto look = [&] { VerifyChannel(*OpenImage(path), Trust(), {}); };
  CheckError(ErrorKind::kVerification, "not application/vnd.ros.channel.v1", look);
  const File file;
  CheckError(ErrorKind::kVerification, "there is no image in it", [&] {
    ChooseImage(*OpenImage(file.path), {});
  });
}

TEST_CASE("VerifyChannel: the signature of one document is none of another", "[images]") {
  const File file;
  SignChannel(file.path, Key(), "stable");
  const File other("{\"other\":1}");
  const auto from = InspectChannel(*OpenImage(file.path)).manifest;
  const auto to = InspectChannel(*OpenImage(other.path)).manifest;
  SignChannel(other.path, keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256), "stable");
  // The signed file's index names the other document, and its signature by the other's name.
  const auto source = OpenImage(file.path);
  const auto signatures = FindSignatures(*source, from);
  CHECK(CheckSignatures(signatures, to, Trust()).good.empty());
  CHECK_THAT(CheckSignatures(signatures, to, Trust()).refusal,
             Catch::Contains("is for another image"));
}

TEST_CASE("VerifyChannel: limits the document before it reads it", "[images]") {
  const File file(std::string(kMaxChannelDocumentSize + 1, ' '));
  CheckError(ErrorKind::kVerification, "is longer than 64 KiB", [&] {
    InspectChannel(*OpenImage(file.path));
  });
}

TEST_CASE("VerifyChannel: nothing is parsed before the signers are approved", "[images]") {
  const File file;
  SignChannel(file.path, Key(), "stable");
  file.Change("looked at", "hooked at");
  CheckError(ErrorKind::kVerification, "not these", [&] {
    VerifyChannel(*OpenImage(file.path), Trust(), [](const SignedFacts& facts) {
      CHECK(facts.signers.size() == 1);
      throw Error(ErrorKind::kVerification, "not these");
    });
  });
}
