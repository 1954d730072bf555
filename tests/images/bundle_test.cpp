#include "images/bundle.hpp"

#include "base/file.hpp"
#include "images/signature.hpp"
#include "images/verified_image.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

constexpr std::string_view kBundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
constexpr std::string_view kIndexType = "application/vnd.oci.image.index.v1+json";

Json AddJson(FakeImage& image, std::string_view media_type, const Json& content) {
  const auto text = content.Dump();
  const auto digest = keys::Sha256Of(AsBytes(text));
  image.files["blobs/sha256/" + digest.Hex()] = text;
  auto descriptor = Json::MakeObject();
  descriptor.Set("mediaType", media_type);
  descriptor.Set("digest", digest.ToString());
  descriptor.Set("size", std::uint64_t{text.size()});
  return descriptor;
}

// The manifest of a bundle as cosign 3 makes it, without what is in it.
Json AddBundle(FakeImage& image, bool has_artifact_type) {
  auto layers = Json::MakeArray();
  layers.Append(AddJson(image, kBundle, Json::MakeObject().Set("mediaType", kBundle)));
  auto subject = Json::MakeObject();
  subject.Set("mediaType", kOciManifestType);
  subject.Set("digest", image.digest.ToString());
  subject.Set("size", 1);
  auto manifest = Json::MakeObject();
  manifest.Set("schemaVersion", 2);
  manifest.Set("mediaType", kOciManifestType);
  if (has_artifact_type) {
    manifest.Set("artifactType", kBundle);
  }
  manifest.Set("config", AddJson(image, "application/vnd.oci.empty.v1+json", Json::MakeObject()));
  manifest.Set("layers", layers);
  manifest.Set("subject", subject);
  return AddJson(image, kOciManifestType, manifest);
}

void AddToIndex(FakeImage& image, const Json& descriptor) {
  auto index = Json::Parse(image.files.at("index.json"), "index");
  auto manifests = index.At("manifests", "").AsArray("");
  manifests.push_back(descriptor);
  index.Set("manifests", manifests);
  image.files["index.json"] = index.Dump();
}

std::string Refusal(const FakeImage& image,
                    const keys::PrivateKey& key,
                    SignaturePolicy policy = SignaturePolicy::kRequired) {
  TempDirectory directory;
  image.WriteArchive(directory.path() / "i.oci");
  keys::TrustStore trust;
  trust.Add(key.Public());
  const auto source = OpenImage(directory.path() / "i.oci");
  const auto error = ErrorOf([&] { VerifyImage(*source, trust, policy); });
  CHECK(error.kind() == ErrorKind::kVerification);
  return error.message();
}

void CheckSaysHow(const std::string& refusal) {
  CHECK_THAT(refusal,
             Catch::Contains("is signed in cosign's newer form, a bundle") &&
                 Catch::Contains("--new-bundle-format=false") && Catch::Contains("ros image sign"));
}

}  // namespace

TEST_CASE("VerifyImage: a bundle in place of a signature is told, wherever it is", "[images]") {
  const auto key = keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256);
  auto image = Assemble(MakeParts(64 * kBlockSize), {});
  SECTION("a descriptor that tells its kind") {
    AddToIndex(image, AddBundle(image, true).Set("artifactType", kBundle));
  }
  SECTION("a manifest that tells its kind") {
    AddToIndex(image, AddBundle(image, true));
  }
  SECTION("a manifest whose layer tells it") {
    AddToIndex(image, AddBundle(image, false));
  }
  SECTION("the list of referrers, by its name") {
    auto referrers = Json::MakeArray();
    referrers.Append(AddBundle(image, true).Set("artifactType", kBundle));
    auto list = Json::MakeObject();
    list.Set("schemaVersion", 2);
    list.Set("manifests", referrers);
    auto names = Json::MakeObject();
    names.Set(kRefNameAnnotation, "sha256-" + image.digest.Hex());
    AddToIndex(image, AddJson(image, kIndexType, list).Set("annotations", names));
  }
  CheckSaysHow(Refusal(image, key));
  // It is not unsigned: --insecure does not take it.
  CheckSaysHow(Refusal(image, key, SignaturePolicy::kAllowUnsigned));
}

TEST_CASE("VerifyImage: beside a signature that is taken a bundle does no harm", "[images]") {
  const auto key = keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256);
  auto image = Assemble(MakeParts(64 * kBlockSize), {.keys = {key}});
  AddToIndex(image, AddBundle(image, true));
  TempDirectory directory;
  image.WriteArchive(directory.path() / "i.oci");
  keys::TrustStore trust;
  trust.Add(key.Public());
  const auto source = OpenImage(directory.path() / "i.oci");
  CHECK(HasBundle(*source, image.digest));
  CHECK(VerifyImage(*source, trust, SignaturePolicy::kRequired).signers.size() == 1);
}

TEST_CASE("VerifyImage: without a bundle nobody speaks of one", "[images]") {
  const auto key = keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256);
  CHECK_THAT(Refusal(Assemble(MakeParts(64 * kBlockSize), {}), key),
             Catch::Contains("is not signed") && !Catch::Contains("bundle"));
}
