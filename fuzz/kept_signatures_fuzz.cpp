#include "fuzz/target.hpp"
#include "images/signature.hpp"

namespace ros::fuzz {

void Run(ByteSpan input) {
  const auto signatures = images::ParseKeptSignatures(AsText(input));
  Expect(signatures.size() <= images::kMaxSignatures, "there are not too many");
  for (const auto& signature : signatures) {
    Expect(signature.payload.size() <= images::kMaxPayloadSize &&
               signature.signature.size() <= images::kMaxSignatureSize,
           "none is larger than one that is taken with an image");
  }
  Expect(images::ParseKeptSignatures(images::WriteKeptSignatures(signatures)) == signatures,
         "what is written is read back the same");
}

std::vector<Seed> Seeds() {
  const images::Signature one{.payload = "{\"critical\":{}}", .signature = std::string(70, '\x30')};
  const images::Signature other{.payload = "{}", .signature = "\x01"};
  return {{"none", images::WriteKeptSignatures({})},
          {"one", images::WriteKeptSignatures({one})},
          {"two", images::WriteKeptSignatures({one, other})}};
}

}  // namespace ros::fuzz
