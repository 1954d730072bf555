#include "init/tree_copy.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::init {
namespace {

using Path = std::filesystem::path;

void Put(const Path& path, const std::string& text, mode_t mode) {
  std::ofstream(path) << text;
  REQUIRE(::chmod(path.c_str(), mode) == 0);
}

struct stat Status(const Path& path) {
  struct stat status {};

  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status;
}

TEST_CASE("CopyTree: keeps modes, times, links, fifos and attributes", "[init]") {
  const TempDirectory work;
  const auto from = work.path() / "from";
  const auto to = work.path() / "to";
  std::filesystem::create_directories(from / "sub/empty");
  Put(from / "file", std::string(100'000, 'x'), 04711);
  Put(from / "sub/secret", "s", 0600);
  std::filesystem::create_hard_link(from / "file", from / "sub/again");
  std::filesystem::create_symlink("../file", from / "sub/link");
  REQUIRE(::mkfifo((from / "fifo").c_str(), 0640) == 0);
  REQUIRE(::chmod((from / "sub").c_str(), 01770) == 0);
  const bool attributes = ::lsetxattr((from / "file").c_str(), "user.note", "hello", 5, 0) == 0;
  const std::array<timespec, 2> times = {timespec{100, 5}, timespec{200, 7}};
  for (const char* name : {"file", "sub/link", "sub", "."}) {
    REQUIRE(::utimensat(AT_FDCWD, (from / name).c_str(), times.data(), AT_SYMLINK_NOFOLLOW) == 0);
  }

  int ticks = 0;
  CopyTree(from, to, [&] { ++ticks; });

  CHECK(ReadFile(to / "file", 1 << 20) == std::string(100'000, 'x'));
  CHECK((Status(to / "file").st_mode & 07777U) == 04711);
  CHECK((Status(to / "sub/secret").st_mode & 07777U) == 0600);
  CHECK((Status(to / "sub").st_mode & 07777U) == 01770);
  CHECK(Status(to / "file").st_ino == Status(to / "sub/again").st_ino);
  CHECK(std::filesystem::read_symlink(to / "sub/link") == "../file");
  CHECK(S_ISFIFO(Status(to / "fifo").st_mode));
  CHECK(std::filesystem::is_empty(to / "sub/empty"));
  for (const char* name : {"file", "sub/link", "sub", "."}) {
    CHECK(Status(to / name).st_mtim.tv_sec == 200);
    CHECK(Status(to / name).st_mtim.tv_nsec == 7);
  }
  if (attributes) {
    char value[8] = {};
    CHECK(::lgetxattr((to / "file").c_str(), "user.note", value, sizeof value) == 5);
    CHECK(std::string(value) == "hello");
  }
  CHECK(ticks >= 8);
}

TEST_CASE("CopyTree: fails with the path, and on a target that exists", "[init]") {
  const TempDirectory work;
  CHECK_THROWS_WITH(CopyTree(work.path() / "missing", work.path() / "to", [] {}),
                    Catch::Contains("missing"));
  std::filesystem::create_directory(work.path() / "from");
  std::filesystem::create_directory(work.path() / "to");
  CHECK_THROWS_AS(CopyTree(work.path() / "from", work.path() / "to", [] {}), Error);
}

TEST_CASE("RemoveTree: removes all, and nothing is fine too", "[init]") {
  const TempDirectory work;
  std::filesystem::create_directories(work.path() / "a/b/c");
  RemoveTree(work.path() / "a");
  RemoveTree(work.path() / "a");
  CHECK_FALSE(std::filesystem::exists(work.path() / "a"));
}

}  // namespace
}  // namespace ros::init
