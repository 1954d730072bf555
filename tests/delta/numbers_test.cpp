#include "delta/numbers.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "base/bytes.hpp"
#include "base/error.hpp"

using namespace ros;
using namespace ros::delta;

TEST_CASE("AppendNumber: seven bits a byte, lowest first", "[delta]") {
  std::string text;
  AppendNumber(text, 0);
  AppendNumber(text, 127);
  AppendNumber(text, 128);
  AppendSigned(text, -1);
  AppendSigned(text, 1);
  CHECK(ToHex(AsBytes(text)) == "007f80010102");
}

TEST_CASE("NumberReader: reads what was appended", "[delta]") {
  using Limits = std::numeric_limits<std::int64_t>;
  std::string text;
  const auto signed_ones = {std::int64_t{0}, std::int64_t{-64}, Limits::min(), Limits::max()};
  AppendNumber(text, std::numeric_limits<std::uint64_t>::max());
  for (const auto number : signed_ones) {
    AppendSigned(text, number);
  }
  text += "rest";
  NumberReader reader(text);
  CHECK(reader.Next() == std::numeric_limits<std::uint64_t>::max());
  for (const auto number : signed_ones) {
    CHECK(reader.NextSigned() == number);
  }
  CHECK(reader.TakeBytes(3) == "res");
  CHECK(reader.rest() == "t");
  CHECK_THROWS_WITH(reader.TakeBytes(2), "it ends within a row of bytes");
}

TEST_CASE("NumberReader: refuses numbers that end early or are too long", "[delta]") {
  CHECK_THROWS_WITH(NumberReader("").Next(), "it ends within a number");
  CHECK_THROWS_WITH(NumberReader("\x80\x80").Next(), "it ends within a number");
  const std::string nine(9, '\xff');
  CHECK(NumberReader(nine + '\1').Next() == std::numeric_limits<std::uint64_t>::max());
  CHECK_THROWS_WITH(NumberReader(nine + '\2').Next(), "a number has more than 64 bits");
  CHECK_THROWS_WITH(NumberReader(nine + "\x80\1").Next(), "a number has more than 64 bits");
}
