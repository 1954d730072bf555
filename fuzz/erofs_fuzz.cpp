#include <algorithm>
#include <filesystem>

#include "base/file.hpp"
#include "fuzz/target.hpp"
#include "images/erofs_image.hpp"
#include "images/erofs_reader.hpp"

namespace ros::fuzz {
namespace {

// How much of a file's content is looked at: a small image may describe a large hole.
constexpr Bytes kEnough = Bytes{4} << 20U;

}  // namespace

void Run(ByteSpan input) {
  const images::ErofsBytes image{
      .name = "root.erofs", .size = input.size(), .read = [&](Bytes offset, MutableByteSpan into) {
        Expect(offset <= input.size() && into.size() <= input.size() - offset,
               "only what is there is read");
        std::ranges::copy(input.subspan(offset, into.size()), into.begin());
      }};
  images::ReadErofs(image, [&](const images::ErofsEntry& entry) {
    Expect(entry.path.find('\0') == std::string::npos && !entry.path.starts_with('/'),
           "a path is one");
    for (const auto& range : entry.blocks) {
      Expect(range.first == images::kHoleBlock ||
                 (range.first + range.count) * 4096 <= RoundUp(input.size(), 4096),
             "content is inside of the image");
    }
    const bool has_content = (entry.mode & 0170000U) == 0100000U;
    if (has_content && entry.size <= kEnough) {
      Bytes seen = 0;
      static_cast<void>(Succeeds([&] {
        images::ReadErofsContent(image, entry, [&](ByteSpan piece) { seen += piece.size(); });
        Expect(seen == entry.size, "content is as long as it says");
      }));
    }
  });
  static_cast<void>(Succeeds([&] { images::ReadErofsBelow(image, "etc", [](const auto&) {}); }));
}

// Needs mkfs.erofs.
std::vector<Seed> Seeds() {
  const auto directory = std::filesystem::temp_directory_path() / "ros-fuzz-erofs";
  const auto root = directory / "root";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(root / "etc/ssh");
  WriteFileAtomically(root / "etc/hostname", AsBytes("myos\n"));
  WriteFileAtomically(root / "etc/ssh/sshd_config", AsBytes(std::string(5000, '#')));
  std::filesystem::create_symlink("etc/hostname", root / "name");
  std::filesystem::create_hard_link(root / "etc/hostname", root / "same");
  const auto image = directory / "root.erofs";
  images::MakeErofs(root, image, {});
  std::vector<Seed> seeds = {{"small", ReadFile(image, Bytes{1} << 20U)}};
  std::filesystem::remove_all(directory);
  return seeds;
}

}  // namespace ros::fuzz
