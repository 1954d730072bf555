#include "registry/multipart.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

using Catch::Contains;
using ros::AsBytes;
using ros::AsText;
using ros::ByteRange;
using ros::Bytes;
using ros::ByteSpan;
using ros::registry::FindBoundary;
using ros::registry::kMaxPartHead;
using ros::registry::MultipartReader;

namespace {

const std::vector<ByteRange> kAsked = {
    {.offset = 2, .length = 3}, {.offset = 20, .length = 1}, {.offset = 40, .length = 4}};

// What is read of a body that comes in pieces of this length: "2:abc 20:d".
std::string Read(std::string_view body, std::size_t length = 1000) {
  MultipartReader reader("x", kAsked, 50);
  std::string got;
  Bytes next = 0;
  for (std::size_t at = 0; at < body.size(); at += length) {
    auto input = AsBytes(body.substr(at, length));
    while (!input.empty()) {
      const auto [offset, bytes] = reader.Read(input);
      if (bytes.empty()) {
        continue;
      }
      if (offset != next) {
        got += (got.empty() ? "" : " ") + std::to_string(offset) + ":";
      }
      got += AsText(bytes);
      next = offset + bytes.size();
    }
  }
  return got;
}

std::string Part(const std::string& range, const std::string& bytes) {
  return "--x\r\nContent-Range: bytes " + range + "/50\r\n\r\n" + bytes + "\r\n";
}

const std::string kFirst = Part("2-4", "abc");
const std::string kSecond = Part("20-20", "d");
const std::string kThird = Part("40-43", "efgh");
const std::string kEnd = "--x--\r\n";

}  // namespace

TEST_CASE("FindBoundary: of a body with several ranges alone", "[registry]") {
  CHECK(FindBoundary("multipart/byteranges; boundary=abc") == "abc");
  CHECK(FindBoundary("Multipart/ByteRanges;a=\"b;boundary=c\" ; Boundary=\"a b:c\";d=e") ==
        "a b:c");
  CHECK(FindBoundary("multipart/byteranges;boundary=" + std::string(70, 'a')) ==
        std::string(70, 'a'));
  CHECK_FALSE(FindBoundary(""));
  CHECK_FALSE(FindBoundary("application/octet-stream; boundary=abc"));
  CHECK_FALSE(FindBoundary("multipart/mixed; boundary=abc"));
  for (const auto& none : {std::string(),
                           std::string(";"),
                           std::string("; boundary"),
                           std::string("; boundary="),
                           std::string("; boundary=\"\""),
                           std::string("; boundary=\"a"),
                           std::string("; boundary=\"a \""),
                           std::string("; boundary=a\nb"),
                           std::string("; boundary=a@b"),
                           "; boundary=" + std::string(71, 'a')}) {
    CAPTURE(none);
    CHECK_THROWS_WITH(FindBoundary("multipart/byteranges" + none), Contains("boundary"));
  }
}

TEST_CASE("MultipartReader: gives the parts with their places, in pieces of any size",
          "[registry]") {
  const auto body = kFirst + kSecond + kThird + kEnd + "whatever";
  for (std::size_t length = 1; length <= body.size(); ++length) {
    CAPTURE(length);
    CHECK(Read(body, length) == "2:abc 20:d 40:efgh");
    // As Apache and nginx begin, and with white space where RFC 2046 allows it.
    CHECK(Read("\r\n--x \t\r\nA: b\r\ncontent-range:bytes 2-4/*\r\nC:\r\n\r\nabc\r\n" + kEnd,
               length) == "2:abc");
    CHECK(Read(Part("2-20", "abc---------------d") + kThird, length) ==
          "2:abc---------------d 40:efgh");
  }
  CHECK(Read(kEnd + kFirst).empty());
  CHECK(Read("").empty());
  // What looks like a boundary is none within a part.
  CHECK(Read(Part("2-20", "\r\n--x--\r\n\r\n--x\r\nd==") + kEnd) ==
        "2:\r\n--x--\r\n\r\n--x\r\nd==");
  // Not all of it.
  CHECK(Read(kFirst.substr(0, kFirst.size() - 3)) == "2:ab");
}

