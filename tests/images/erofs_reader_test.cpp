#include "images/erofs_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

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
