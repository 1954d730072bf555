#include "images/verified_image.hpp"

#include <set>

#include "base/file.hpp"
#include "delta/patch.hpp"
#include "images/signature.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

keys::PrivateKey NewKey() {
  return keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256);
}

keys::TrustStore Trust(const keys::PrivateKey& key, const std::string& name = "release.pub") {
  keys::TrustStore trust;
  trust.Add(keys::PublicKey::FromPem(key.Public().ToPem(), name));
  return trust;
}

VerifiedImage Verify(const FakeImage& image,
                     const keys::TrustStore& trust,
                     SignaturePolicy policy = SignaturePolicy::kRequired) {
  TempDirectory directory;
  image.WriteLayout(directory.path());
  return VerifyImage(*OpenImage(directory.path()), trust, policy);
}

// An image that remembers which of its blobs were opened.
class BlobLog final : public ImageSource {
 public:
  explicit BlobLog(const ImageSource& source) : source_(source) {}

  [[nodiscard]] const std::string& name() const override { return source_.name(); }

  [[nodiscard]] std::string ReadIndex() const override { return source_.ReadIndex(); }

  [[nodiscard]] std::unique_ptr<Blob> OpenBlob(const keys::Digest& digest) const override {
    opened_.insert(digest);
    return source_.OpenBlob(digest);
  }

  [[nodiscard]] bool HasBlob(const keys::Digest& digest) const override {
    return source_.HasBlob(digest);
  }

  [[nodiscard]] bool opened(const keys::Digest& digest) const { return opened_.contains(digest); }

 private:
  const ImageSource& source_;
  mutable std::set<keys::Digest> opened_;
};

FakeParts SmallParts() {
  return MakeParts(64 * kBlockSize);
}

}  // namespace

TEST_CASE("VerifyImage: takes an image that a trusted key signed", "[images]") {
  const auto key =
      keys::PrivateKey::Generate(GENERATE(keys::KeyType::kEcdsaP256, keys::KeyType::kEd25519));
  const auto parts = SmallParts();
  const auto verified = Verify(Assemble(parts, {.keys = {NewKey(), key}}), Trust(key));
  CHECK(verified.config == parts.config);
  CHECK(verified.chunks == parts.chunks);
  CHECK(verified.manifest == ParseManifest(verified.raw_manifest));
  REQUIRE(verified.signers.size() == 1);
  CHECK_THAT(verified.signers[0],
             Catch::StartsWith("release.pub (") && Catch::Contains(key.Public().Fingerprint()));
}

TEST_CASE("VerifyImage: makes the root index of one that the machine has", "[images]") {
  const auto key = NewKey();
  auto parts = MakeParts(256 * kBlockSize);
  parts.old_index = parts.raw_index;
  parts.old_index[7] ^= 1;
  parts.index_patch = delta::MakePatch(AsBytes(parts.old_index), AsBytes(parts.raw_index));
  std::string held = parts.old_index;
  bool is_used = true;
  SECTION("all is well") {}
  SECTION("which may be the same") {
    parts.index_patch.clear();
    parts.old_index = parts.raw_index;
    held = parts.raw_index;
  }
  SECTION("the machine has none, and so reads it") {
    held.clear();
    is_used = false;
  }
  SECTION("what the machine has is another, and so it is read") {
    held[100] ^= 1;
    is_used = false;
  }
  SECTION("the patch is of another, and so it is read") {
    parts.index_patch = delta::MakePatch(AsBytes(parts.old_index), AsBytes(parts.old_index));
    is_used = false;
  }
  SECTION("the patch is none, and so it is read") {
    parts.index_patch = "no patch";
    is_used = false;
  }
  const TempDirectory directory;
  Assemble(parts, {.keys = {key}}).WriteLayout(directory.path());
  const auto source = OpenImage(directory.path());
  const BlobLog log(*source);
  const auto find = [&](std::string_view sha256) {
    return sha256 == keys::Sha256Of(AsBytes(parts.old_index)).Hex() ? held : std::string();
  };
  const auto image = VerifyImage(
      log, Trust(key), SignaturePolicy::kRequired, std::nullopt, {.find_root_index = find});
  CHECK(image.chunks == parts.chunks);
  CHECK(log.opened(image.manifest.root_index.digest) != is_used);
  CHECK_NOTHROW(VerifyImage(log, Trust(key), SignaturePolicy::kRequired));
  CHECK(log.opened(image.manifest.root_index.digest));
}

TEST_CASE("VerifyImage: refuses without a trusted signature, and says whose is wanted",
          "[images]") {
  const auto key = NewKey();
  const auto other = NewKey();
  const auto policy = GENERATE(SignaturePolicy::kRequired, SignaturePolicy::kAllowUnsigned);
  const auto image = Assemble(SmallParts(), {.keys = {other}});

  const auto error = ErrorOf([&] { Verify(image, Trust(key), policy); });
  CHECK(error.kind() == ErrorKind::kVerification);
  CHECK_THAT(
      error.message(),
      Catch::Contains("is by the key " + other.Public().Fingerprint() + ", which is not trusted") &&
          Catch::Contains("wanted: release.pub (ecdsa " + key.Public().Fingerprint()) &&
          Catch::Contains(image.digest.ToString()));
  CheckError(ErrorKind::kVerification, "no key is trusted", [&] {
    Verify(image, keys::TrustStore(), policy);
  });
}

