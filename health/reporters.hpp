#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ros::health {

enum class ReportStatus { kOk, kFail };

// What a reporter said.
struct Report {
  std::string name;
  ReportStatus status = ReportStatus::kOk;
  std::string reason;  // one line, may be empty

  bool operator==(const Report&) const = default;
};

// 1 to 64 letters, digits and ".", "_", "-", the first a letter or digit.
bool IsReporterName(std::string_view name);

// Writes `<directory>/<name>` atomically: "ok\n" or "fail\n", then the reason on a line of its own.
// Makes the directory (mode 0755) when it is missing. Throws kUsage for a bad name.
void WriteReport(const std::filesystem::path& directory, const Report& report);

// All reports below `directory`, by name; empty when it does not exist. What is there may have been
// written by a container: only regular files, never through a symbolic link, of at most 4 KiB,
// whose name is a reporter's and whose first line is whole and says ok or fail, count; of these at
// most 256. The rest is skipped. Control characters in a reason become "?".
std::vector<Report> ReadReports(const std::filesystem::path& directory);

// An executable that checks something: /etc/ros/health.d/{required.d,wanted.d}/NAME.
enum class CheckLevel { kRequired, kWanted };

struct Check {
  std::string name;
  std::filesystem::path path;
  CheckLevel level = CheckLevel::kRequired;

  bool operator==(const Check&) const = default;
};

// The checks below `directories` (each may hold required.d and wanted.d), by name. A name in an
// earlier directory hides the same name in a later one; a link to /dev/null or an empty file hides
// it altogether. Files that are not executable or have no reporter's name are skipped.
std::vector<Check> FindChecks(const std::vector<std::filesystem::path>& directories);

}  // namespace ros::health
