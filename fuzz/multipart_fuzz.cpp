#include <algorithm>

#include "fuzz/target.hpp"
#include "registry/multipart.hpp"

namespace ros::fuzz {
namespace {

using registry::MultipartReader;

constexpr Bytes kSize = 50;  // of the file, as the seeds tell it

// What was asked for: ranges with gaps, as the input has it.
std::vector<ByteRange> TakeAsked(Input& input) {
  std::vector<ByteRange> asked;
  Bytes end = 0;
  for (auto count = input.Below(4, 1) + 1; count > 0; --count) {
    const auto offset = end + 1 + input.Number(1);
    asked.push_back({.offset = offset, .length = 1 + input.Number(1)});
    end = asked.back().End();
  }
  return asked;
}

struct Got {
  bool whole = false;  // no error ended it
  std::string bytes;
  std::vector<Bytes> places;  // of the bytes
};

Got Read(const std::string& boundary,
         const std::vector<ByteRange>& asked,
         ByteSpan body,
         std::size_t piece) {
  Got got;
  MultipartReader reader(boundary, asked, kSize);
  got.whole = Succeeds([&] {
    while (!body.empty()) {
      auto input = body.first(std::min(piece, body.size()));
      body = body.subspan(input.size());
      while (!input.empty()) {
        const auto part = reader.Read(input);
        got.bytes += AsText(part.bytes);
        for (std::size_t at = 0; at < part.bytes.size(); ++at) {
          got.places.push_back(part.offset + at);
        }
      }
    }
  });
  return got;
}

}  // namespace

// A Content-Type, ranges that are asked for, the length of the pieces, and a body.
void Run(ByteSpan bytes) {
  Input input(bytes);
  const auto type = input.TakePiece();
  const auto asked = TakeAsked(input);
  const auto piece = static_cast<std::size_t>(1 + input.Number(1));
  const auto body = input.Rest();
  std::optional<std::string> boundary;
  Succeeds([&] { boundary = registry::FindBoundary(AsText(type)); });
  Expect(!boundary || (!boundary->empty() && boundary->size() < type.size()),
         "a boundary is a part of the type");
  const auto whole = Read(boundary.value_or("x"), asked, body, body.size() + 1);
  const auto pieces = Read(boundary.value_or("x"), asked, body, piece);
  Expect(
      whole.whole == pieces.whole && whole.bytes == pieces.bytes && whole.places == pieces.places,
      "the length of the pieces changes nothing");
  Expect(whole.bytes.size() <= body.size(), "there is no more than was read");
  Expect(std::ranges::is_sorted(whole.places, std::less_equal<>()),
         "the places ascend, and none comes twice");
  Expect(whole.places.empty() || (whole.places.front() == asked.front().offset &&
                                  whole.places.back() < asked.back().End()),
         "what is given was asked for");
}

std::vector<Seed> Seeds() {
  const std::string type = "multipart/byteranges; boundary=";
  // Bytes 2 to 4 and 10 to 10, in pieces of 256 and of 3.
  const auto asked = Number(1, 1) + Number(1, 1) + Number(2, 1) + Number(4, 1) + Number(0, 1);
  const std::string part = "Content-Range: bytes 2-4/50\r\n\r\nabc";
  const std::string other = "Content-Type: a/b\r\nContent-Range: bytes 10-10/50\r\n\r\nd";
  return {{"go",
           Piece(type + "x") + asked + Number(255, 1) + "--x\r\n" + part + "\r\n--x\r\n" + other +
               "\r\n--x--\r\n"},
          {"nginx",
           Piece(type + "\"a b\"") + asked + Number(2, 1) + "\r\n--a b\r\n" + part +
               "\r\n--a b\r\n" + other + "\r\n--a b--\r\n"},
          {"together",
           Piece(type + "x") + asked + Number(2, 1) +
               "--x\r\nContent-Range: bytes 2-10/50\r\n\r\nabc-----d\r\n--x--\r\n"}};
}

}  // namespace ros::fuzz
