#include "base/output_file.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros {
namespace {

TEST_CASE("OutputFile: is there whole after Commit, and gone without it", "[base]") {
  const TempDirectory directory;
  const auto path = directory.path() / "file";
  WriteFileAtomically(path, AsBytes("old"));
  {
    OutputFile file(path);
    WriteFull(file.fd(), 0, AsBytes("half"), "half");
  }
  CHECK(ReadFile(path, 10) == "old");
  CHECK(ListDirectory(directory.path()) == std::vector<std::string>{"file"});
  OutputFile file(path);
  WriteFull(file.fd(), 0, AsBytes("new"), "new");
  CHECK(file.Commit(0640) == 3);
  CHECK(ReadFile(path, 10) == "new");
  CHECK(static_cast<int>(std::filesystem::status(path).permissions()) == 0640);
}

TEST_CASE("OutputFile: replaces the file that a link leads to, not the link", "[base]") {
  const TempDirectory directory;
  const auto link = directory.path() / "link";
  std::filesystem::create_directory(directory.path() / "there");
  WriteFileAtomically(directory.path() / "there/file", AsBytes("old"));
  std::filesystem::create_symlink("there/file", link);
  OutputFile file(link);
  WriteFull(file.fd(), 0, AsBytes("new"), "new");
  file.Commit(0644);
  CHECK(std::filesystem::is_symlink(link));
  CHECK(ReadFile(directory.path() / "there/file", 10) == "new");
}

TEST_CASE("ResolveOutput: refuses what must not be replaced by a file", "[base]") {
  const TempDirectory directory;
  const auto path = [&](const char* name) { return directory.path() / name; };
  ::mkfifo(path("pipe").c_str(), 0600);
  std::filesystem::create_symlink("nothing", path("loose"));
  CHECK_THROWS_WITH(ResolveOutput("/dev/null"), Catch::Contains("is a device or a pipe"));
  CHECK_THROWS_WITH(ResolveOutput(path("pipe")), Catch::Contains("is a device or a pipe"));
  CHECK_THROWS_WITH(ResolveOutput(path("loose")), Catch::Contains("leads nowhere"));
  CHECK_THROWS_WITH(ResolveOutput(directory.path()), Catch::Contains("is a directory"));
  CHECK_THROWS_WITH(ResolveOutput(path("none/file")), Catch::Contains("there is no directory"));
  CHECK(ResolveOutput(path("new")) == path("new"));
  CHECK(ResolveOutput("new") == "./new");
}

TEST_CASE("OrdinaryMode: respects the umask", "[base]") {
  const mode_t before = ::umask(027);
  CHECK(OrdinaryMode() == 0640);
  CHECK(::umask(before) == 027);
}

}  // namespace
}  // namespace ros
