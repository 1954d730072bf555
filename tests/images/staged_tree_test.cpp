#include "images/staged_tree.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "tests/images/support/small_root.hpp"

namespace ros::images {
namespace {

using testing::DescribeTree;

StagedTree::ContentWriter Writes(const std::string& text) {
  return [text](int fd) { WriteFull(fd, 0, AsBytes(text), "test"); };
}

FileAttributes Mode(mode_t permissions) {
  FileAttributes attributes;
  attributes.permissions = permissions;
  return attributes;
}

struct Stage {
  TempDirectory outer;
  std::filesystem::path directory = outer.path() / "tree";
  bool made = std::filesystem::create_directory(directory);
  StagedTree tree{directory};
};

ErrorKind KindOf(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("nothing was thrown");
  return ErrorKind::kFailed;
}

TEST_CASE("StagedTree: refuses paths that point outside", "[images]") {
  Stage stage;
  const std::vector<std::string> paths = {
      "../evil", "a/../../evil", "/etc/passwd", "a/..", "..", "", ".", std::string("a\0b", 3)};
  for (const auto& path : paths) {
    INFO(path);
    CHECK(KindOf([&] { stage.tree.AddFile(path, Mode(0644), Writes("x")); }) ==
          ErrorKind::kVerification);
  }
  CHECK(KindOf([&] { stage.tree.AddFile(std::string(256, 'n'), Mode(0644), Writes("x")); }) ==
        ErrorKind::kVerification);
  CHECK(KindOf([&] { stage.tree.AddDirectory(std::string(5000, 'n'), Mode(0755)); }) ==
        ErrorKind::kVerification);
  CHECK(DescribeTree(stage.outer.path()).find("evil") == std::string::npos);
}

TEST_CASE("StagedTree: follows symbolic links as the running container would", "[images]") {
  Stage stage;
  stage.tree.AddDirectory("usr/lib", Mode(0755));
  stage.tree.AddSymlink("lib", "/usr/lib", Mode(0777));
  stage.tree.AddSymlink("up", "../../../..", Mode(0777));
  stage.tree.AddFile("lib/inside", Mode(0644), Writes("1"));
  stage.tree.AddFile("up/at-the-top", Mode(0644), Writes("2"));
  CHECK(ReadFile(stage.directory / "usr/lib/inside", 10) == "1");
  CHECK(ReadFile(stage.directory / "at-the-top", 10) == "2");
  CHECK_FALSE(std::filesystem::exists(stage.outer.path() / "at-the-top"));
}

TEST_CASE("StagedTree: does not write through a symbolic link", "[images]") {
  Stage stage;
  stage.tree.AddFile("target", Mode(0644), Writes("old"));
  stage.tree.AddSymlink("name", "target", Mode(0777));
  stage.tree.AddFile("name", Mode(0644), Writes("new"));
  CHECK(ReadFile(stage.directory / "target", 10) == "old");
  CHECK(ReadFile(stage.directory / "name", 10) == "new");
}

TEST_CASE("StagedTree: hard links share their file and stay inside", "[images]") {
  Stage stage;
  stage.tree.AddFile("a/file", Mode(0600), Writes("x"));
  stage.tree.AddHardLink("b/link", "./a/file");

  struct stat first {};

  struct stat second {};

  REQUIRE(::stat((stage.directory / "a/file").c_str(), &first) == 0);
  REQUIRE(::stat((stage.directory / "b/link").c_str(), &second) == 0);
  CHECK(first.st_ino == second.st_ino);
  for (const std::string target : {"../outside", "/etc/passwd", "missing", "a"}) {
    INFO(target);
    CHECK(KindOf([&] { stage.tree.AddHardLink("c", target); }) == ErrorKind::kVerification);
  }
}

TEST_CASE("StagedTree: what comes later replaces what was there", "[images]") {
  Stage stage;
  stage.tree.AddFile("a/b/c", Mode(0644), Writes("x"));
  stage.tree.AddFile("a/b", Mode(0644), Writes("now a file"));
  stage.tree.AddFile("d", Mode(0644), Writes("x"));
  stage.tree.AddDirectory("d", Mode(0700));
  stage.tree.AddSymlink("e", "d", Mode(0777));
  stage.tree.AddDirectory("e", Mode(0755));
  stage.tree.AddDirectory("a", Mode(0750));
  stage.tree.Finish();
  CHECK(DescribeTree(stage.directory) ==
        "a 40750 0:0\na/b 100644 0:0 'now a file'\nd 40700 0:0\ne 40755 0:0\n");
}

TEST_CASE("StagedTree: whiteouts hide earlier layers, not their own", "[images]") {
  Stage stage;
  for (const auto* path : {"keep", "gone", "dir/lower", "dir/deep/lower", "other/lower"}) {
    stage.tree.AddFile(path, Mode(0644), Writes("1"));
  }
  stage.tree.BeginLayer();
  stage.tree.AddFile("dir/deep/own", Mode(0644), Writes("2"));
  stage.tree.ClearLower("dir");
  stage.tree.RemoveLower("gone");
  stage.tree.RemoveLower("other");
  stage.tree.RemoveLower("never/there");
  stage.tree.ClearLower("never");
  stage.tree.Finish();
  CHECK(DescribeTree(stage.directory) ==
        "dir 40755 0:0\ndir/deep 40755 0:0\ndir/deep/own 100644 0:0 '2'\nkeep 100644 0:0 '1'\n");
}

TEST_CASE("StagedTree: directory modes and times are set at the end", "[images]") {
  Stage stage;
  FileAttributes closed = Mode(0500);
  closed.owner = 7;
  closed.modified = {1'500'000'000, 123'456'789};
  stage.tree.AddDirectory("d", closed);
  stage.tree.AddFile("d/f", Mode(0644), Writes("x"));
  stage.tree.Finish();

  struct stat status {};

  REQUIRE(::stat((stage.directory / "d").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0500);
  CHECK(status.st_uid == 7);
  CHECK(status.st_mtim.tv_sec == 1'500'000'000);
  CHECK(status.st_mtim.tv_nsec == 123'456'789);
  CHECK(stage.tree.newest() == 1'500'000'000);
}

TEST_CASE("StagedTree: content beyond the limit is refused", "[images]") {
  Stage stage;
  stage.tree.CountContent(StagedTree::kMaxTotalSize);
  CHECK(KindOf([&] { stage.tree.CountContent(1); }) == ErrorKind::kVerification);
}

}  // namespace
}  // namespace ros::images
