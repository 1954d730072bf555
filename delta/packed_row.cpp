#include "delta/packed_row.hpp"

#include <lzma.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"

namespace ros::delta {
namespace {

constexpr std::uint32_t kLiteralContext = 3;

// LZMA2 without a container: its properties are in the stream, but for the dictionary, which must
// reach back over what is known and the row.
lzma_options_lzma Options(ByteSpan known, Bytes window) {
  lzma_options_lzma options = {};
  if (lzma_lzma_preset(&options, 9U | LZMA_PRESET_EXTREME)) {
    throw Error(ErrorKind::kFailed, "liblzma does not know its highest preset");
  }
  options.dict_size = static_cast<std::uint32_t>(window);
  options.lc = kLiteralContext;
  options.lp = 0;
  options.pb = 0;  // Nothing in these rows is at multiples of four.
  options.preset_dict = reinterpret_cast<const std::uint8_t*>(known.data());
  options.preset_dict_size = static_cast<std::uint32_t>(known.size());
  return options;
}

using Filters = std::array<lzma_filter, 2>;

Filters FiltersOf(lzma_options_lzma& options) {
  return {{{.id = LZMA_FILTER_LZMA2, .options = &options},
           {.id = LZMA_VLI_UNKNOWN, .options = nullptr}}};
}

// A stream of liblzma that goes on from part to part.
class PartPacker {
 public:
  explicit PartPacker(Bytes window)
      : options_(Options({}, std::max<Bytes>(window, LZMA_DICT_SIZE_MIN))),
        filters_(FiltersOf(options_)) {
    // At the end of each part nothing is looked for within so many bytes; a match that is found may
    // be longer.
    options_.nice_len = 32;
    options_.depth = kDepth;
    Check(lzma_raw_encoder(&stream_, filters_.data()));
  }

  PartPacker(const PartPacker&) = delete;
  PartPacker& operator=(const PartPacker&) = delete;
  PartPacker(PartPacker&&) = delete;
  PartPacker& operator=(PartPacker&&) = delete;

  ~PartPacker() { lzma_end(&stream_); }

  std::string Pack(ByteSpan part) {
    std::string packed(part.size() + kGrowth, '\0');
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(part.data());
    stream_.avail_in = part.size();
    stream_.next_out = reinterpret_cast<std::uint8_t*>(packed.data());
    stream_.avail_out = packed.size();
    auto result = LZMA_OK;
    while (result == LZMA_OK && stream_.avail_out > 0) {
      result = lzma_code(&stream_, LZMA_SYNC_FLUSH);
    }
    if (result != LZMA_STREAM_END) {
      Check(result == LZMA_OK ? LZMA_BUF_ERROR : result);
    }
    packed.resize(packed.size() - stream_.avail_out);
    Forget();
    return packed;
  }

 private:
  static constexpr std::size_t kGrowth = 1024;
  static constexpr std::uint32_t kDepth = 200;  // as far as with the longest nice_len

  // Where properties change, LZMA2 begins anew with what it has learned (the state is reset), and
  // keeps the dictionary: the next part does not need this one's.
  void Forget() {
    options_.lc = options_.lc == kLiteralContext ? kLiteralContext - 1 : kLiteralContext;
    Check(lzma_filters_update(&stream_, filters_.data()));
  }

  static void Check(lzma_ret result) {
    if (result != LZMA_OK) {
      throw Error(ErrorKind::kFailed,
                  "parts cannot be packed; liblzma says " + std::to_string(result));
    }
  }

  lzma_options_lzma options_;
  Filters filters_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
};

}  // namespace

std::string PackRow(std::string_view row, ByteSpan known, Bytes window) {
  if (row.empty()) {
    return {};
  }
  auto options = Options(known, window);
  const auto filters = FiltersOf(options);
  // LZMA2 stores what it cannot make smaller, with a few bytes for each 64 KiB.
  constexpr std::size_t kGrowth = 4096;
  std::string packed(row.size() + row.size() / 8 + kGrowth, '\0');
  std::size_t length = 0;
  if (lzma_raw_buffer_encode(filters.data(),
                             nullptr,
                             reinterpret_cast<const std::uint8_t*>(row.data()),
                             row.size(),
                             reinterpret_cast<std::uint8_t*>(packed.data()),
                             &length,
                             packed.size()) != LZMA_OK) {
    throw Error(ErrorKind::kFailed, "a patch cannot be packed; memory does not suffice");
  }
  packed.resize(length);
  return packed;
}

std::string UnpackRow(std::string_view packed, Bytes length, ByteSpan known) {
  std::string row(length, '\0');
  if (length == 0 && packed.empty()) {
    return row;
  }
  auto options = Options(known, std::max<Bytes>(known.size() + length, LZMA_DICT_SIZE_MIN));
  const auto filters = FiltersOf(options);
  std::size_t used = 0;
  std::size_t made = 0;
  const auto result = lzma_raw_buffer_decode(filters.data(),
                                             nullptr,
                                             reinterpret_cast<const std::uint8_t*>(packed.data()),
                                             &used,
                                             packed.size(),
                                             reinterpret_cast<std::uint8_t*>(row.data()),
                                             &made,
                                             row.size());
  if (result == LZMA_MEM_ERROR) {
    throw Error(ErrorKind::kFailed, "out of memory");
  }
  if (result != LZMA_OK || used != packed.size() || made != length) {
    throw Error(ErrorKind::kVerification,
                "a row of it is damaged, or has another length than it says");
  }
  return row;
}

std::vector<std::string> PackParts(ByteSpan text, Bytes part_length) {
  std::vector<std::string> parts;
  PartPacker packer(text.size());
  for (Bytes at = 0; at < text.size(); at += part_length) {
    parts.push_back(packer.Pack(text.subspan(at, std::min(part_length, text.size() - at))));
  }
  return parts;
}

std::string UnpackPart(std::string_view packed, Bytes length, ByteSpan in_front) {
  constexpr char kEndOfStream = '\0';
  return UnpackRow(std::string(packed) + kEndOfStream, length, in_front);
}

}  // namespace ros::delta