TEST_CASE("VerifyImage: an unsigned image needs kAllowUnsigned", "[images]") {
  const auto image = Assemble(SmallParts(), {});
  CheckError(ErrorKind::kVerification, "is not signed; wanted: release.pub", [&] {
    Verify(image, Trust(NewKey()));
  });
  CheckError(ErrorKind::kVerification, "is not signed; no key is trusted", [&] {
    Verify(image, keys::TrustStore());
  });
  const auto verified = Verify(image, keys::TrustStore(), SignaturePolicy::kAllowUnsigned);
  CHECK(verified.signers.empty());
  CHECK(verified.raw_signatures == "[]");
}

TEST_CASE("VerifyImage: a signature for another image does not count", "[images]") {
  const auto key = NewKey();
  auto image = Assemble(SmallParts(), {.keys = {key}});
  const auto other = Assemble(MakeParts(2 * kBlockSize), {});
  // The signature manifest of the first is named as if it were the second's.
  const auto index = Json::Parse(image.files.at("index.json"), "index");
  const auto& entries = index.At("manifests", "").AsArray("");
  const auto other_index = Json::Parse(other.files.at("index.json"), "index");
  image.files.insert(other.files.begin(), other.files.end());
  auto manifests = Json::MakeArray();
  manifests.Append(other_index.At("manifests", "").AsArray("").front());
  auto moved = ParseDescriptor(entries.back(), "");
  moved.annotations[std::string(kRefNameAnnotation)] = SignatureName(other.digest);
  manifests.Append(ToJson(moved));
  auto new_index = Json::MakeObject();
  new_index.Set("manifests", manifests);
  image.files["index.json"] = new_index.Dump();
  CheckError(ErrorKind::kVerification, "is for another image, " + image.digest.ToString(), [&] {
    Verify(image, Trust(key), SignaturePolicy::kAllowUnsigned);
  });
}

TEST_CASE("VerifyImage: one changed byte in any signed or signing part is refused", "[images]") {
  const auto key = NewKey();
  const auto image = Assemble(SmallParts(), {.keys = {key}});
  const auto manifest = Verify(image, Trust(key)).manifest;
  const auto policy = GENERATE(SignaturePolicy::kRequired, SignaturePolicy::kAllowUnsigned);
  for (const auto& [name, content] : image.files) {
    const auto digest = keys::Sha256Of(AsBytes(content));
    const bool is_read_later = digest == manifest.root.digest || digest == manifest.kernel.digest ||
                               digest == manifest.initrd.digest ||
                               digest == manifest.bootloader->digest;
    if (!name.starts_with("blobs/") || is_read_later) {
      continue;
    }
    INFO(name);
    auto changed = image;
    changed.files[name][content.size() / 2] ^= 1;
    CheckError(ErrorKind::kVerification, digest.ToString() + " does not have this digest", [&] {
      Verify(changed, Trust(key), policy);
    });
    changed.files[name].pop_back();
    CheckError(
        ErrorKind::kVerification, "bytes instead of", [&] { Verify(changed, Trust(key), policy); });
    changed.files.erase(name);
    CheckError(ErrorKind::kVerification, "blob " + digest.ToString() + " is missing", [&] {
      Verify(changed, Trust(key), policy);
    });
  }
}

TEST_CASE("VerifyImage: a manifest put in another's place is refused", "[images]") {
  const auto key = NewKey();
  // Names, digests and sizes agree; only the signature is of the other manifest.
  auto image = Assemble(SmallParts(), {.keys = {key}});
  auto parts = SmallParts();
  parts.kernel = "an evil kernel";
  const auto evil = Assemble(parts, {});
  for (const auto& [name, content] : evil.files) {
    image.files.emplace(name, content);
  }
  auto& index = image.files["index.json"];
  const auto evil_size = evil.files.at("blobs/sha256/" + evil.digest.Hex()).size();
  const auto size = image.Blob(image.digest).size();
  const auto rename = [&](const std::string& from, const std::string& to) {
    index = Replace(index, from, to);
  };
  rename("sha256:" + image.digest.Hex(), "sha256:" + evil.digest.Hex());
  if (size != evil_size) {
    rename("\"size\":" + std::to_string(size), "\"size\":" + std::to_string(evil_size));
  }
  CheckError(ErrorKind::kVerification, "is not signed", [&] { Verify(image, Trust(key)); });
  rename("sha256-" + image.digest.Hex(), "sha256-" + evil.digest.Hex());
  CheckError(ErrorKind::kVerification, "is for another image", [&] {
    Verify(image, Trust(key), SignaturePolicy::kAllowUnsigned);
  });
}

