#include "config/base64.hpp"
#include "fuzz/target.hpp"
#include "keys/base64.hpp"

namespace ros::fuzz {

// Two decoders for the same code: the strict one for signatures, and one for what a person wrote.
void Run(ByteSpan input) {
  const auto encoded = keys::EncodeBase64(input);
  Expect(keys::DecodeBase64(encoded) == AsText(input), "what is encoded is decoded the same");
  Expect(config::DecodeBase64(encoded) == AsText(input), "also by the lenient decoder");

  const auto lenient = config::DecodeBase64(AsText(input));
  const auto strict = keys::DecodeBase64(AsText(input));
  Expect(keys::EncodeBase64(AsBytes(strict)) == AsText(input), "there is one text for one value");
  Expect(lenient == strict, "both decoders give the same");
}

std::vector<Seed> Seeds() {
  return {{"none", ""}, {"one", "TQ=="}, {"two", "TWE="}, {"three", "TWFu"}, {"folded", "TW\nFu"}};
}

}  // namespace ros::fuzz
