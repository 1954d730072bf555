#include "delta/patch.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "base/error.hpp"
#include "delta/numbers.hpp"
#include "tests/delta/support/changed_program.hpp"

using namespace ros;
using namespace ros::delta;
using fakes::MakeProgram;

namespace {

std::string Applied(const std::string& base, const std::string& patch, Bytes length) {
  std::string made(length, '?');
  ApplyPatch(AsBytes(base), AsBytes(patch), AsWritableBytes(made));
  return made;
}

std::string PatchOf(std::initializer_list<std::uint64_t> lengths, const std::string& rest = {}) {
  std::string patch;
  for (const auto length : lengths) {
    AppendNumber(patch, length);
  }
  return patch + rest;
}

}  // namespace

TEST_CASE("MakePatch: makes the target, in few bytes where the base is alike", "[delta]") {
  const auto base = MakeProgram(200'000, 1);
  const auto target = MakeProgram(200'000, 1, 0x30);
  const auto patch = MakePatch(AsBytes(base), AsBytes(target));
  CHECK(patch.size() < 5'000);
  CHECK(Applied(base, patch, target.size()) == target);
  CHECK(MakePatch(AsBytes(base), AsBytes(target)) == patch);
}

TEST_CASE("MakePatch: fresh bytes that the base has in short pieces are packed by it", "[delta]") {
  const auto words = MakeProgram(200'000, 1);
  std::string target;
  for (std::size_t at = 0; at + 48 < words.size(); at += 97) {
    target += words.substr((at * 31) % (words.size() - 48), 6) + "-";
  }
  const auto with = MakePatch(AsBytes(words), AsBytes(target));
  const auto without = MakePatch({}, AsBytes(target));
  CHECK(Applied(words, with, target.size()) == target);
  CHECK(Applied("", without, target.size()) == target);
  CHECK(with.size() < without.size());
}

TEST_CASE("MakePatch: the longest pieces, and nothing at all", "[delta]") {
  const auto base = MakeProgram(kMaxBase, 1);
  const auto target = MakeProgram(kMaxTarget, 2);
  const auto patch = MakePatch(AsBytes(base), AsBytes(target));
  CHECK(patch.size() < kMaxTarget + 4096);
  CHECK((Applied(base, patch, target.size()) == target));
  CHECK(Applied(base, MakePatch(AsBytes(base), {}), 0).empty());
  CHECK_THROWS_AS(MakePatch(AsBytes(base + "1"), AsBytes(target)), Error);
  CHECK_THROWS_AS(MakePatch(AsBytes(base), AsBytes(target + "1")), Error);
}

TEST_CASE("ApplyPatch: each damaged byte is refused or makes something else, and no more",
          "[delta]") {
  const auto base = MakeProgram(4'000, 1);
  const auto target = MakeProgram(1'000, 3) + MakeProgram(4'000, 1, 0x30);
  const auto patch = MakePatch(AsBytes(base), AsBytes(target));
  std::size_t refused = 0;
  for (std::size_t i = 0; i < patch.size(); ++i) {
    auto damaged = patch;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x41);
    try {
      const auto made = Applied(base, damaged, target.size());
      CHECK((made != target));
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kVerification);
      ++refused;
    }
  }
  CHECK(refused > 10);
  for (std::size_t length = 0; length < patch.size(); length += 7) {
    CHECK_THROWS_AS(Applied(base, patch.substr(0, length), target.size()), Error);
  }
}

TEST_CASE("ApplyPatch: a base that is another one gives another piece or is refused", "[delta]") {
  const auto base = MakeProgram(4'000, 1);
  const auto target = MakeProgram(4'000, 1, 0x30);
  const auto patch = MakePatch(AsBytes(base), AsBytes(target));
  const auto makes_target = [&](const std::string& from) {
    try {
      return Applied(from, patch, target.size()) == target;
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kVerification);
      return false;
    }
  };
  CHECK(makes_target(base));
  auto other = base;
  other[2'000] = static_cast<char>(other[2'000] ^ 1);
  CHECK_FALSE(makes_target(other));
  CHECK_FALSE(makes_target(base.substr(1'000)));
}

TEST_CASE("ApplyPatch: refuses what its numbers say before it takes memory for it", "[delta]") {
  const auto refuse = [](const std::string& patch, const char* why) {
    CHECK_THROWS_WITH(Applied("base", patch, 8), Catch::Contains(why));
  };
  refuse("", "ends within a number");
  refuse(PatchOf({0, 0, 0, 0, 0, 0}), "ends within a number");
  refuse(PatchOf({2, 0, 0, 0, 0, 0, 0}), "in a way that is not known");
  refuse(PatchOf({0, kMaxTarget + 1, 0, 0, 0, 0, 0}), "a row of it is longer than 1 MiB");
  refuse(PatchOf({1, 0, 0, ~std::uint64_t{0}, 0, 0, 0}), "a row of it is longer than 1 MiB");
  refuse(PatchOf({0, 0, 0, 0, 0, 1, ~std::uint64_t{0}}), "it ends within a row");
  refuse(PatchOf({0, 0, 2, 0, 0, 0, 0}, "x"), "it ends within a row");
  refuse(PatchOf({0, 0, 0, 0, 0, 0, 0}, "x"), "something behind its rows");
  refuse(PatchOf({0, 0, 1, 0, 0, 0, 0}, "x"), "a row of it is damaged");
  refuse(PatchOf({0, 4, 0, 0, 0, 0, 0}), "a row of it is damaged");
  refuse(PatchOf({1, 0, 0, 4, 4, 0, 0}, "1234"), "added bytes are not what its steps take");
  refuse(PatchOf({0, 0, 0, 0, 0, 0, 0}), "it makes 0 bytes instead of 8");
}
