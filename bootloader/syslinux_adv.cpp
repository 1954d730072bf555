#include "bootloader/syslinux_adv.hpp"

#include "base/error.hpp"

namespace ros::bootloader {
namespace {

// Head, sum, data, tail. The words from the sum to the end of the data add up to kSum.
constexpr std::uint32_t kHead = 0x5a2d2fa5;
constexpr std::uint32_t kSum = 0xa3041767;
constexpr std::uint32_t kTail = 0xdd28bf64;
constexpr Bytes kWord = 4;
constexpr Bytes kSumPlace = 4;
constexpr Bytes kData = 8;
constexpr Bytes kDataEnd = kAdvSize - kWord;
constexpr std::size_t kLongestText = 255;

[[noreturn]] void DamagedAdv(const std::string& why) {
  throw Error(ErrorKind::kFailed, why);
}

std::uint32_t SumOfWords(ByteSpan sector, Bytes from) {
  std::uint32_t sum = 0;
  for (Bytes at = from; at < kDataEnd; at += kWord) {
    sum += LoadLe32(sector, at);
  }
  return sum;
}

void CheckFrame(ByteSpan sector) {
  if (sector.size() != kAdvSize) {
    DamagedAdv("it has " + std::to_string(sector.size()) + " bytes and must have 512");
  }
  if (LoadLe32(sector, 0) != kHead || LoadLe32(sector, kDataEnd) != kTail) {
    DamagedAdv("it does not start and end with syslinux's magic numbers");
  }
  if (SumOfWords(sector, kSumPlace) != kSum) {
    DamagedAdv("its checksum does not match");
  }
}

}  // namespace

std::string FormatAdv(const AdvTags& tags) {
  std::string data;
  for (const auto& [tag, text] : tags) {
    if (tag == 0 || text.empty() || text.size() > kLongestText) {
      throw Error(ErrorKind::kFailed,
                  "a tag of syslinux's ADV cannot hold " + std::to_string(text.size()) + " bytes");
    }
    data += static_cast<char>(tag);
    data += static_cast<char>(text.size());
    data += text;
  }
  if (data.size() > kDataEnd - kData) {
    throw Error(ErrorKind::kDoesNotFit,
                "syslinux's ADV cannot hold " + std::to_string(data.size()) + " bytes");
  }
  std::string sector(kData, '\0');
  sector += data;
  sector.resize(kAdvSize, '\0');
  const auto bytes = AsWritableBytes(sector);
  StoreLe32(bytes, 0, kHead);
  StoreLe32(bytes, kSumPlace, kSum - SumOfWords(bytes, kData));
  StoreLe32(bytes, kDataEnd, kTail);
  return sector;
}

AdvTags ParseAdv(ByteSpan sector) {
  CheckFrame(sector);
  AdvTags tags;
  auto data = AsText(sector.subspan(kData, kDataEnd - kData));
  while (!data.empty() && data[0] != '\0') {
    const auto tag = static_cast<std::uint8_t>(data[0]);
    const std::size_t length = data.size() < 2 ? kAdvSize : static_cast<std::uint8_t>(data[1]);
    if (2 + length > data.size()) {
      DamagedAdv("tag " + std::to_string(tag) + " is longer than the sector");
    }
    if (!tags.emplace(tag, data.substr(2, length)).second) {
      DamagedAdv("tag " + std::to_string(tag) + " is there twice");
    }
    data.remove_prefix(2 + length);
  }
  return tags;
}

}  // namespace ros::bootloader