TEST_CASE("MultipartReader: refuses what was not asked for", "[registry]") {
  for (const auto* range : {"1-4",
                            "3-4",
                            "2-3",
                            "2-5",
                            "2-44",
                            "20-20",
                            "4-2",
                            "-4",
                            "2-",
                            "2",
                            "",
                            "2-4-6",
                            "+2-4",
                            "2- 4",
                            "99999999999999999999-4",
                            "2-18446744073709551616",
                            "0-18446744073709551615"}) {
    CAPTURE(range);
    CHECK_THROWS_WITH(
        Read(Part(range, "abc") + kEnd),
        Contains("asked for the bytes from 2 on, and got \"bytes " + std::string(range) + "/50\""));
  }
  CHECK_THROWS_WITH(Read("--x\r\n\r\nabc\r\n"), Contains("from 2 on, and got \"\""));
  CHECK_THROWS_WITH(Read("--x\r\nContent-Range: 2-4/50\r\n\r\n"), Contains("and got \"2-4/50\""));
  CHECK_THROWS_WITH(Read(kFirst + kThird), Contains("from 20 on, and got \"bytes 40-43/50\""));
  CHECK_THROWS_WITH(Read(kFirst + kFirst), Contains("from 20 on, and got \"bytes 2-4/50\""));
  CHECK_THROWS_WITH(Read(kSecond + kFirst), Contains("from 2 on, and got \"bytes 20-20/50\""));
  CHECK_THROWS_WITH(Read(kFirst + "--x\r\n\r\n"), Contains("from 20 on, and got \"\""));
  CHECK_THROWS_WITH(Read(kFirst + kSecond + kThird + kThird),
                    Contains("more parts than were asked for"));
}

TEST_CASE("MultipartReader: a part tells the file's size, or nothing of it", "[registry]") {
  const auto part = [](const std::string& total) {
    return "--x\r\nContent-Range: bytes 2-4/" + total + "\r\n\r\nabc\r\n" + kEnd;
  };
  CHECK(Read(part("50")) == "2:abc");
  CHECK(Read(part("*")) == "2:abc");
  for (const auto* other : {"51", "5", "500", "", "**", "-50"}) {
    CHECK_THROWS_WITH(Read(part(other)), Contains("got \"bytes 2-4/" + std::string(other)));
  }
}

TEST_CASE("MultipartReader: refuses what is no such body", "[registry]") {
  CHECK_THROWS_WITH(Read("preamble\r\n" + kFirst), Contains("\"preamble\" in the place of a"));
  CHECK_THROWS_WITH(Read("--y\r\n"), Contains("\"--y\" in the place of a boundary"));
  CHECK_THROWS_WITH(Read("--x\n"), Contains("does not end as lines do"));
  CHECK_THROWS_WITH(Read("--x\r\nno header\r\n"), Contains("\"no header\" in the place of a"));
  CHECK_THROWS_WITH(Read(Part("2-4", "abcd")), Contains("a part is longer than it says"));
  CHECK_THROWS_WITH(Read(Part("2-4", "ab")), Contains("the answer with several ranges"));
}

TEST_CASE("MultipartReader: what is around a part is limited", "[registry]") {
  const std::string much(kMaxPartHead + 1, 'a');
  for (const auto& body : {much, "--x\r\nA:" + much, kFirst + "--x\r\nA: " + much}) {
    for (const std::size_t length : {std::size_t{1}, body.size()}) {
      CHECK_THROWS_WITH(Read(body, length), Contains("more than 4 KiB around a part"));
    }
  }
  std::string lines;
  std::string headers = "--x\r\n";
  while (lines.size() <= kMaxPartHead) {
    lines += "\r\n";
    headers += "a:\r\n";
  }
  CHECK_THROWS_WITH(Read(lines), Contains("more than 4 KiB around a part"));
  CHECK_THROWS_WITH(Read(headers), Contains("more than 4 KiB around a part"));
}
