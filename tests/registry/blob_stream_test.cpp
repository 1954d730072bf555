#include "registry/blob_stream.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <string>

#include "base/error.hpp"

using namespace ros;
using registry::BlobStream;
using registry::BodySink;

namespace {

using Cancelled = std::function<bool()>;

std::byte ByteAt(Bytes offset) {
  return static_cast<std::byte>(offset * 2654435761U >> 13U);
}

// Hands on the bytes of these ranges in pieces of a length that fits nothing else.
BlobStream::Fetch FetchOf(std::vector<ByteRange> ranges) {
  return [ranges](const Cancelled& /*cancelled*/, const BodySink& sink) {
    constexpr Bytes kPiece = 40'961;
    for (const auto& range : ranges) {
      for (Bytes at = range.offset; at < range.End();) {
        std::vector<std::byte> piece(std::min(kPiece, range.End() - at));
        for (auto& byte : piece) {
          byte = ByteAt(at++);
        }
        sink(piece);
      }
    }
  };
}

bool IsRight(Bytes offset, ByteSpan bytes) {
  return std::ranges::all_of(bytes, [&](std::byte byte) { return byte == ByteAt(offset++); });
}

}  // namespace

TEST_CASE("BlobStream: several readers get what they ask for, over more than a window",
          "[registry]") {
  constexpr Bytes kPiece = 300'000;
  constexpr Bytes kPieces = 30;
  const std::vector<ByteRange> ranges = {{.offset = 1000, .length = kPieces * kPiece},
                                         {.offset = 50'000'000, .length = kPieces * kPiece}};
  static_assert(2 * kPieces * kPiece > 2 * BlobStream::kWindow);
  BlobStream stream(ranges, FetchOf(ranges));
  std::atomic<Bytes> next = 0;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      std::vector<std::byte> piece(kPiece);
      for (Bytes job = next++; job < 2 * kPieces; job = next++) {
        const auto offset = ranges[job / kPieces].offset + job % kPieces * kPiece;
        wrong += stream.Has({.offset = offset, .length = kPiece}) ? 0 : 1;
        stream.Read(offset, piece);
        wrong += IsRight(offset, piece) ? 0 : 1;
        wrong += stream.Has({.offset = offset, .length = kPiece}) ? 1 : 0;
      }
    });
  }
  for (auto& reader : readers) {
    reader.join();
  }
  CHECK(wrong == 0);
}

TEST_CASE("BlobStream: who waits gets the last byte that the window has room for", "[registry]") {
  constexpr Bytes kSmall = 200;
  const ByteRange range{.offset = 0, .length = 2 * BlobStream::kWindow};
  BlobStream stream({range}, FetchOf({range}));
  std::vector<std::byte> piece(kSmall);
  stream.Read(0, piece);
  CHECK(IsRight(0, piece));
  // All but what was read is still there, so that there is room for just this.
  stream.Read(BlobStream::kWindow, piece);
  CHECK(IsRight(BlobStream::kWindow, piece));
  stream.Read(kSmall, piece);
  CHECK(IsRight(kSmall, piece));
}

TEST_CASE("BlobStream: has what is inside of a range, was not read and is not too long",
          "[registry]") {
  const std::vector<ByteRange> ranges = {{.offset = 100, .length = 50},
                                         {.offset = 200, .length = 2 * BlobStream::kWindow}};
  BlobStream stream(ranges, FetchOf(ranges));
  CHECK(stream.Has({.offset = 100, .length = 50}));
  CHECK(stream.Has({.offset = 120, .length = 30}));
  CHECK_FALSE(stream.Has({.offset = 99, .length = 2}));
  CHECK_FALSE(stream.Has({.offset = 120, .length = 31}));
  CHECK_FALSE(stream.Has({.offset = 150, .length = 1}));
  CHECK_FALSE(stream.Has({.offset = 200, .length = BlobStream::kMaxPiece + 1}));
  std::vector<std::byte> piece(10);
  stream.Read(120, piece);
  CHECK(IsRight(120, piece));
  CHECK_FALSE(stream.Has({.offset = 125, .length = 1}));
  CHECK_FALSE(stream.Has({.offset = 115, .length = 6}));
  CHECK(stream.Has({.offset = 115, .length = 5}));
  CHECK(stream.Has({.offset = 130, .length = 5}));
}

TEST_CASE("BlobStream: what ends the fetching reaches who reads, after what has come",
          "[registry]") {
  BlobStream stream({{.offset = 0, .length = 100}}, [](const Cancelled&, const BodySink& sink) {
    sink(AsBytes("0123456789"));
    throw Error(ErrorKind::kNetwork, "the line broke");
  });
  std::string piece(10, '?');
  stream.Read(0, AsWritableBytes(piece));
  CHECK(piece == "0123456789");
  CHECK_THROWS_WITH(stream.Read(10, AsWritableBytes(piece)), "the line broke");
}

TEST_CASE("BlobStream: one that brings too little is no endless wait", "[registry]") {
  BlobStream stream({{.offset = 0, .length = 100}},
                    [](const Cancelled&, const BodySink& sink) { sink(AsBytes("0123")); });
  std::string piece(10, '?');
  CHECK_THROWS_AS(stream.Read(0, AsWritableBytes(piece)), Error);
}

TEST_CASE("BlobStream: who waits for what is abandoned fails", "[registry]") {
  std::atomic<bool> begun = false;
  BlobStream stream({{.offset = 0, .length = 100}},
                    [&](const Cancelled& cancelled, const BodySink&) {
                      begun = true;
                      while (!cancelled()) {
                        std::this_thread::yield();
                      }
                    });
  std::thread other([&] {
    while (!begun) {
      std::this_thread::yield();
    }
    stream.Abandon();
  });
  std::string piece(10, '?');
  CHECK_THROWS_AS(stream.Read(0, AsWritableBytes(piece)), Error);
  other.join();
}

TEST_CASE("BlobStream: ends while it waits for a reader, and while it waits for the network",
          "[registry]") {
  const ByteRange range{.offset = 0, .length = 3 * BlobStream::kWindow};
  std::atomic<bool> ended = false;
  SECTION("for a reader") {
    const BlobStream stream({range}, [&](const Cancelled& cancelled, const BodySink& sink) {
      try {
        FetchOf({range})(cancelled, sink);
      } catch (const Error&) {
        ended = true;
        throw;
      }
    });
  }
  SECTION("for the network") {
    const BlobStream stream({range}, [&](const Cancelled& cancelled, const BodySink& /*sink*/) {
      while (!cancelled()) {
        std::this_thread::yield();
      }
      ended = true;
    });
  }
  CHECK(ended);
}
