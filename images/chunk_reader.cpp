#include "images/chunk_reader.hpp"

#include <zstd.h>

#include "base/c_ptr.hpp"
#include "base/error.hpp"
#include "images/refusal.hpp"
#include "keys/digest.hpp"

namespace ros::images {
namespace {

using Decompressor = CPtr<ZSTD_DCtx, ZSTD_freeDCtx>;

// A zstd frame header (RFC 8878, section 3.1.1.1): the magic number, a descriptor byte, and unless
// the frame is a single segment a byte with the window's size.
constexpr std::size_t kDescriptorOffset = 4;
constexpr std::size_t kWindowOffset = 5;
constexpr unsigned kSingleSegment = 0x20;
constexpr unsigned kWindowExponentShift = 3;
constexpr unsigned kMinWindowLog = 10;

// How large a window the frame asks for, rounded up to a power of two.
unsigned WindowLog(ByteSpan frame) {
  if ((std::to_integer<unsigned>(frame[kDescriptorOffset]) & kSingleSegment) != 0) {
    return 0;  // the window is the content
  }
  const auto window = std::to_integer<unsigned>(frame[kWindowOffset]);
  const auto mantissa = window & ((1U << kWindowExponentShift) - 1);
  return kMinWindowLog + (window >> kWindowExponentShift) + (mantissa == 0 ? 0 : 1);
}

void CheckFrame(ByteSpan frame, Bytes content_size) {
  // Also finds a frame that is no frame or is cut short, so that the header is there.
  const auto length = ZSTD_findFrameCompressedSize(frame.data(), frame.size());
  if (ZSTD_isError(length) != 0 || frame.size() <= kWindowOffset) {
    Refuse("it is not a whole zstd frame");
  }
  if (length != frame.size()) {
    Refuse("it is not exactly one zstd frame");
  }
  if (ZSTD_getFrameContentSize(frame.data(), frame.size()) != content_size) {
    Refuse("its frame does not say that it holds " + std::to_string(content_size) + " bytes");
  }
  if (const auto log = WindowLog(frame); log > kMaxWindowLog) {
    Refuse("its frame wants a window of 2^" + std::to_string(log) + " bytes, the limit is 2^" +
           std::to_string(kMaxWindowLog));
  }
  if (ZSTD_getDictID_fromFrame(frame.data(), frame.size()) != 0) {
    Refuse("its frame wants a dictionary");
  }
}

}  // namespace

struct ChunkReader::State {
  const Blob& layer;
  AlignedBuffer packed{kMaxPackedLength};
  Decompressor decompressor{ZSTD_createDCtx()};
};

ChunkReader::ChunkReader(const Blob& layer) : state_(std::make_unique<State>(State{layer})) {
  if (!state_->decompressor) {
    throw Error(ErrorKind::kFailed, "out of memory");
  }
}

ChunkReader::ChunkReader(ChunkReader&&) noexcept = default;
ChunkReader& ChunkReader::operator=(ChunkReader&&) noexcept = default;
ChunkReader::~ChunkReader() = default;

void ChunkReader::Read(const Chunk& chunk, Bytes packed_offset, MutableByteSpan into) {
  Unpack(chunk, packed_offset, into);
  if (keys::Sha256Of(into) != chunk.digest) {
    Refuse("its content does not have the digest of the index");
  }
}

void ChunkReader::Unpack(const Chunk& chunk, Bytes packed_offset, MutableByteSpan into) {
  const auto packed = state_->packed.span().first(chunk.packed_length);
  const auto& layer = state_->layer;
  layer.ReadAt(packed_offset, packed);
  const auto is_right = [&] { return keys::Sha256Of(packed) == chunk.packed_digest; };
  if (!is_right() && !layer.ReadElsewhere(packed_offset, packed, is_right)) {
    Refuse("its frame does not have the digest of the index");
  }
  CheckFrame(packed, chunk.length);
  const auto length = ZSTD_decompressDCtx(
      state_->decompressor.get(), into.data(), into.size(), packed.data(), packed.size());
  if (ZSTD_isError(length) != 0 || length != into.size()) {
    Refuse("its frame is damaged");
  }
}

void ChunkReader::PassOver(const Chunk& chunk, Bytes packed_offset) {
  state_->layer.ReadAt(packed_offset, state_->packed.span().first(chunk.packed_length));
}

}  // namespace ros::images
