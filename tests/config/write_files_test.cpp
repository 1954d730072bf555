#include "config/write_files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"

using namespace ros::config;
namespace fs = std::filesystem;

namespace {

struct Fixture {
  // A file that belongs to whoever runs the test.
  [[nodiscard]] static FileToWrite File(const std::string& path, const std::string& content) {
    FileToWrite file;
    file.path = path;
    file.content = content;
    file.user = std::to_string(::geteuid());
    file.group = std::to_string(::getegid());
    return file;
  }

  [[nodiscard]] std::string Read(const std::string& path) const {
    return ros::ReadFile(root / path, 1 << 20);
  }

  ros::TempDirectory directory;
  fs::path root = directory.path();
};

}  // namespace

TEST_CASE("WriteOneFile: content and exact mode, whatever the umask", "[config]") {
  const Fixture fixture;
  auto file = Fixture::File("/etc/app/secret", "hidden");
  file.permissions = 0666;
  WriteOneFile(fixture.root, file);
  CHECK(fixture.Read("etc/app/secret") == "hidden");

  struct stat status {};

  REQUIRE(::stat((fixture.root / "etc/app/secret").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0666);
}

TEST_CASE("WriteOneFile: replaces or appends", "[config]") {
  const Fixture fixture;
  WriteOneFile(fixture.root, Fixture::File("/f", "one\n"));
  auto more = Fixture::File("/f", "two\n");
  more.existing = FileToWrite::Existing::kAppend;
  WriteOneFile(fixture.root, more);
  CHECK(fixture.Read("f") == "one\ntwo\n");
  WriteOneFile(fixture.root, Fixture::File("/f", "three\n"));
  CHECK(fixture.Read("f") == "three\n");
}

TEST_CASE("WriteOneFile: owners by name come from the system below root", "[config]") {
  const Fixture fixture;
  fs::create_directories(fixture.root / "etc");
  std::ofstream(fixture.root / "etc/passwd")
      << "me:x:" << ::geteuid() << ":" << ::getegid() << "::/home/me:/bin/sh\nbroken:x\n";
  std::ofstream(fixture.root / "etc/group") << "us:x:" << ::getegid() << ":me\n";
  auto file = Fixture::File("/f", "x");
  file.user = "me";
  file.group = "us";
  CHECK_NOTHROW(WriteOneFile(fixture.root, file));
  file.user = "broken";
  CHECK_THROWS_WITH(WriteOneFile(fixture.root, file), "there is no user \"broken\"");
  file.user = "me";
  file.group = "them";
  CHECK_THROWS_WITH(WriteOneFile(fixture.root, file), "there is no group \"them\"");
}

TEST_CASE("WriteOneFile: unpacks gzip, and says so when it is none", "[config]") {
  const Fixture fixture;
  auto file = Fixture::File("/f", "not gzip at all");
  file.packing = FileToWrite::Packing::kGzip;
  CHECK_THROWS_WITH(WriteOneFile(fixture.root, file), Catch::Contains("gzip failed"));
  CHECK_FALSE(fs::exists(fixture.root / "f"));
  ros::Command gzip;
  gzip.argv = {"gzip", "-c"};
  gzip.input = "packed\n";
  file.content = ros::RunTool(gzip);
  WriteOneFile(fixture.root, file);
  CHECK(fixture.Read("f") == "packed\n");
}

TEST_CASE("WriteOneFile: a directory in the way is an error with the path", "[config]") {
  const Fixture fixture;
  fs::create_directories(fixture.root / "f/sub");
  CHECK_THROWS_WITH(WriteOneFile(fixture.root, Fixture::File("/f", "x")),
                    Catch::Contains((fixture.root / "f").string()));
}
