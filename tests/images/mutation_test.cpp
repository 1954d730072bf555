#include <fcntl.h>

#include <random>

#include "base/file.hpp"
#include "images/chunk_index.hpp"
#include "images/image_config.hpp"
#include "images/manifest.hpp"
#include "images/signature.hpp"
#include "images/verified_image.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

// Some small damage, the same for the same state of `random`.
std::string Mutate(std::string text, std::mt19937& random) {
  constexpr std::string_view kBytes = "\xff\"{}[]:,0-9e\\u\n/.";
  const auto position = [&] { return random() % text.size(); };
  for (auto left = 1 + random() % 3; left > 0 && !text.empty(); --left) {
    switch (random() % 5) {
      case 0:
        text[position()] = static_cast<char>(random());
        break;
      case 1:
        text[position()] = kBytes[random() % kBytes.size()];
        break;
      case 2:
        text.erase(position(), 1 + random() % 20);
        break;
      case 3:
        text.insert(position(), text.substr(position(), random() % 40));
        break;
      default:
        text.resize(position());
        break;
    }
  }
  return text;
}

// Whatever the bytes, the work ends well or with a verification error of one line.
template <typename Work>
void CheckSurvives(const std::string& text, int rounds, Work work) {
  std::mt19937 random(42);
  for (int round = 0; round < rounds; ++round) {
    const auto mutated = Mutate(text, random);
    try {
      work(mutated);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kVerification ||
          error.message().find('\n') != std::string::npos) {
        FAIL("round " << round << ": " << error.message());
      }
    }
  }
}

}  // namespace

TEST_CASE("Parsers: survive mutated text", "[images]") {
  const auto parts = MakeParts(64 * kBlockSize);
  const auto key = keys::PrivateKey::Generate(keys::KeyType::kEd25519);
  const auto image = Assemble(parts, {.keys = {key}});
  constexpr int kRounds = 3000;
  CheckSurvives(WriteImageConfig(parts.config), kRounds, ParseImageConfig);
  CheckSurvives(image.files.at("blobs/sha256/" + image.digest.Hex()), kRounds, ParseManifest);
  CheckSurvives(parts.raw_index, kRounds, [&](const std::string& raw) {
    ParseChunkIndex(AsBytes(raw), parts.root.size(), parts.layer.size());
  });
  CheckSurvives(WriteKeptSignatures({{.payload = "payload", .signature = "signature"}}),
                kRounds,
                ParseKeptSignatures);
}

TEST_CASE("OpenImage: survives mutated archives, and never takes a changed image", "[images]") {
  auto parts = MakeParts(2 * kBlockSize);
  const auto key = keys::PrivateKey::Generate(keys::KeyType::kEd25519);
  const auto image = Assemble(parts, {.keys = {key}});
  const auto manifest = image.files.at("blobs/sha256/" + image.digest.Hex());
  keys::TrustStore trust;
  trust.Add(key.Public());
  TempDirectory directory;
  const auto path = directory.path() / "image.oci";
  CheckSurvives(image.Tar(), 100, [&](const std::string& tar) {
    WriteFull(OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC).get(), 0, AsBytes(tar), "image");
    const auto source = OpenImage(path);
    const auto verified = VerifyImage(*source, trust, SignaturePolicy::kRequired);
    CHECK(verified.raw_manifest == manifest);
    CHECK(verified.config == parts.config);
  });
}
