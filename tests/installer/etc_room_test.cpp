#include "installer/etc_room.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "images/erofs_image.hpp"

namespace ros::installer {
namespace {

using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.

void Put(const std::filesystem::path& path, std::string_view content) {
  std::filesystem::create_directories(path.parent_path());
  WriteFileAtomically(path, AsBytes(content));
}

// A machine that runs an image, with the image's files as an overlay shows them.
class Running {
 public:
  Running() {
    Put(root_ / "etc/hostname", "box\n");
    Put(root_ / "etc/ssh/sshd_config", std::string(9000, 'x'));
    Put(root_ / "etc/ssl/certs/ca.pem", "ca\n");
    std::filesystem::create_symlink("ssh/sshd_config", root_ / "etc/link");
    images::MakeErofs(root_, directory_.path() / "image", {1'900'000'000, {}});
    image_ = ReadFile(directory_.path() / "image", Bytes{16} << 20U);
  }

  [[nodiscard]] std::filesystem::path etc() const { return root_ / "etc"; }

  [[nodiscard]] FileRoom Measure() const {
    return MeasureEtcCopy({.name = "image",
                           .size = image_.size(),
                           .read =
                               [this](Bytes offset, MutableByteSpan into) {
                                 const auto part = AsBytes(image_).subspan(offset, into.size());
                                 std::copy(part.begin(), part.end(), into.begin());
                               }},
                          root_);
  }

 private:
  TempDirectory directory_;
  std::filesystem::path root_ = directory_.path() / "root";
  std::string image_;
};

}  // namespace

TEST_CASE("MeasureEtcCopy: counts what the machine has changed", "[installer]") {
  const Running machine;
  CHECK(machine.Measure() == FileRoom{});

  SECTION("another content, and the directories that lead there") {
    Put(machine.etc() / "ssh/sshd_config", std::string(9001, 'x'));
    CHECK(machine.Measure() == FileRoom{.bytes = 12_KiB + 2 * 4_KiB, .files = 3});
  }
  SECTION("another mode") {
    REQUIRE(::chmod((machine.etc() / "hostname").c_str(), 0600) == 0);
    CHECK(machine.Measure() == FileRoom{.bytes = 2 * 4_KiB, .files = 2});
  }
  SECTION("another time alone") {
    const timespec times[2] = {{1'950'000'000, 0}, {1'950'000'000, 0}};
    REQUIRE(::utimensat(AT_FDCWD, (machine.etc() / "hostname").c_str(), times, 0) == 0);
    CHECK(machine.Measure() == FileRoom{.bytes = 2 * 4_KiB, .files = 2});
  }
  SECTION("new ones") {
    Put(machine.etc() / "ros/config.yml", "a");
    CHECK(machine.Measure() == FileRoom{.bytes = 3 * 4_KiB, .files = 3});
  }
  SECTION("a directory of its own") {
    std::filesystem::create_directory(machine.etc() / "empty");
    CHECK(machine.Measure() == FileRoom{.bytes = 2 * 4_KiB, .files = 2});
  }
  SECTION("what was removed") {
    std::filesystem::remove(machine.etc() / "link");
    CHECK(machine.Measure() == FileRoom{.bytes = 4_KiB, .files = 2});
  }
  SECTION("a directory that was removed with all that is in it") {
    std::filesystem::remove_all(machine.etc() / "ssl");
    CHECK(machine.Measure() == FileRoom{.bytes = 4_KiB, .files = 2});
  }
}

TEST_CASE("EtcRoom: blocks and files both have to do", "[installer]") {
  const EtcRoom enough{.needed = {3_MiB, 40}, .free = {4_MiB, 100}};
  CHECK(enough.Lack().empty());
  auto full = enough;
  full.free.bytes = 3_MiB + 256_KiB;
  CHECK_THAT(full.Lack(), Catch::Contains("/etc, 3 MiB and 40 files, and the state partition "));
  auto without_inodes = enough;
  without_inodes.free.files = 50;
  CHECK_THAT(without_inodes.Lack(), Catch::Contains("has 4 MiB and 50 files left; make room"));
}

TEST_CASE("FreeRoom: what a directory's file system has", "[installer]") {
  const TempDirectory directory;
  CHECK(FreeRoom(directory.path()).bytes > 0);
  CHECK_THROWS_AS(FreeRoom(directory.path() / "none"), Error);
}

}  // namespace ros::installer
