// The table "Exit codes" of docs/user-guide.md and the one of ros(1) against ros::ErrorKind and
// what no error is.

#include <catch2/catch.hpp>
#include <map>
#include <sstream>

#include "base/error.hpp"
#include "base/file.hpp"
#include "installer/commands/followed_upgrade.hpp"

namespace {

using Names = std::map<int, std::string>;

// A switch without default: a kind that is added and not named here does not compile.
std::string NameOf(ros::ErrorKind kind) {
  switch (kind) {
    case ros::ErrorKind::kFailed:
      return "kFailed";
    case ros::ErrorKind::kUsage:
      return "kUsage";
    case ros::ErrorKind::kRefused:
      return "kRefused";
    case ros::ErrorKind::kVerification:
      return "kVerification";
    case ros::ErrorKind::kDoesNotFit:
      return "kDoesNotFit";
    case ros::ErrorKind::kNetwork:
      return "kNetwork";
    case ros::ErrorKind::kBusy:
      return "kBusy";
  }
  return "";
}

Names Expected() {
  Names names = {{0, ""}};
  for (int code = 1; !NameOf(static_cast<ros::ErrorKind>(code)).empty(); ++code) {
    names[code] = NameOf(static_cast<ros::ErrorKind>(code));
  }
  // No error, so no kind.
  names[ros::installer::kSomethingNewExit] = "";
  return names;
}

std::string ReadDocument(const std::string& path) {
  return ros::ReadFile(std::string(ROS_SOURCE_DIR) + "/" + path, 1 << 20);
}

}  // namespace

TEST_CASE("user guide: the table of exit codes is the enum", "[docs]") {
  std::istringstream lines(ReadDocument("docs/user-guide.md"));
  std::string line;
  while (std::getline(lines, line) && line != "## Exit codes") {
  }
  Names found;
  while (std::getline(lines, line)) {
    int code = -1;
    std::string bar;
    std::string name;
    std::istringstream words(line);
    if (words >> bar >> code >> bar >> name) {
      found[code] = name == "|" ? "" : name;
    }
  }
  CHECK(found == Expected());
}

TEST_CASE("ros(1): lists each exit status", "[docs]") {
  const auto page = ReadDocument("man/ros.1");
  const auto section = page.substr(page.find(".SH \"EXIT STATUS\""));
  for (const auto& [code, name] : Expected()) {
    CHECK_THAT(section, Catch::Contains("\n" + std::to_string(code) + "\t"));
  }
}
