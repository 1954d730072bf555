#include "images/frame_packer.hpp"

#include <zstd.h>

#include "base/c_ptr.hpp"
#include "base/error.hpp"

namespace ros::images {
namespace {

// Levels up to 19 use windows of at most 2^23 bytes (zstd's table of levels), which keeps the limit
// of 2^24; those above do not.
constexpr int kMaxLevel = 19;

std::size_t Check(std::size_t result) {
  if (ZSTD_isError(result) != 0U) {
    throw Error(ErrorKind::kFailed, std::string("zstd: ") + ZSTD_getErrorName(result));
  }
  return result;
}

}  // namespace

struct FramePacker::State {
  CPtr<ZSTD_CCtx, ZSTD_freeCCtx> context{ZSTD_createCCtx()};
  int level = 0;
};

FramePacker::FramePacker(int level) : state_(std::make_unique<State>()) {
  if (level < 1 || level > kMaxLevel) {
    throw Error(ErrorKind::kUsage,
                "the compression level must be 1 to 19, not " + std::to_string(level));
  }
  if (!state_->context) {
    throw Error(ErrorKind::kFailed, "zstd: out of memory");
  }
  state_->level = level;
}

FramePacker::FramePacker(FramePacker&&) noexcept = default;
FramePacker& FramePacker::operator=(FramePacker&&) noexcept = default;
FramePacker::~FramePacker() = default;

std::string FramePacker::Pack(ByteSpan data) {
  ZSTD_CCtx* const context = state_->context.get();
  Check(ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters));
  Check(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, state_->level));
  std::string frame(ZSTD_compressBound(data.size()), '\0');
  frame.resize(
      Check(ZSTD_compress2(context, frame.data(), frame.size(), data.data(), data.size())));
  return frame;
}

}  // namespace ros::images
