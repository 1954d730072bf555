#include "fuzz/target.hpp"
#include "images/signature.hpp"
#include "keys/private_key.hpp"

namespace ros::fuzz {
namespace {

// A payload is read after its signature was verified, so each one is signed.
const keys::PrivateKey& Signer() {
  static const auto kKey = keys::PrivateKey::Generate(keys::KeyType::kEd25519);
  return kKey;
}

keys::Digest ImageDigest() {
  return keys::Sha256Of(AsBytes("manifest"));
}

}  // namespace

void Run(ByteSpan input) {
  if (input.size() > images::kMaxPayloadSize) {
    return;  // not read at all
  }
  keys::TrustStore trust;
  trust.Add(Signer().Public());
  const images::Signature signature{.payload = std::string(AsText(input)),
                                    .signature = Signer().Sign(input)};
  const auto check = images::CheckSignatures({signature}, ImageDigest(), trust);
  Expect(check.good.empty() != check.refusal.empty(), "it is good, or refused with a reason");
  Expect(check.good.size() == check.signers.size(), "what is good has a signer");
  if (!check.good.empty()) {
    Expect(AsText(input).find(ImageDigest().Hex()) != std::string_view::npos ||
               AsText(input).find('\\') != std::string_view::npos,
           "what is good names the image");
  }
}

std::vector<Seed> Seeds() {
  const auto other = keys::Sha256Of(AsBytes("another"));
  return {{"good", images::MakePayload(ImageDigest(), "registry.example/myos:1.2.0")},
          {"other", images::MakePayload(other, "")},
          {"bare", "{}"}};
}

}  // namespace ros::fuzz
