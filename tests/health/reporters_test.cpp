#include "health/reporters.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::health {
namespace {

void Put(const std::filesystem::path& path, std::string_view text, mode_t mode = 0644) {
  std::filesystem::create_directories(path.parent_path());
  WriteFileAtomically(path, AsBytes(text), mode);
}

TEST_CASE("Reports: are read as they were written", "[health]") {
  const TempDirectory run;
  const auto directory = run.path() / "health";
  CHECK(ReadReports(directory).empty());
  WriteReport(directory, {"web", ReportStatus::kOk, ""});
  WriteReport(directory, {"db", ReportStatus::kFail, "no disk\nsecond line"});
  WriteReport(directory, {"db", ReportStatus::kFail, "tab\there"});
  CHECK(ReadReports(directory) == std::vector<Report>{{"db", ReportStatus::kFail, "tab?here"},
                                                      {"web", ReportStatus::kOk, ""}});
}

TEST_CASE("Reports: a shell may write them", "[health]") {
  const TempDirectory run;
  Put(run.path() / "web", "ok\n");
  CHECK(ReadReports(run.path()) == std::vector<Report>{{"web", ReportStatus::kOk, ""}});
}

TEST_CASE("Reports: what is not one is skipped", "[health]") {
  const TempDirectory run;
  const auto directory = run.path() / "health";
  Put(directory / "half", "ok");
  Put(directory / "other", "maybe\n");
  Put(directory / "empty", "");
  Put(directory / "huge", "ok\n" + std::string(5000, 'x'));
  Put(directory / ".hidden", "ok\n");
  Put(directory / "bad name", "ok\n");
  Put(run.path() / "secret", "ok\n");
  std::filesystem::create_symlink("../secret", directory / "link");
  std::filesystem::create_directory(directory / "folder");
  REQUIRE(::mkfifo((directory / "fifo").c_str(), 0644) == 0);
  CHECK(ReadReports(directory).empty());
}

TEST_CASE("Reports: at most 256 count", "[health]") {
  const TempDirectory run;
  for (int i = 0; i < 300; ++i) {
    std::ofstream(run.path() / ("r" + std::to_string(i))) << "ok\n";
  }
  CHECK(ReadReports(run.path()).size() == 256);
}

TEST_CASE("WriteReport: refuses names that could be paths", "[health]") {
  const TempDirectory run;
  const auto name =
      GENERATE(as<std::string>(), "", "../x", "a/b", ".x", "-x", std::string(65, 'a'));
  CHECK_THROWS_AS(WriteReport(run.path(), {name, ReportStatus::kOk, ""}), Error);
}

TEST_CASE("FindChecks: finds executables, the earlier directory first", "[health]") {
  const TempDirectory root;
  const auto etc = root.path() / "etc";
  const auto usr = root.path() / "usr";
  Put(usr / "required.d/web", "#!/bin/sh\n", 0755);
  Put(usr / "required.d/masked", "#!/bin/sh\n", 0755);
  Put(usr / "wanted.d/disk", "#!/bin/sh\n", 0755);
  Put(usr / "required.d/README", "text", 0644);
  Put(usr / "required.d/bad name", "#!/bin/sh\n", 0755);
  Put(etc / "wanted.d/web", "#!/bin/sh\n", 0755);
  std::filesystem::create_directories(etc / "required.d");
  std::filesystem::create_symlink("/dev/null", etc / "required.d/masked");
  const std::vector<Check> expected = {
      {"disk", usr / "wanted.d/disk", CheckLevel::kWanted},
      {"web", etc / "wanted.d/web", CheckLevel::kWanted},
  };
  CHECK(FindChecks({etc, usr}) == expected);
}

}  // namespace
}  // namespace ros::health
