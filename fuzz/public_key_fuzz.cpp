#include "fuzz/target.hpp"
#include "keys/private_key.hpp"
#include "keys/public_key.hpp"

namespace ros::fuzz {

void Run(ByteSpan input) {
  const auto key = keys::PublicKey::FromPem(AsText(input), "release.pub");
  const auto again = keys::PublicKey::FromPem(key.ToPem(), "release.pub");
  Expect(again.Fingerprint() == key.Fingerprint() && again.type() == key.type(),
         "what is written is read back the same");
  Expect(!key.Verify(AsBytes("message"), input.first(std::min<std::size_t>(input.size(), 70))),
         "the text of a key is no signature");
}

std::vector<Seed> Seeds() {
  // Of random keys: made anew they differ.
  std::vector<Seed> seeds;
  for (const auto type : {keys::KeyType::kEcdsaP256,
                          keys::KeyType::kEcdsaP384,
                          keys::KeyType::kEd25519,
                          keys::KeyType::kRsa}) {
    seeds.push_back(
        {std::string(keys::Name(type)), keys::PrivateKey::Generate(type).Public().ToPem()});
  }
  return seeds;
}

}  // namespace ros::fuzz
