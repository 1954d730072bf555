#include "delta/bit_coder.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "delta/prediction.hpp"

using namespace ros::delta;

namespace {

struct ChancedBit {
  unsigned chance = 0;
  bool bit = false;
};

// Bits as likely as their chances say, the most and the least certain among them.
std::vector<ChancedBit> MakeBits(std::size_t count) {
  std::mt19937 random(1);
  const std::array<unsigned, 4> chances = {1, kCertain / 2, kCertain / 16, kCertain - 1};
  std::vector<ChancedBit> bits;
  for (std::size_t i = 0; i < count; ++i) {
    const auto chance = chances[random() % chances.size()];
    bits.push_back({chance, random() % kCertain < chance});
  }
  return bits;
}

std::string Encoded(const std::vector<ChancedBit>& bits) {
  BitEncoder encoder;
  for (const auto& bit : bits) {
    encoder.Code(bit.chance, bit.bit);
  }
  return encoder.Finish();
}

}  // namespace

TEST_CASE("BitEncoder: what it takes BitDecoder gives, and knows where it ends", "[delta]") {
  const auto bits = MakeBits(100'000);
  const auto text = Encoded(bits);
  BitDecoder decoder(text);
  for (const auto& bit : bits) {
    REQUIRE(decoder.Code(bit.chance) == bit.bit);
  }
  CHECK(decoder.IsAtEnd());
}

TEST_CASE("BitEncoder: bits that are against all chances come back too", "[delta]") {
  std::vector<ChancedBit> bits;
  for (unsigned i = 0; i < 5'000; ++i) {
    bits.push_back({i % 2 == 0 ? 1 : kCertain - 1, i % 2 == 0});
  }
  const auto text = Encoded(bits);
  CHECK(text.size() > 5'000);
  BitDecoder decoder(text);
  for (const auto& bit : bits) {
    REQUIRE(decoder.Code(bit.chance) == bit.bit);
  }
  CHECK(decoder.IsAtEnd());
}

TEST_CASE("BitEncoder: a bit takes what its surprise is worth", "[delta]") {
  std::vector<ChancedBit> likely(80'000, {kCertain - 1, true});
  CHECK(Encoded(likely).size() < 20);
  std::vector<ChancedBit> even(80'000, {kCertain / 2, true});
  CHECK(Encoded(even).size() < 10'100);
  CHECK(Encoded(even).size() > 9'900);
}

TEST_CASE("BitDecoder: bytes too few, too many or others are not the end", "[delta]") {
  const auto bits = MakeBits(1'000);
  const auto text = Encoded(bits);
  auto changed = text;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  for (const auto& other : {text.substr(0, text.size() - 1), text + "1", changed, std::string()}) {
    BitDecoder decoder(other);
    for (const auto& bit : bits) {
      decoder.Code(bit.chance);
    }
    CHECK_FALSE(decoder.IsAtEnd());
  }
}

TEST_CASE("Odds: even odds are half, and the more the likelier", "[delta]") {
  CHECK(Odds::ToChance(0) == kCertain / 2);
  CHECK(Odds::Of(kCertain / 2) == 0);
  CHECK(Odds::ToChance(256) == 2994);  // e / (1 + e)
  CHECK(Odds::ToChance(-256) == kCertain - 2994);
  CHECK(Odds::ToChance(1'000'000) < kCertain);
  CHECK(Odds::ToChance(-1'000'000) > 0);
  for (int odds = -Odds::kMost; odds < Odds::kMost; ++odds) {
    REQUIRE(Odds::ToChance(odds) <= Odds::ToChance(odds + 1));
  }
  for (unsigned chance = 1; chance < kCertain; ++chance) {
    REQUIRE(Odds::ToChance(Odds::Of(chance)) >= chance);
  }
  // All machines have the same table.
  std::uint32_t sum = 0;
  for (int odds = -Odds::kMost; odds <= Odds::kMost; ++odds) {
    sum = sum * 31 + Odds::ToChance(odds);
  }
  for (unsigned chance = 0; chance < kCertain; ++chance) {
    sum = sum * 31 + static_cast<std::uint32_t>(Odds::Of(chance));
  }
  CHECK(sum == 152'562'809);
}

TEST_CASE("Weights: the context that tells is believed, the other is not", "[delta]") {
  std::mt19937 random(1);
  std::array<Chance, 2> telling;
  Chance idle;
  Weights<2> weights(32'768);
  BitEncoder encoder;
  for (unsigned i = 0; i < 20'000; ++i) {
    const bool bit = random() % 2 == 0;
    weights.Code(encoder, {&telling[bit ? 1 : 0], &idle}, bit);
  }
  CHECK(encoder.Finish().size() < 100);  // 2,500 without a context
}
