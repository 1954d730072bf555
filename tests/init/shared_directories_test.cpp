#include "init/shared_directories.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::init {
namespace {

using Path = std::filesystem::path;

struct Disk {
  TempDirectory work;
  Path root = work.path() / "root";
  Path state = work.path() / "state";

  Disk() {
    std::filesystem::create_directories(root / "var/lib");
    std::filesystem::create_directories(state);
    std::ofstream(root / "var/lib/file") << "from the image";
  }

  void Fill() {
    FillSharedDirectory(root, state, "var", [] {});
  }
};

TEST_CASE("FillSharedDirectory: copies once in the state's life", "[init]") {
  Disk disk;
  disk.Fill();
  CHECK(ReadFile(disk.state / "var/lib/file", 100) == "from the image");
  std::filesystem::remove(disk.state / "var/lib/file");
  disk.Fill();
  CHECK_FALSE(std::filesystem::exists(disk.state / "var/lib/file"));
  std::filesystem::remove_all(disk.state / "var");
  disk.Fill();
  CHECK(std::filesystem::is_empty(disk.state / "var"));
}

TEST_CASE("FillSharedDirectory: fills what install made empty", "[init]") {
  Disk disk;
  std::filesystem::create_directory(disk.state / "var");
  disk.Fill();
  CHECK(std::filesystem::exists(disk.state / "var/lib/file"));
}

TEST_CASE("FillSharedDirectory: leaves alone what holds something", "[init]") {
  Disk disk;
  std::filesystem::create_directories(disk.state / "var/mine");
  disk.Fill();
  CHECK_FALSE(std::filesystem::exists(disk.state / "var/lib"));
}

TEST_CASE("FillSharedDirectory: a cut in the middle begins anew", "[init]") {
  Disk disk;

  struct Cut {};

  for (int i = 1; i < 20; ++i) {
    std::ofstream(disk.root / "var/lib" / std::to_string(i)) << i;
  }
  for (int stop = 1; stop < 22; ++stop) {
    int ticks = 0;
    CHECK_THROWS_AS(FillSharedDirectory(disk.root,
                                        disk.state,
                                        "var",
                                        [&] {
                                          if (++ticks == stop) {
                                            throw Cut();
                                          }
                                        }),
                    Cut);
    CHECK_FALSE(std::filesystem::exists(disk.state / "var"));
  }
  disk.Fill();
  CHECK(ListDirectory(disk.state / "var/lib").size() == 20);
  CHECK(ListDirectory(disk.state) == std::vector<std::string>{"ros", "var"});
}

TEST_CASE("FillSharedDirectory: an image without the directory gives an empty one", "[init]") {
  Disk disk;
  FillSharedDirectory(disk.root, disk.state, "srv", [] {});
  CHECK(std::filesystem::is_empty(disk.state / "srv"));
}

}  // namespace
}  // namespace ros::init
