#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "config/apply.hpp"

using namespace ros::config;

TEST_CASE("StoreHistory: reads back the same", "[config]") {
  const ros::TempDirectory directory;
  const auto path = directory.path() / "config";
  CHECK(LoadHistory(path).once.empty());
  StoreHistory(path, {{"disk", "boot"}, {"runcmd", "write_files:/a b:0123"}, {"bootcmd"}});
  const auto history = LoadHistory(path);
  CHECK(history.identity.instance == "disk");
  CHECK(history.identity.boot == "boot");
  CHECK(history.once == std::set<std::string>{"runcmd", "write_files:/a b:0123"});
  CHECK(history.this_boot == std::set<std::string>{"bootcmd"});
}

TEST_CASE("LoadHistory: a damaged one is an error, not an empty one", "[config]") {
  const ros::TempDirectory directory;
  for (const std::string text : {"",
                                 "{",
                                 "[]",
                                 R"({"instance":"a"})",
                                 R"({"instance":1,"boot":"b","once":[],"this_boot":[]})"}) {
    ros::WriteFileAtomically(directory.path() / "applied.json", ros::AsBytes(text));
    try {
      LoadHistory(directory.path());
      FAIL("took " << text);
    } catch (const ros::Error& error) {
      CHECK(error.kind() == ros::ErrorKind::kFailed);
      CHECK_THAT(error.message(), Catch::Contains("applied.json to apply everything again"));
    }
  }
}
