#include "bootloader/syslinux_adv.hpp"
#include "fuzz/target.hpp"

namespace ros::fuzz {
namespace {

constexpr std::size_t kDataAt = 8;
constexpr std::size_t kDataSize = bootloader::kAdvSize - 12;

// A sector with this data between sound magic numbers and checksum, which no input finds by chance.
std::string Framed(std::string_view data) {
  auto sector = bootloader::FormatAdv({});
  const auto bytes = AsWritableBytes(sector);
  std::uint32_t sum = LoadLe32(bytes, 4);
  sector.replace(kDataAt, data.size(), data);
  for (std::size_t at = kDataAt; at < kDataAt + kDataSize; at += 4) {
    sum -= LoadLe32(bytes, at);
  }
  StoreLe32(bytes, 4, sum);
  return sector;
}

void Check(ByteSpan sector) {
  const auto tags = bootloader::ParseAdv(sector);
  for (const auto& [tag, text] : tags) {
    Expect(tag != 0 && text.size() <= 255, "a tag is one");
  }
  std::string written;
  if (Succeeds([&] { written = bootloader::FormatAdv(tags); })) {
    Expect(bootloader::ParseAdv(AsBytes(written)) == tags, "what is written is read back the same");
  }
}

}  // namespace

void Run(ByteSpan input) {
  static_cast<void>(Succeeds([&] { Check(input); }));
  Check(AsBytes(Framed(AsText(input.first(std::min(input.size(), kDataSize))))));
}

std::vector<Seed> Seeds() {
  const auto tag = [](std::uint8_t number, std::string_view text) {
    return Number(number, 1) + Number(text.size(), 1) + std::string(text);
  };
  return {
      {"none", ""},
      {"trial",
       tag(bootloader::kAdvBootOnce, "b ros.trial=2") + tag(bootloader::kAdvRosState, "a,b,3,0")},
      {"long", tag(7, std::string(255, 'x')) + tag(8, std::string(241, 'y'))},
      {"sector", bootloader::FormatAdv({{bootloader::kAdvBootOnce, "b"}})}};
}

}  // namespace ros::fuzz