TEST_CASE("VerifyImage: refuses malformed signatures, naming the place", "[images]") {
  struct Case {
    std::string from;
    std::string to;
    const char* message;
  };

  const auto key = NewKey();
  const auto image = Assemble(SmallParts(), {.keys = {key}});
  const auto case_ = GENERATE(values<Case>({
      {"cosign/signature\":\"", "cosign/signature\":\"*", "layers[0]: not base64"},
      {"dev.cosignproject.cosign/signature", "dev.example", "is missing"},
      {"cosign.simplesigning", "example", "is not application/vnd.dev.cosign.simplesigning"},
      {"\"layers\":[", "\"layers\":7,\"x\":[", "layers: expected a list"},
  }));
  const auto source_index = Json::Parse(image.files.at("index.json"), "");
  auto entry = ParseDescriptor(source_index.At("manifests", "").AsArray("").back(), "");
  auto changed = image;
  const auto raw = Replace(changed.Blob(entry.digest), case_.from, case_.to);
  const auto old_digest = entry.digest;
  const auto old_size = entry.size;
  entry.digest = keys::Sha256Of(AsBytes(raw));
  changed.files["blobs/sha256/" + entry.digest.Hex()] = raw;
  auto& index = changed.files["index.json"];
  index = Replace(index,
                  old_digest.ToString() + "\",\"size\":" + std::to_string(old_size),
                  entry.digest.ToString() + "\",\"size\":" + std::to_string(raw.size()));
  CheckError(ErrorKind::kVerification, case_.message, [&] {
    Verify(changed, Trust(key), SignaturePolicy::kAllowUnsigned);
  });
}

TEST_CASE("VerifyImage: signed nonsense is refused all the same", "[images]") {
  const auto key = NewKey();
  const auto trust = Trust(key);
  SECTION("a config of wrong shape") {
    const auto image =
        Assemble(SmallParts(), {.edit_config = [](const auto&) { return "{}"; }, .keys = {key}});
    CheckError(ErrorKind::kVerification, "the image's config: the key \"name\"", [&] {
      Verify(image, trust);
    });
  }
  SECTION("a manifest of another kind of artifact") {
    const auto image =
        Assemble(SmallParts(),
                 {.edit_manifest =
                      [](auto raw) { return Replace(raw, "application/vnd.ros.os.v1\"", "x/y\""); },
                  .keys = {key}});
    CheckError(ErrorKind::kVerification, "this is not an OS image", [&] { Verify(image, trust); });
  }
  SECTION("an index that sums wrong") {
    auto parts = SmallParts();
    parts.chunks.back().length -= std::uint32_t{kBlockSize};
    if (parts.chunks.back().length == 0) {
      parts.chunks.pop_back();
    }
    PackIndex(parts);
    CheckError(ErrorKind::kVerification, "the sum of all", [&] {
      Verify(Assemble(parts, {.keys = {key}}), trust);
    });
  }
}

TEST_CASE("InspectImage: shows an image that nobody vouches for", "[images]") {
  TempDirectory directory;
  const auto parts = SmallParts();
  Assemble(parts, {.keys = {NewKey()}}).WriteLayout(directory.path());
  const auto image = InspectImage(*OpenImage(directory.path()));
  CHECK(image.config == parts.config);
  CHECK(image.signers.empty());
}

TEST_CASE("ParseKeptSignatures: takes none that would not be taken with an image", "[images]") {
  const auto refuses = [](const Signature& signature) {
    CheckError(ErrorKind::kVerification, "longer than", [&] {
      static_cast<void>(ParseKeptSignatures(WriteKeptSignatures({signature})));
    });
  };
  refuses({.payload = std::string(kMaxPayloadSize + 1, 'x'), .signature = "x"});
  refuses({.payload = "{}", .signature = std::string(kMaxSignatureSize + 1, 'x')});
}

TEST_CASE("VerifyKept: takes the bytes that VerifyImage gave, and no others", "[images]") {
  const auto key = NewKey();
  const auto image = Verify(Assemble(SmallParts(), {.keys = {key, NewKey()}}), Trust(key));
  const auto verify = [&](std::string manifest, std::string config, std::string signatures) {
    return VerifyKept(manifest, config, signatures, Trust(key), SignaturePolicy::kRequired);
  };
  const auto kept = verify(image.raw_manifest, image.raw_config, image.raw_signatures);
  CHECK(kept.manifest == image.manifest);
  CHECK(kept.config == image.config);
  CHECK(kept.signers == image.signers);

  CheckError(ErrorKind::kVerification, "another image", [&] {
    verify(image.raw_manifest + " ", image.raw_config, image.raw_signatures);
  });
  CheckError(ErrorKind::kVerification, "config is not the one", [&] {
    verify(image.raw_manifest, image.raw_config + " ", image.raw_signatures);
  });
  CheckError(ErrorKind::kVerification, "not signed", [&] {
    verify(image.raw_manifest, image.raw_config, "[]");
  });
  for (const auto* signatures : {"", "{}", "[1]", "[{}]", R"([{"payload":"x","signature":""}])"}) {
    CheckError(ErrorKind::kVerification, "the kept signatures", [&] {
      verify(image.raw_manifest, image.raw_config, signatures);
    });
  }
}
