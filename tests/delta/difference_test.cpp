#include "delta/difference.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "delta/numbers.hpp"
#include "tests/delta/support/changed_program.hpp"

using namespace ros;
using namespace ros::delta;
using fakes::MakeProgram;

namespace {

DifferenceView ViewOf(const Difference& difference) {
  return {.steps = difference.steps, .added = difference.added, .fresh = difference.fresh};
}

std::string Applied(const std::string& base, const DifferenceView& difference, Bytes length) {
  std::string made(length, '?');
  ApplyDifference(AsBytes(base), difference, AsWritableBytes(made));
  return made;
}

// The difference, which must make the target again.
Difference Between(const std::string& base, const std::string& target) {
  auto difference = FindDifference(AsBytes(base), AsBytes(target));
  CHECK(Applied(base, ViewOf(difference), target.size()) == target);
  CHECK(difference.added.size() + difference.fresh.size() == target.size());
  return difference;
}

std::size_t CountOther(const std::string& bytes) {
  return static_cast<std::size_t>(
      std::ranges::count_if(bytes, [](char byte) { return byte != 0; }));
}

std::string Steps(std::initializer_list<std::int64_t> seek_length_fresh) {
  std::string steps;
  std::size_t place = 0;
  for (const auto number : seek_length_fresh) {
    if (place++ % 3 == 0) {
      AppendSigned(steps, number);
    } else {
      AppendNumber(steps, static_cast<std::uint64_t>(number));
    }
  }
  return steps;
}

void CheckRefused(const DifferenceView& difference, const char* part) {
  CHECK_THROWS_WITH(Applied("0123456789", difference, 8), Catch::Contains(part));
}

}  // namespace

TEST_CASE("FindDifference: what is equal is one step of zeros", "[delta]") {
  const auto program = MakeProgram(100'000, 1);
  const auto difference = Between(program, program);
  CHECK(difference.fresh.empty());
  CHECK(CountOther(difference.added) == 0);
  CHECK(difference.steps.size() < 10);
}

TEST_CASE("FindDifference: addresses that moved are numbers to add", "[delta]") {
  const auto difference = Between(MakeProgram(100'000, 1), MakeProgram(100'000, 1, 0x30));
  CHECK(difference.fresh.size() < 100);
  CHECK(CountOther(difference.added) < 2 * 100'000 / 16);
  CHECK(difference.steps.size() < 100);
}

TEST_CASE("FindDifference: what was put in is fresh, what follows is found where it was",
          "[delta]") {
  const auto program = MakeProgram(100'000, 1);
  const auto news = MakeProgram(1'000, 2);
  const auto difference =
      Between(program, program.substr(0, 40'000) + news + program.substr(40'000));
  CHECK(difference.fresh.size() < 1'100);
  CHECK(difference.fresh.size() > 900);
  CHECK(difference.steps.size() < 30);
}

TEST_CASE("FindDifference: parts in another order are found", "[delta]") {
  const auto program = MakeProgram(100'000, 1);
  const auto difference = Between(
      program, program.substr(60'000) + program.substr(20'000, 40'000) + program.substr(0, 20'000));
  CHECK(difference.fresh.size() < 100);
}

TEST_CASE("FindDifference: bases and targets of all shapes come out right", "[delta]") {
  const std::string zeros(300'000, '\0');
  const auto program = MakeProgram(50'000, 3);
  CHECK(Between("", "").steps.empty());
  CHECK(Between("", program).fresh == program);
  CHECK(Between(program, "").steps.empty());
  CHECK(Between(program, MakeProgram(50'000, 4)).fresh.size() > 40'000);
  Between("a", "ab");
  Between("ab", "b");
  Between("xyxyxyxyxyxy", "yxyxyxyxyxyxyxyxyxy");
  // Long rows of one byte are no trap: each of their bytes begins a long match.
  Between(zeros, zeros + "1" + zeros);
  Between(zeros.substr(0, 100'000) + program, zeros + program + zeros);
}

TEST_CASE("FindDifference: the same input gives the same difference", "[delta]") {
  const auto base = MakeProgram(60'000, 1);
  const auto target = MakeProgram(20'000, 5) + MakeProgram(60'000, 1, 8);
  CHECK(FindDifference(AsBytes(base), AsBytes(target)) ==
        FindDifference(AsBytes(base), AsBytes(target)));
}

TEST_CASE("ApplyDifference: steps, numbers to add and fresh bytes in turn", "[delta]") {
  const std::string added("\1\0\377", 3);
  const auto steps = Steps({4, 2, 3, -6, 1, 2});
  CHECK(Applied("0123456789", {.steps = steps, .added = added, .fresh = "abcde"}, 8) == "55abc/de");
}

TEST_CASE("ApplyDifference: whatever it is told, it stays within what it has", "[delta]") {
  const std::string added(8, '\0');
  const std::string fresh(8, 'f');
  const auto refuse = [&](std::initializer_list<std::int64_t> steps, const char* part) {
    const auto text = Steps(steps);
    CheckRefused({.steps = text, .added = added, .fresh = fresh}, part);
  };
  refuse({-1, 1, 0}, "leaves the 10 bytes of the base");
  refuse({11, 0, 0}, "leaves the 10 bytes of the base");
  refuse({9, 2, 0}, "leaves the 10 bytes of the base");
  refuse({0, std::numeric_limits<std::int64_t>::max(), 0}, "leaves the 10 bytes of the base");
  refuse({0, 8, 1}, "it makes more than 8 bytes");
  refuse({0, 0, 9}, "it makes more than 8 bytes");
  refuse({0, 9, 0}, "it makes more than 8 bytes");
  refuse({0, 8, 0}, "or has bytes left over");
  refuse({0, 4, 3}, "it makes 7 bytes instead of 8");
  const auto good = Steps({0, 4, 4});
  CheckRefused({.steps = good, .added = added.substr(4), .fresh = fresh.substr(5)},
               "fresh bytes end");
  CheckRefused({.steps = good, .added = added.substr(5), .fresh = fresh.substr(4)},
               "added bytes end");
  CheckRefused({.steps = good.substr(0, 2), .added = added, .fresh = fresh},
               "ends within a number");
}
