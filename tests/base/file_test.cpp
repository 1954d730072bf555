#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "tests/support/memory_disk.hpp"

namespace ros {
namespace {

TEST_CASE("WriteFileAtomically: replaces content and leaves nothing beside it", "[base]") {
  const TempDirectory directory;
  const auto path = directory.path() / "file";
  WriteFileAtomically(path, AsBytes("one"));
  WriteFileAtomically(path, AsBytes("two"), 0600);
  CHECK(ReadFile(path, 10) == "two");
  CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::mask) ==
        static_cast<std::filesystem::perms>(0600));
  CHECK(ListDirectory(directory.path()) == std::vector<std::string>{"file"});
}

TEST_CASE("CreateFileDurably: never replaces a file", "[base]") {
  const TempDirectory directory;
  const auto path = directory.path() / "file";
  CreateFileDurably(path, AsBytes("one"));
  try {
    CreateFileDurably(path, AsBytes("two"));
    FAIL("did not throw");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kRefused);
  }
  CHECK(ReadFile(path, 10) == "one");
  CHECK(ListDirectory(directory.path()).size() == 1);
}

TEST_CASE("ReadFileIfThere: no file is none, one that cannot be opened an error", "[base]") {
  const TempDirectory directory;
  const auto path = directory.path() / "file";
  CHECK_FALSE(ReadFileIfThere(path, 10));
  CHECK_FALSE(ReadFileIfThere(path / "below" / "it", 10));
  WriteFileAtomically(path, AsBytes("one"));
  CHECK(ReadFileIfThere(path, 10) == "one");
  CHECK_FALSE(ReadFileIfThere(path / "below", 10));
  CHECK_THROWS_AS(ReadFileIfThere(path, 2), Error);
  CHECK_THROWS_WITH(ReadFileIfThere(directory.path() / std::string(300, 'x'), 10),
                    Catch::Contains("opening "));
}

TEST_CASE("ReadFile: has a limit", "[base]") {
  const TempDirectory directory;
  WriteFileAtomically(directory.path() / "file", AsBytes("12345"));
  CHECK(ReadFile(directory.path() / "file", 5).size() == 5);
  CHECK_THROWS_AS(ReadFile(directory.path() / "file", 4), Error);
  CHECK_THROWS_WITH(ReadFile(directory.path() / "none", 4), Catch::Contains("No such file"));
}

TEST_CASE("FileLock: a second holder is told who has it", "[base]") {
  const TempDirectory directory;
  const auto path = directory.path() / "lock";
  const FileLock lock(path);
  try {
    const FileLock second(path);
    FAIL("did not throw");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kBusy);
    CHECK_THAT(error.message(), Catch::Contains(std::to_string(::getpid())));
  }
}

TEST_CASE("FileLock: a file of somebody else's is locked and not written to", "[base]") {
  testing::MemoryDisk disk(4096, 512, 4096);
  const std::filesystem::path path = disk.name();
  const auto before = ReadFile(path, 4096);
  const auto lock = [&] { return FileLock(OpenFile(path, O_RDWR), path); };
  {
    const auto first = lock();
    try {
      const auto second = lock();
      FAIL("did not throw");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kBusy);
      CHECK_THAT(error.message(), Catch::Contains(path.string() + " is in use"));
      CHECK_THAT(error.message(), Catch::Contains("process " + std::to_string(::getpid())));
    }
  }
  CHECK_NOTHROW(lock());
  CHECK(ReadFile(path, 4096) == before);
}

TEST_CASE("TempDirectory: names a TMPDIR that is not there", "[base]") {
  const char* const before = std::getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("TMPDIR", "/nonexistent", 1);
  CHECK_THROWS_WITH(TempDirectory(),
                    "making a temporary directory in /nonexistent: No such file or directory");
  kept.empty() ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", kept.c_str(), 1);
}

TEST_CASE("TempDirectory: is gone afterwards", "[base]") {
  std::filesystem::path path;
  {
    const TempDirectory directory;
    path = directory.path();
    WriteFileAtomically(path / "file", AsBytes("x"));
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace ros
