#include "partitions/state_file_system.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "base/error.hpp"
#include "base/file.hpp"
#include "tests/partitions/disk_fixture.hpp"

namespace ros::partitions {
namespace {

using testing::MemoryDisk;

std::string Debugfs(const BlockDevice& disk, const std::string& request) {
  return Run({"debugfs", "-R", request, disk.name()}).out;
}

void MakeTree(const std::filesystem::path& root) {
  std::filesystem::create_directories(root / "ros/keys");
  CreateFileDurably(root / "ros/keys/a key.pem", AsBytes("key"), 0600);
  for (int i = 0; i < 100; ++i) {
    CreateFileDurably(root / "ros" / ("file" + std::to_string(i)), AsBytes("content"));
  }
  if (::geteuid() == 0) {
    REQUIRE(::chown((root / "ros/keys/a key.pem").c_str(), 1234, 1234) == 0);
  }
}

}  // namespace

TEST_CASE("MakeStateFileSystem: sound on a disk full of stale bytes", "[partitions]") {
  const Bytes size = 96_MiB;
  auto disk = std::make_shared<MemoryDisk>(size, 512, size);
  const TempDirectory content;
  MakeTree(content.path());
  MakeStateFileSystem(Region(disk), {.content = content.path(), .uuid = kSeed});
  const auto fsck = Run({"e2fsck", "-fn", disk->name()});
  INFO(fsck.out << fsck.err);
  CHECK(fsck.exit_code == 0);
  CHECK(Debugfs(*disk, "cat \"/ros/keys/a key.pem\"") == "key");
  CHECK(Debugfs(*disk, "cat /ros/file99") == "content");
  CHECK_THAT(Debugfs(*disk, "show_super_stats -h"), Catch::Contains(kSeed));
}

TEST_CASE("MakeStateFileSystem: everything belongs to root, modes stay", "[partitions]") {
  auto disk = std::make_shared<MemoryDisk>(64_MiB);
  const TempDirectory content;
  MakeTree(content.path());
  MakeStateFileSystem(Region(disk), {.content = content.path(), .uuid = kSeed});
  for (const auto* path : {"/", "/ros", "\"/ros/keys/a key.pem\"", "/ros/file3"}) {
    const auto text = Debugfs(*disk, std::string("stat ") + path);
    INFO(path << text);
    CHECK_THAT(text, Catch::Contains("User:     0   Group:     0"));
  }
  CHECK_THAT(Debugfs(*disk, "stat /"), Catch::Contains("Mode:  0755"));
  CHECK_THAT(Debugfs(*disk, "stat \"/ros/keys/a key.pem\""), Catch::Contains("Mode:  0600"));
}

TEST_CASE("MakeStateFileSystem: a large disk is quick and stays inside its partition",
          "[partitions]") {
  auto disk = std::make_shared<MemoryDisk>(1024_GiB);
  MakeStateFileSystem(Region(disk, 1_MiB, 1024_GiB - 2_MiB), {.uuid = kSeed});
  std::vector<std::byte> bytes(1_MiB);
  for (const Bytes offset : {Bytes{0}, 1024_GiB - 1_MiB}) {
    disk->Read(offset, bytes);
    CHECK(std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0xcc}; }));
  }
  std::vector<std::byte> magic(2);
  disk->Read(1_MiB + 1024 + 56, magic);
  CHECK(LoadLe16(magic, 0) == 0xef53);
}

TEST_CASE("MakeStateFileSystem: content that does not fit", "[partitions]") {
  auto disk = std::make_shared<MemoryDisk>(16_MiB);
  const TempDirectory content;
  WriteFileAtomically(content.path() / "large", AsBytes(std::string(32_MiB, 'x')));
  CHECK_THROWS_AS(MakeStateFileSystem(Region(disk), {.content = content.path(), .uuid = kSeed}),
                  Error);
}

}  // namespace ros::partitions
