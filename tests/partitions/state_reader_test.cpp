#include "partitions/state_reader.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "partitions/state_file_system.hpp"
#include "tests/partitions/disk_fixture.hpp"

namespace ros::partitions {
namespace {

using testing::MemoryDisk;

constexpr Bytes kOffset = 8_MiB;
constexpr Bytes kLength = 24_MiB;

// A disk with a state of these files in /ros, somewhere in the middle.
struct StateDisk {
  std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>(40_MiB);
  TempDirectory content{"ros-reader"};

  using Files = std::map<std::string, std::string>;

  explicit StateDisk(const Files& files) {
    std::filesystem::create_directories(content.path() / "ros");
    for (const auto& [name, text] : files) {
      WriteFileAtomically(content.path() / "ros" / name, AsBytes(text));
    }
  }

  void Make() const {
    MakeStateFileSystem(Region(disk, kOffset, kLength),
                        {.content = content.path(), .uuid = UuidFromSeed(kSeed, "fs")});
  }

  [[nodiscard]] StateFileRead Read(const std::vector<std::string>& names) const {
    return ReadStateFiles({disk->name(), kOffset, kLength}, "/ros", names);
  }

  [[nodiscard]] std::string Refusal() const {
    try {
      static_cast<void>(Read({"epoch"}));
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kRefused);
      return error.message();
    }
    return {};
  }

  // Changes two bytes of the superblock, by their bits.
  void SetBits(Bytes at, std::uint16_t bits) const {
    std::vector<std::byte> field(2);
    disk->Read(kOffset + 1024 + at, field);
    StoreLe16(field, 0, static_cast<std::uint16_t>(LoadLe16(field, 0) | bits));
    disk->Write(kOffset + 1024 + at, field);
  }
};

}  // namespace

TEST_CASE("ReadStateFiles: the files that are there, whole, and nothing is written",
          "[partitions]") {
  const std::string args = "quiet\n" + std::string(9000, 'x') + "\n";
  const StateDisk state(StateDisk::Files{{"epoch", "7\n"}, {"args", args}, {"journal", "{}"}});
  state.Make();
  std::vector<std::byte> before(40_MiB);
  state.disk->Read(0, before);
  const auto read = state.Read({"epoch", "args", "machine"});
  CHECK(read.files == std::map<std::string, std::string>{{"epoch", "7\n"}, {"args", args}});
  CHECK_FALSE(read.journal_pending);
  std::vector<std::byte> after(40_MiB);
  state.disk->Read(0, after);
  CHECK((before == after));
}

TEST_CASE("ReadStateFiles: a journal that is not replayed is told", "[partitions]") {
  const StateDisk state(StateDisk::Files{{"epoch", "7\n"}});
  state.Make();
  state.SetBits(0x60, 4);
  CHECK(state.Read({"epoch"}).journal_pending);
}

TEST_CASE("ReadStateFiles: what is damaged is refused in words", "[partitions]") {
  const StateDisk state(StateDisk::Files{{"epoch", "7\n"}});
  CHECK_THAT(state.Refusal(), Catch::Contains("is damaged: it holds no ext4"));
  state.Make();
  state.SetBits(0x3a, 2);
  CHECK_THAT(state.Refusal(), Catch::Contains("repair it with e2fsck first"));
  state.Make();
  // The group descriptors, behind the superblock.
  state.disk->Write(kOffset + 4096, std::vector<std::byte>(4096, std::byte{0x55}));
  CHECK_FALSE(state.Refusal().empty());
}

TEST_CASE("ReadStateFiles: a directory or a large file in the place of a small one is refused",
          "[partitions]") {
  const StateDisk large(StateDisk::Files{{"epoch", std::string((1U << 20U) + 1, '1')}});
  large.Make();
  CHECK_THAT(large.Refusal(), Catch::Contains("/ros/epoch is not a small file"));
  const StateDisk directory(StateDisk::Files{});
  std::filesystem::create_directory(directory.content.path() / "ros/epoch");
  directory.Make();
  CHECK_THAT(directory.Refusal(), Catch::Contains("/ros/epoch is not a small file"));
}

TEST_CASE("ReadStateFiles: a file system without the directory is another's", "[partitions]") {
  const StateDisk state(StateDisk::Files{});
  std::filesystem::remove(state.content.path() / "ros");
  state.Make();
  CHECK_THAT(state.Refusal(), Catch::Contains("has no directory /ros"));
}

}  // namespace ros::partitions
