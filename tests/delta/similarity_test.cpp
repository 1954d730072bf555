#include "delta/similarity.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/delta/support/changed_program.hpp"

using namespace ros;
using namespace ros::delta;
using namespace ros::literals;
using fakes::MakeProgram;

namespace {

constexpr Bytes kUnit = 4096;

// Programs one after the other, in pieces as a reader brings them.
SimilarityIndex IndexOf(const std::string& text, std::size_t piece) {
  SimilarityIndex index(text.size());
  for (std::size_t at = 0; at < text.size(); at += piece) {
    index.Add(AsBytes(text).subspan(at, std::min(piece, text.size() - at)));
  }
  index.Finish();
  return index;
}

bool Covers(const std::vector<ByteRange>& ranges, const ByteRange& wanted) {
  return std::ranges::any_of(ranges, [&](const ByteRange& range) {
    return range.offset <= wanted.offset && range.End() >= wanted.End();
  });
}

std::string ManyPrograms() {
  std::string text;
  for (unsigned seed = 1; seed <= 20; ++seed) {
    text += MakeProgram(256_KiB, seed);
  }
  return text;
}

}  // namespace

TEST_CASE("SimilarityIndex: finds where a piece came from, at any place", "[delta]") {
  const auto text = ManyPrograms();
  const auto index = IndexOf(text, 100'000);
  for (const Bytes from : {Bytes{0}, 1_MiB + 12'345, 5_MiB - 200'000}) {
    const auto ranges = index.FindAlike(AsBytes(text).subspan(from, 200'000), 8, 2_MiB, kUnit);
    REQUIRE(ranges.size() == 1);
    CHECK(Covers(ranges, {.offset = from, .length = 200'000}));
    CHECK(ranges.front().length < 260'000);
    CHECK(ranges.front().offset % kUnit == 0);
    CHECK(ranges.front().length % kUnit == 0);
  }
}

TEST_CASE("SimilarityIndex: how the text was handed over changes nothing", "[delta]") {
  const auto text = ManyPrograms();
  const auto piece = AsBytes(text).subspan(777'777, 300'000);
  const auto ranges = IndexOf(text, text.size()).FindAlike(piece, 8, 2_MiB, kUnit);
  CHECK(IndexOf(text, 10).FindAlike(piece, 8, 2_MiB, kUnit) == ranges);
  CHECK(IndexOf(text, 4096).FindAlike(piece, 8, 2_MiB, kUnit) == ranges);
}

TEST_CASE("SimilarityIndex: a piece of several places, within what is taken", "[delta]") {
  const auto text = ManyPrograms();
  const auto index = IndexOf(text, 1_MiB);
  std::string piece;
  for (const Bytes from : {4_MiB, 500_KiB, 2_MiB}) {
    piece += text.substr(from, 100_KiB);
  }
  const auto all = index.FindAlike(AsBytes(piece), 8, 2_MiB, kUnit);
  CHECK(all.size() == 3);
  CHECK(Covers(all, {.offset = 4_MiB, .length = 100_KiB}));
  CHECK(Covers(all, {.offset = 500_KiB, .length = 100_KiB}));
  CHECK(Covers(all, {.offset = 2_MiB, .length = 100_KiB}));
  CHECK(std::ranges::is_sorted(all, {}, &ByteRange::offset));
  CHECK(index.FindAlike(AsBytes(piece), 2, 2_MiB, kUnit).size() == 2);
  Bytes total = 0;
  for (const auto& range : index.FindAlike(AsBytes(piece), 8, 200_KiB, kUnit)) {
    total += range.length;
  }
  CHECK(total > 50_KiB);
  CHECK(total <= 200_KiB);
}

TEST_CASE("SimilarityIndex: what is nowhere, everywhere, or too short is alike with nothing",
          "[delta]") {
  const auto text = ManyPrograms();
  CHECK(IndexOf(text, 1_MiB).FindAlike(AsBytes(MakeProgram(100'000, 99)), 8, 2_MiB, kUnit).empty());
  CHECK(IndexOf(text, 1_MiB).FindAlike(AsBytes("short"), 8, 2_MiB, kUnit).empty());
  CHECK(IndexOf("", 1).FindAlike(AsBytes(text), 8, 2_MiB, kUnit).empty());
  std::string repeated;
  for (int i = 0; i < 64; ++i) {
    repeated += MakeProgram(16_KiB, 1);
  }
  CHECK(
      IndexOf(repeated, 1_MiB).FindAlike(AsBytes(MakeProgram(16_KiB, 1)), 8, 2_MiB, kUnit).empty());
  const std::string zeros(1_MiB, '\0');
  CHECK(IndexOf(zeros, 1_MiB).FindAlike(AsBytes(zeros), 8, 2_MiB, kUnit).empty());
}
