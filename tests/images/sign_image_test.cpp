#include "images/sign_image.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.hpp"
#include "base/process.hpp"
#include "images/oci_archive.hpp"
#include "images/signature.hpp"
#include "images/verified_image.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

keys::PrivateKey NewKey(keys::KeyType type = keys::KeyType::kEcdsaP256) {
  return keys::PrivateKey::Generate(type);
}

void CheckSignedBy(const std::filesystem::path& path, const keys::PrivateKey& key) {
  keys::TrustStore trust;
  trust.Add(key.Public());
  const auto source = OpenImage(path);
  CHECK(VerifyImage(*source, trust, SignaturePolicy::kRequired).signers.size() == 1);
}

std::size_t CountSignatures(const std::filesystem::path& path) {
  const auto source = OpenImage(path);
  return FindSignatures(*source, ChooseImage(*source, {}).digest).size();
}

}  // namespace

TEST_CASE("SignImage: archives and layouts, by several keys, each once", "[images]") {
  TempDirectory directory;
  const auto path = directory.path() / "image.oci";
  const auto image = Assemble(MakeParts(64 * kBlockSize), {});
  if (GENERATE(true, false)) {
    image.WriteArchive(path);
    REQUIRE(::chmod(path.c_str(), 0640) == 0);
  } else {
    image.WriteLayout(path);
  }
  const auto first = NewKey();
  const auto second = NewKey(keys::KeyType::kEd25519);
  CHECK(SignImage(path, first) == image.digest);
  CheckSignedBy(path, first);
  SignImage(path, second);
  SignImage(path, first);
  CheckSignedBy(path, first);
  CheckSignedBy(path, second);
  CHECK(CountSignatures(path) == 2);

  const auto source = OpenImage(path);
  NoProgress progress;
  CheckBlobs(*source, InspectImage(*source), progress);
  // Nothing is left beside it.
  CHECK(ListDirectory(directory.path()) == std::vector<std::string>{"image.oci"});
  if (std::filesystem::is_regular_file(path)) {
    struct stat status {};

    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777U) == 0640);
    // oci-layout, index.json, manifest, config, 5 layers; signature manifest, its config, payload.
    CHECK(ListArchive(LocalFile(OpenFile(path, O_RDONLY), "image")).files.size() <= 14);
  }
}

TEST_CASE("SignImage: tar reads the signed archive", "[images]") {
  TempDirectory directory;
  const auto path = directory.path() / "image.oci";
  const auto image = Assemble(MakeParts(64 * kBlockSize), {});
  image.WriteArchive(path);
  SignImage(path, NewKey());
  const auto out = directory.path() / "out";
  std::filesystem::create_directory(out);
  RunTool({.argv = {"tar", "-C", out, "-xf", path}});
  for (const auto& [name, content] : image.files) {
    if (name != "index.json") {
      CHECK((ReadFile(out / name, Bytes{1} << 20U) == content));
    }
  }
  CHECK(OpenImage(out)->ReadIndex() == OpenImage(path)->ReadIndex());
}

TEST_CASE("SignImage: refuses a damaged image and leaves it as it is", "[images]") {
  TempDirectory directory;
  const auto path = directory.path() / "image.oci";
  auto image = Assemble(MakeParts(64 * kBlockSize), {});
  image.Blob(keys::Sha256Of(AsBytes("a kernel")))[0] = 'b';
  image.WriteArchive(path);
  const auto before = ReadFile(path, Bytes{1} << 24U);
  CheckError(ErrorKind::kVerification, "the kernel", [&] { SignImage(path, NewKey()); });
  CHECK((ReadFile(path, Bytes{1} << 24U) == before));
}

TEST_CASE("SignImage: openssl verifies the payload as cosign would", "[images]") {
  TempDirectory directory;
  const auto path = directory.path() / "image.oci";
  const auto image = Assemble(MakeParts(64 * kBlockSize), {});
  image.WriteArchive(path);
  const auto key = NewKey();
  SignImage(path, key);
  const auto signatures = FindSignatures(*OpenImage(path), image.digest);
  REQUIRE(signatures.size() == 1);
  CHECK(
      signatures[0].payload ==
      R"({"critical":{"identity":{"docker-reference":"fake"},"image":{"docker-manifest-digest":")" +
          image.digest.ToString() +
          R"("},"type":"cosign container image signature"},"optional":null})");
  keys::WriteKeyPair(directory.path() / "k", key);
  WriteFileAtomically(directory.path() / "sig", AsBytes(signatures[0].signature));
  CHECK(RunTool({.argv = {"openssl",
                          "dgst",
                          "-sha256",
                          "-verify",
                          directory.path() / "k.pub",
                          "-signature",
                          directory.path() / "sig"},
                 .input = signatures[0].payload}) == "Verified OK\n");
}

TEST_CASE("SignImage: skopeo reads and copies the signed archive", "[images]") {
  TempDirectory directory;
  const auto path = directory.path() / "image.oci";
  const auto image = Assemble(MakeParts(64 * kBlockSize), {});
  image.WriteArchive(path);
  const auto key = NewKey();
  SignImage(path, key);
  const auto from = "oci-archive:" + path.string();
  CHECK(RunTool({.argv = {"skopeo", "inspect", "--raw", from + ":1.0.0"}}) ==
        image.files.at("blobs/sha256/" + image.digest.Hex()));
  // A copy to a directory that is a layout: the image, then the signature under its own name.
  const auto to = "oci:" + (directory.path() / "copy").string();
  const auto signature = ":" + SignatureName(image.digest);
  for (const auto& name : {std::string(":1.0.0"), signature}) {
    RunTool({.argv = {"skopeo", "--insecure-policy", "copy", from + name, to + name}});
  }
  CheckSignedBy(directory.path() / "copy", key);
}
