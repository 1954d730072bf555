#include "delta/added_bytes.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "base/error.hpp"
#include "delta/difference.hpp"
#include "delta/numbers.hpp"
#include "tests/delta/support/changed_program.hpp"

using namespace ros;
using namespace ros::delta;
using fakes::MakeProgram;

namespace {

// Packs, and checks that unpacking gives the same.
std::string Packed(const std::string& base, const std::string& steps, const std::string& added) {
  auto packed = PackAddedBytes(AsBytes(base), steps, added);
  std::string back(added.size(), '?');
  UnpackAddedBytes(AsBytes(base), steps, packed, AsWritableBytes(back));
  CHECK((back == added));
  return packed;
}

std::string PackedBetween(const std::string& base, const std::string& target) {
  const auto difference = FindDifference(AsBytes(base), AsBytes(target));
  return Packed(base, difference.steps, difference.added);
}

void AppendStep(std::string& steps, std::int64_t seek, Bytes length, Bytes fresh) {
  AppendSigned(steps, seek);
  AppendNumber(steps, length);
  AppendNumber(steps, fresh);
}

std::string OneStep(Bytes length) {
  std::string steps;
  AppendStep(steps, 0, length, 0);
  return steps;
}

std::uint32_t WordAt(const std::string& text, std::size_t at) {
  std::uint32_t word = 0;
  std::memcpy(&word, text.data() + at, sizeof word);
  return word;
}

// A program of functions that call each other, one after the other or with something put in before
// each of the later half: what calls over that place goes further.
std::string MakeCalls(std::size_t functions, std::uint32_t put_in) {
  constexpr std::uint32_t kFunction = 64;
  std::mt19937 random(7);
  const auto place_of = [&](std::size_t function) {
    return static_cast<std::uint32_t>(function * kFunction) +
           (function >= functions / 2 ? put_in : 0);
  };
  std::string program;
  for (std::size_t i = 0; i < functions; ++i) {
    program.resize(place_of(i), '\x90');
    for (std::uint32_t at = 0; at < kFunction; at += 16) {
      const auto called = place_of(random() % functions);
      const auto relative = called - (static_cast<std::uint32_t>(program.size()) + 5);
      program.push_back('\xe8');
      program.append(reinterpret_cast<const char*>(&relative), sizeof relative);
      for (unsigned j = 0; j < 11; ++j) {
        program.push_back(static_cast<char>(random()));
      }
    }
  }
  return program;
}

struct Any {
  std::string base;
  Difference difference;
};

// Steps of all lengths, words that are just addresses or just none, blocks without a change.
Any AnyDifference(unsigned seed) {
  std::mt19937 random(seed);
  Any any{.base = MakeProgram(6'000, seed)};
  auto& base = any.base;
  for (std::size_t at = 0; at + 1 < base.size(); at += 1 + random() % 7) {
    base[at + 1] = random() % 2 == 0 ? '\0' : '\xff';
  }
  for (const std::uint32_t word : {0x3ffffffU, 0x4000000U, 0xfc000000U, 0xfbffffffU, 128U, 129U}) {
    std::memcpy(base.data() + random() % 5'990, &word, sizeof word);
  }
  std::int64_t at = 0;
  while (any.difference.added.size() < 5'000) {
    const auto length = static_cast<std::int64_t>(random() % (seed % 2 == 0 ? 40 : 1'500));
    const auto place =
        static_cast<std::int64_t>(random() % (base.size() + 1 - static_cast<std::size_t>(length)));
    AppendStep(any.difference.steps, place - at, static_cast<Bytes>(length), random() % 3);
    at = place + length;
    const bool is_rare = random() % 2 == 0;
    for (std::int64_t i = 0; i < length; ++i) {
      const bool is_changed = random() % (is_rare ? 300 : 1 + seed) < 2;
      any.difference.added.push_back(is_changed ? static_cast<char>(random()) : '\0');
    }
  }
  return any;
}

// A number for a text, and for all before it.
void AddTo(std::uint32_t& sum, const std::string& text) {
  for (const auto byte : text) {
    sum = sum * 31 + static_cast<unsigned char>(byte);
  }
}

}  // namespace

TEST_CASE("PackAddedBytes: addresses that moved alike cost next to nothing", "[delta]") {
  const auto packed = PackedBetween(MakeProgram(200'000, 1), MakeProgram(200'000, 1, 0x30));
  CHECK(packed.size() < 400);  // of 12,500 addresses
}

TEST_CASE("PackAddedBytes: calls that go over something new are found by where they lead",
          "[delta]") {
  const auto base = MakeCalls(4'000, 0);
  const auto target = MakeCalls(4'000, 0x1230);
  std::size_t changed = 0;
  for (std::size_t at = 1; at + 4 < 2'000 * 64; at += 16) {
    changed += WordAt(base, at) != WordAt(target, at) ? std::size_t{1} : 0;
  }
  CHECK(changed > 3'000);
  CHECK(PackedBetween(base, target).size() < 1'500);
}

TEST_CASE("PackAddedBytes: the same input gives the same bytes, on every machine", "[delta]") {
  const auto base = MakeProgram(20'000, 1);
  auto added = std::string(base.size(), '\0');
  for (std::size_t at = 0; at < added.size(); at += 48) {
    added[at] = static_cast<char>(at % 96 == 0 ? 0x30 : at / 48);
  }
  std::uint32_t sum = 0;
  AddTo(sum, Packed(base, OneStep(base.size()), added));
  for (unsigned seed = 1; seed <= 12; ++seed) {
    const auto any = AnyDifference(seed);
    AddTo(sum, Packed(any.base, any.difference.steps, any.difference.added));
  }
  AddTo(sum, PackedBetween(MakeCalls(4'000, 0), MakeCalls(4'000, 0x1230)));
  // What machines in the field unpack: another number here is another format.
  CHECK(sum == 218'531'747);
}

TEST_CASE("PackAddedBytes: any bytes and any steps come back", "[delta]") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    const auto any = AnyDifference(seed);
    Packed(any.base, any.difference.steps, any.difference.added);
  }
}

TEST_CASE("PackAddedBytes: no bytes, one, and words at the ends of base and step", "[delta]") {
  CHECK(Packed("", "", "").size() == 4);
  Packed("x", OneStep(1), "y");
  const std::string addresses("\x10\x20\x01\x00\x10\x20\x01\x00\x10\x20\x01\x00", 12);
  for (std::size_t length = 0; length <= addresses.size(); ++length) {
    Packed(addresses, OneStep(length), std::string(length, '\x01'));
  }
  // From one block of 256 bytes into the next.
  std::string base;
  for (unsigned i = 0; i < 200; ++i) {
    base += addresses.substr(0, 3);
  }
  for (std::size_t at = 248; at < 260; ++at) {
    std::string added(base.size(), '\0');
    added.replace(at, 8, "\x07\x01\x01\x01\x09\x09\x09\x09");
    Packed(base, OneStep(base.size()), added);
  }
}

TEST_CASE("UnpackAddedBytes: what may be anything is refused or becomes anything", "[delta]") {
  const auto base = MakeProgram(4'000, 1);
  const auto difference = FindDifference(AsBytes(base), AsBytes(MakeProgram(4'000, 1, 0x30)));
  const auto packed = PackAddedBytes(AsBytes(base), difference.steps, difference.added);
  std::string back(difference.added.size(), '?');
  const auto unpack = [&](std::string_view steps, std::string_view bytes) {
    UnpackAddedBytes(AsBytes(base), steps, bytes, AsWritableBytes(back));
  };
  for (std::size_t i = 0; i < packed.size(); ++i) {
    auto damaged = packed;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x41);
    try {
      unpack(difference.steps, damaged);
      CHECK((back != difference.added));
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kVerification);
    }
    CHECK_THROWS_AS(unpack(difference.steps, packed.substr(0, i)), Error);
  }
  CHECK_THROWS_WITH(unpack(difference.steps, packed + "1"), Catch::Contains("added bytes"));
  CHECK_THROWS_WITH(unpack("", packed), Catch::Contains("added bytes"));
  std::string beyond = OneStep(4'000);
  AppendStep(beyond, 1, 0, 0);
  CHECK_THROWS_WITH(unpack(beyond, packed), Catch::Contains("leaves the 4000"));
  std::string twice = OneStep(4'000);
  AppendStep(twice, -4'000, 4'000, 0);
  CHECK_THROWS_WITH(unpack(twice, packed), Catch::Contains("added bytes"));
  CHECK_THROWS_AS(unpack(OneStep(Bytes{1} << 40U), packed), Error);
}
