#include "images/erofs_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "base/error.hpp"
#include "base/file.hpp"
#include "images/erofs_image.hpp"
#include "tests/images/support/small_root.hpp"

namespace ros::images {
namespace {

using testing::Noise;
using testing::PutFile;

std::map<std::string, ErofsEntry> Read(const std::filesystem::path& image) {
  std::map<std::string, ErofsEntry> entries;
  ReadErofs(image, [&](const ErofsEntry& entry) { entries[entry.path] = entry; });
  return entries;
}

std::string ContentOf(const std::filesystem::path& image, const ErofsEntry& entry) {
  const std::string bytes = ReadFile(image, Bytes{64} << 20U);
  std::string content;
  for (const auto& range : entry.blocks) {
    content += bytes.substr(range.first * 4096, range.count * 4096);
  }
  content.resize(entry.size);
  return content;
}

void MakeTree(const std::filesystem::path& root) {
  PutFile(root / "etc/passwd", "root:x:0:0\n");
  PutFile(root / "usr/big", Noise(100'000, 1));
  std::filesystem::create_hard_link(root / "usr/big", root / "usr/same");
  std::filesystem::create_symlink("big", root / "usr/link");
  PutFile(root / "usr/empty", "");
  for (int i = 0; i < 400; ++i) {
    PutFile(root / "many" / ("file-with-a-longer-name-" + std::to_string(i)), std::to_string(i));
  }
  REQUIRE(::mknod((root / "null").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0);
  REQUIRE(::chown((root / "usr/big").c_str(), 1234, 70'000) == 0);
  REQUIRE(::chmod((root / "usr/big").c_str(), 04711) == 0);
  REQUIRE(::lsetxattr((root / "usr/big").c_str(), "user.one", "1", 1, 0) == 0);
  REQUIRE(::lsetxattr((root / "usr/big").c_str(), "user.shared", "2", 1, 0) == 0);
  for (const auto* name : {"etc/passwd", "usr/empty", "usr"}) {
    REQUIRE(::lsetxattr((root / name).c_str(), "user.shared", "2", 1, 0) == 0);
  }
}

TEST_CASE("ReadErofs: tells what mkfs.erofs put in", "[images]") {
  const TempDirectory directory;
  MakeTree(directory.path() / "root");
  const auto image = directory.path() / "image";
  MakeErofs(directory.path() / "root", image, {1'700'000'000, {}});
  const auto entries = Read(image);
  CHECK(entries.size() == 1 + 8 + 1 + 400);
  const ErofsEntry& big = entries.at("usr/big");
  CHECK(big.mode == (S_IFREG | 04711));
  CHECK(big.owner == 1234);
  CHECK(big.group == 70'000);
  CHECK(big.links == 2);
  CHECK(big.inode == entries.at("usr/same").inode);
  CHECK(big.modified == 1'600'000'000);
  CHECK(big.modified_nanoseconds == 5);
  CHECK(ContentOf(image, big) == Noise(100'000, 1));
  CHECK(big.blocks.size() == 1);
  const std::map<std::string, std::string> xattrs(big.xattrs.begin(), big.xattrs.end());
  CHECK(xattrs == std::map<std::string, std::string>{{"user.one", "1"}, {"user.shared", "2"}});
  CHECK(entries.at("null").device == 0x103);
  CHECK(S_ISCHR(entries.at("null").mode));
  CHECK(ContentOf(image, entries.at("many/file-with-a-longer-name-399")) == "399");
  CHECK(entries.at("usr/empty").blocks.empty());
  CHECK(entries.count("") == 1);
}

TEST_CASE("MakeErofs: the same tree gives the same bytes", "[images]") {
  const TempDirectory directory;
  for (const auto* name : {"one", "two"}) {
    MakeTree(directory.path() / name);
    for (const auto* sub : {"", "etc", "usr", "many"}) {
      const std::array<timespec, 2> times = {timespec{1'500'000'000, 0},
                                             timespec{1'500'000'000, 0}};
      REQUIRE(::utimensat(AT_FDCWD, (directory.path() / name / sub).c_str(), times.data(), 0) == 0);
    }
    MakeErofs(directory.path() / name,
              directory.path() / (std::string(name) + ".erofs"),
              {1'700'000'000, {}});
  }
  CHECK(ReadFile(directory.path() / "one.erofs", Bytes{64} << 20U) ==
        ReadFile(directory.path() / "two.erofs", Bytes{64} << 20U));
}

// An image as no mkfs.erofs makes it here: the root, whose content lies beside its inode, and in it
// "f", whose content is a list of chunks of one block.
std::string ImageOf(mode_t mode, Bytes size, const std::vector<std::uint32_t>& chunks) {
  constexpr std::size_t kInodes = 4096;
  constexpr std::size_t kFile = 4;  // its inode number
  std::string image(Bytes{5} * 4096, '\0');
  const auto bytes = AsWritableBytes(image);
  StoreLe32(bytes, 1024, 0xE0F5E1E2);
  image[1024 + 12] = 12;           // blocks of 4096 bytes
  StoreLe32(bytes, 1024 + 40, 1);  // inodes begin in block 1
  StoreLe16(bytes, kInodes, 2U << 1U);
  StoreLe16(bytes, kInodes + 4, S_IFDIR | 0755);
  StoreLe32(bytes, kInodes + 8, 13);
  const auto dirent = kInodes + 32;
  StoreLe64(bytes, dirent, kFile);
  StoreLe16(bytes, dirent + 8, 12);
  image[dirent + 12] = 'f';
  const auto file = kInodes + kFile * 32;
  StoreLe16(bytes, file, 4U << 1U);
  StoreLe16(bytes, file + 4, static_cast<std::uint16_t>(mode));
  StoreLe32(bytes, file + 8, static_cast<std::uint32_t>(size));
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    StoreLe32(bytes, file + 32 + i * 4, chunks[i]);
  }
  image.replace(Bytes{4} * 4096, 4096, std::string(4096, 'x'));
  return image;
}

ErofsBytes InMemory(const std::string& image) {
  return {.name = "image", .size = image.size(), .read = [&](Bytes offset, MutableByteSpan into) {
            std::ranges::copy(AsBytes(image).subspan(offset, into.size()), into.begin());
          }};
}

TEST_CASE("ReadErofs: data behind a hole is none of it", "[images]") {
  constexpr auto kHole = ~std::uint32_t{0};
  // The number of the block is that of the hole's blocks less one, as if it came after kHoleBlock.
  const auto image =
      ImageOf(S_IFREG | 0644, Bytes{6} * 4096, {kHole, kHole, kHole, kHole, kHole, 4});
  std::string content;
  ReadErofs(InMemory(image), [&](const ErofsEntry& entry) {
    if (entry.path == "f") {
      CHECK(entry.blocks == std::vector<BlockRange>{{kHoleBlock, 5}, {4, 1}});
      ReadErofsContent(InMemory(image), entry, [&](ByteSpan piece) { content += AsText(piece); });
    }
  });
  CHECK(content == std::string(Bytes{5} * 4096, '\0') + std::string(4096, 'x'));
}

TEST_CASE("ReadErofs: a directory is not larger than its image", "[images]") {
  const auto image = ImageOf(S_IFDIR | 0755, Bytes{900} * 4096, std::vector<std::uint32_t>(900, 4));
  CHECK_THROWS_WITH(ReadErofs(InMemory(image), [](const ErofsEntry&) {}),
                    Catch::Contains("a directory that is too large"));
}

TEST_CASE("ReadErofs: damage is an error and never more", "[images]") {
  const TempDirectory directory;
  MakeTree(directory.path() / "root");
  const auto image = directory.path() / "image";
  MakeErofs(directory.path() / "root", image, {1'700'000'000, {}});
  const std::string whole = ReadFile(image, Bytes{64} << 20U);
  const auto damaged = directory.path() / "damaged";
  const auto read = [&](const std::string& content) {
    WriteFileAtomically(damaged, AsBytes(content));
    try {
      (void)Read(damaged);
    } catch (const Error&) {
      return false;
    }
    return true;
  };
  CHECK_FALSE(read(""));
  CHECK_FALSE(read(std::string(8192, 'x')));
  CHECK_FALSE(read(whole.substr(0, 4096)));
  std::mt19937 random(3);
  // The metadata comes first: damage there, a few bytes at a time.
  for (int i = 0; i < 60; ++i) {
    std::string content = whole;
    for (int k = 0; k < 8; ++k) {
      content[1024 + random() % 40'000] = static_cast<char>(random());
    }
    (void)read(content);
  }
  SUCCEED("came back from all of them");
}

}  // namespace
}  // namespace ros::images
