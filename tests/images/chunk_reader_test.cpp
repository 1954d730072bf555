#include "images/chunk_reader.hpp"

#include <zstd.h>

#include <cstring>
#include <memory>

#include "images/verity.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

class TextBlob final : public Blob {
 public:
  explicit TextBlob(std::string text) : text_(std::move(text)) {}

  [[nodiscard]] Bytes size() const override { return text_.size(); }

  void ReadAt(Bytes offset, MutableByteSpan into) const override {
    if (offset > text_.size() || into.size() > text_.size() - offset) {
      throw Error(ErrorKind::kVerification, "ends early");
    }
    std::memcpy(into.data(), text_.data() + offset, into.size());
  }

 private:
  std::string text_;
};

// `named` is the frame whose digest the index has.
std::string ReadChunk(const std::string& frame,
                      const std::string& expected,
                      const std::string& named) {
  const TextBlob blob("front" + frame + "behind");
  std::string content(expected.size(), '?');
  ChunkReader(blob).Read({.digest = keys::Sha256Of(AsBytes(expected)),
                          .packed_digest = keys::Sha256Of(AsBytes(named)),
                          .length = static_cast<std::uint32_t>(expected.size()),
                          .packed_length = static_cast<std::uint32_t>(frame.size())},
                         5,
                         AsWritableBytes(content));
  return content;
}

std::string ReadChunk(const std::string& frame, const std::string& expected) {
  return ReadChunk(frame, expected, frame);
}

// A frame made by zstd's streaming interface, which writes a window into the header.
std::string StreamFrame(const std::string& data, int window_log, Bytes pledged_size) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                     ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, window_log);
  ZSTD_CCtx_setPledgedSrcSize(context.get(), pledged_size);
  std::string frame(ZSTD_compressBound(data.size()) + 100, '\0');
  ZSTD_outBuffer out{frame.data(), frame.size(), 0};
  for (std::size_t at = 0; at < data.size(); at += data.size() / 2) {
    ZSTD_inBuffer in{data.data() + at, data.size() / 2, 0};
    ZSTD_compressStream2(context.get(), &out, &in, ZSTD_e_continue);
  }
  ZSTD_inBuffer nothing{nullptr, 0, 0};
  REQUIRE(ZSTD_compressStream2(context.get(), &out, &nothing, ZSTD_e_end) == 0);
  frame.resize(out.pos);
  return frame;
}

// A frame with a window descriptor, a content size of 8 bytes and one raw block.
std::string HandMadeFrame(unsigned char window, const std::string& data) {
  std::string frame("\x28\xb5\x2f\xfd\xc0", 5);
  frame += static_cast<char>(window);
  std::string size(8, '\0');
  StoreLe64(AsWritableBytes(size), 0, data.size());
  const auto block = 1U | static_cast<unsigned>(data.size()) << 3U;
  frame += size + static_cast<char>(block) + static_cast<char>(block >> 8U) +
           static_cast<char>(block >> 16U) + data;
  return frame;
}

}  // namespace

TEST_CASE("ChunkReader: unpacks frames of every size", "[images]") {
  for (const Bytes blocks : {Bytes{1}, Bytes{2}, Bytes{37}, Bytes{256}}) {
    const auto data = MakeData(blocks * kBlockSize, 3);
    CHECK((ReadChunk(PackFrame(data), data) == data));
  }
  const std::string zeros(kMaxChunkLength, '\0');
  CHECK((ReadChunk(PackFrame(zeros), zeros) == zeros));
}

TEST_CASE("ChunkReader: takes a window up to the limit, and no larger one", "[images]") {
  const auto data = MakeData(kBlockSize, 3);
  const auto window = [](unsigned log, unsigned mantissa) {
    return static_cast<unsigned char>((log - 10) << 3U | mantissa);
  };
  CHECK((ReadChunk(HandMadeFrame(window(24, 0), data), data) == data));
  CHECK((ReadChunk(HandMadeFrame(window(23, 7), data), data) == data));
  CheckError(ErrorKind::kVerification, "a window of 2^25", [&] {
    ReadChunk(HandMadeFrame(window(24, 1), data), data);
  });
  CheckError(ErrorKind::kVerification, "a window of 2^31", [&] {
    ReadChunk(HandMadeFrame(window(31, 0), data), data);
  });
}

TEST_CASE("ChunkReader: refuses frames that are not what the index says", "[images]") {
  const auto data = MakeData(4 * kBlockSize, 3);
  const auto frame = PackFrame(data);
  const std::string skippable("\x50\x2a\x4d\x18\x04\x00\x00\x00skip", 12);
  const auto half = data.substr(0, data.size() / 2);
  auto damaged = frame;
  damaged[frame.size() / 2] = static_cast<char>(damaged[frame.size() / 2] ^ 0x55);

  struct Case {
    std::string frame;
    const char* message;
  };

  const auto case_ = GENERATE_COPY(values<Case>({
      {frame.substr(0, frame.size() - 1), "not a whole zstd frame"},
      {frame.substr(0, 5), "not a whole zstd frame"},
      {"x", "not a whole zstd frame"},
      {std::string(100, 'x'), "not a whole zstd frame"},
      {frame + "x", "not exactly one zstd frame"},
      {frame + skippable, "not exactly one zstd frame"},
      {PackFrame(half) + PackFrame(half), "not exactly one zstd frame"},
      {skippable, "does not say that it holds 16384 bytes"},
      {PackFrame(half), "does not say that it holds 16384 bytes"},
      {PackFrame(data + data), "does not say that it holds 16384 bytes"},
      {StreamFrame(data, 17, ZSTD_CONTENTSIZE_UNKNOWN), "does not say that it holds 16384 bytes"},
      {PackFrame(MakeData(4 * kBlockSize, 4)), "does not have the digest of the index"},
  }));
  CheckError(ErrorKind::kVerification, case_.message, [&] { ReadChunk(case_.frame, data); });
  CheckError(ErrorKind::kVerification, "", [&] { ReadChunk(damaged, data); });
  CheckError(ErrorKind::kVerification, "its frame does not have the digest of the index", [&] {
    ReadChunk(case_.frame, data, frame);
  });
  CHECK((ReadChunk(StreamFrame(data, 17, data.size()), data) == data));
}
