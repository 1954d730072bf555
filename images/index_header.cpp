#include "images/index_header.hpp"

#include <algorithm>

#include "images/refusal.hpp"

namespace ros::images {
namespace {

constexpr std::uint32_t kIndexVersion = 1;
constexpr std::size_t kVersionOffset = kIndexMagicSize;
constexpr std::size_t kChunksOffset = kVersionOffset + sizeof(std::uint32_t);

}  // namespace

std::string MakeIndexHeader(std::string_view magic, std::size_t chunks, Bytes size) {
  std::string raw(size, '\0');
  std::ranges::copy(magic, raw.begin());
  StoreLe32(AsWritableBytes(raw), kVersionOffset, kIndexVersion);
  StoreLe32(AsWritableBytes(raw), kChunksOffset, static_cast<std::uint32_t>(chunks));
  return raw;
}

std::uint32_t ReadIndexHeader(ByteSpan raw, std::string_view magic, Bytes size) {
  if (raw.size() < size) {
    Refuse("it is cut short after " + std::to_string(raw.size()) + " bytes");
  }
  if (!AsText(raw).starts_with(magic)) {
    Refuse("it does not begin with " + std::string(magic));
  }
  if (const auto version = LoadLe32(raw, kVersionOffset); version != kIndexVersion) {
    Refuse("version " + std::to_string(version) + " is not known, only " +
           std::to_string(kIndexVersion));
  }
  return LoadLe32(raw, kChunksOffset);
}

}  // namespace ros::images
