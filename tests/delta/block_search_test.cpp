#include "delta/block_search.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/delta/support/changed_program.hpp"

using namespace ros;
using namespace ros::delta;
using fakes::MakeNoise;

namespace {

std::uint64_t NumberOf(const std::string& block) {
  return NumberOfBlock(AsBytes(block));
}

}  // namespace

TEST_CASE("NumberOfBlock: as images that are out have it", "[delta]") {
  std::string block(kSearchedBlock, '\0');
  CHECK(NumberOf(block) == 0x62A7'F36F'C0C5'7000U);
  for (std::size_t i = 0; i < block.size(); ++i) {
    block[i] = static_cast<char>(i * 7 % 251);
  }
  CHECK(NumberOf(block) == 0xD895'4EB5'8012'2474U);
}

TEST_CASE("BlockSearch: finds blocks at whatever byte they begin", "[delta]") {
  const auto text = MakeNoise(70'001, 1);
  // Of pieces that are as long as a window, a little longer, and of every lane's begin and end.
  const auto length = GENERATE(as<std::size_t>{}, 4096, 4097, 4099, 4100, 4103, 9'001, 70'001);
  const auto piece = text.substr(0, length);
  std::vector<std::uint64_t> wanted;
  for (std::size_t at = 0; at + kSearchedBlock <= length; ++at) {
    wanted.push_back(NumberOf(piece.substr(at, kSearchedBlock)));
    if (at > 200 && at + kSearchedBlock + 200 < length) {
      at += 396;
    }
  }
  wanted.push_back(NumberOf(MakeNoise(kSearchedBlock, 2)));
  BlockSearch search(wanted);
  CHECK_FALSE(search.Find(wanted.front()));
  constexpr Bytes kOffset = 1'000'000;
  search.Scan(kOffset, AsBytes(piece));
  for (std::size_t i = 0; i + 1 < wanted.size(); ++i) {
    const auto place = search.Find(wanted[i]);
    REQUIRE(place);
    REQUIRE(NumberOf(piece.substr(*place - kOffset, kSearchedBlock)) == wanted[i]);
  }
  CHECK_FALSE(search.Find(wanted.back()));
  CHECK_FALSE(search.Find(1));
}

TEST_CASE("BlockSearch: tells the first of several places, in whatever order they come",
          "[delta]") {
  const auto block = MakeNoise(kSearchedBlock, 3);
  const std::vector<std::uint64_t> wanted = {NumberOf(block), NumberOf(block)};
  BlockSearch search(wanted);
  search.Scan(9'000, AsBytes("x" + block + block));
  CHECK(search.Find(wanted[0]) == 9'001);
  search.Scan(500, AsBytes("xyz" + block));
  CHECK(search.Find(wanted[0]) == 503);
  search.Scan(20'000, AsBytes(block));
  CHECK(search.Find(wanted[0]) == 503);
}

TEST_CASE("BlockSearch: a long row of one byte, and pieces shorter than a block", "[delta]") {
  const std::vector<std::uint64_t> wanted = {NumberOf(std::string(kSearchedBlock, '\0'))};
  BlockSearch search(wanted);
  search.Scan(0, AsBytes(std::string(kSearchedBlock - 1, '\0')));
  search.Scan(0, {});
  CHECK_FALSE(search.Find(wanted[0]));
  search.Scan(100, AsBytes("1" + std::string(50'000, '\0')));
  CHECK(search.Find(wanted[0]) == 101);
  BlockSearch nothing({});
  nothing.Scan(0, AsBytes(std::string(50'000, '\0')));
  CHECK_FALSE(nothing.Find(wanted[0]));
}
