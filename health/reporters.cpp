#include "health/reporters.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/bytes.hpp"
#include "base/c_ptr.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/unique_fd.hpp"

namespace ros::health {
namespace {

constexpr std::size_t kNameLimit = 64;
constexpr std::size_t kReportSizeLimit = 4096;
constexpr std::size_t kReportLimit = 256;
// A flood of files in a directory that containers write to does not keep the gate busy.
constexpr std::size_t kEntryLimit = 4096;

using Directory = CPtr<DIR, ::closedir>;

std::string OneLine(std::string_view text) {
  std::string line(text.substr(0, text.find('\n')));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }, '?');
  return line;
}

std::optional<Report> ParseReport(const std::string& name, std::string_view text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) {
    return std::nullopt;  // its writer is not done
  }
  const auto word = text.substr(0, end);
  if (word != "ok" && word != "fail") {
    return std::nullopt;
  }
  return Report{
      name, word == "ok" ? ReportStatus::kOk : ReportStatus::kFail, OneLine(text.substr(end + 1))};
}

std::optional<Report> ReadReport(int directory, const std::string& name) {
  const UniqueFd fd(
      ::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));

  struct stat status {};

  if (!fd.valid() || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      static_cast<std::size_t>(status.st_size) > kReportSizeLimit) {
    return std::nullopt;
  }
  std::string text(kReportSizeLimit, '\0');
  const ssize_t got = ::read(fd.get(), text.data(), text.size());
  if (got <= 0) {
    return std::nullopt;
  }
  return ParseReport(name, std::string_view(text).substr(0, static_cast<std::size_t>(got)));
}

std::vector<std::string> ReporterNames(DIR* directory) {
  std::vector<std::string> names;
  for (std::size_t seen = 0; seen < kEntryLimit; ++seen) {
    // Safe: each directory stream is used by one thread.
    const dirent* entry = ::readdir(directory);  // NOLINT(concurrency-mt-unsafe)
    if (entry == nullptr) {
      break;
    }
    if (IsReporterName(entry->d_name)) {
      names.emplace_back(entry->d_name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

// What a file in required.d or wanted.d stands for.
enum class CheckFile { kCheck, kMask, kNothing };

CheckFile Classify(const std::filesystem::path& path) {
  struct stat status {};

  if (::stat(path.c_str(), &status) != 0) {
    return CheckFile::kNothing;
  }
  if (S_ISCHR(status.st_mode) || (S_ISREG(status.st_mode) && status.st_size == 0)) {
    return CheckFile::kMask;
  }
  return S_ISREG(status.st_mode) && (status.st_mode & 0111U) != 0 ? CheckFile::kCheck
                                                                  : CheckFile::kNothing;
}

struct CheckFolder {
  const char* name;
  CheckLevel level;
};

void AddChecks(const std::filesystem::path& directory,
               std::set<std::string>& known,
               std::vector<Check>& checks) {
  for (const auto& [folder, level] : {CheckFolder{"required.d", CheckLevel::kRequired},
                                      CheckFolder{"wanted.d", CheckLevel::kWanted}}) {
    for (const auto& name : ListDirectory(directory / folder)) {
      const auto path = directory / folder / name;
      const auto file = IsReporterName(name) ? Classify(path) : CheckFile::kNothing;
      if (file == CheckFile::kNothing || !known.insert(name).second) {
        continue;
      }
      if (file == CheckFile::kCheck) {
        checks.push_back({name, path, level});
      }
    }
  }
}

}  // namespace

bool IsReporterName(std::string_view name) {
  const auto alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= kNameLimit && alphanumeric(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return alphanumeric(c) || c == '.' || c == '_' || c == '-';
         });
}

void WriteReport(const std::filesystem::path& directory, const Report& report) {
  if (!IsReporterName(report.name)) {
    throw Error(ErrorKind::kUsage,
                "\"" + report.name +
                    "\" is not a reporter's name: 1 to 64 letters, digits, \".\", \"_\" or \"-\"");
  }
  std::error_code code;
  std::filesystem::create_directories(directory, code);
  if (code) {
    ThrowErrno("making " + directory.string(), code.value());
  }
  const auto reason = OneLine(report.reason).substr(0, kReportSizeLimit / 4);
  const std::string text =
      std::string(report.status == ReportStatus::kOk ? "ok\n" : "fail\n") + reason + "\n";
  WriteFileAtomically(directory / report.name, AsBytes(text));
}

std::vector<Report> ReadReports(const std::filesystem::path& directory) {
  const Directory stream(::opendir(directory.c_str()));
  if (!stream) {
    if (errno == ENOENT) {
      return {};
    }
    ThrowErrno("reading " + directory.string());
  }
  std::vector<Report> reports;
  for (const auto& name : ReporterNames(stream.get())) {
    if (reports.size() == kReportLimit) {
      break;
    }
    if (auto report = ReadReport(::dirfd(stream.get()), name); report) {
      reports.push_back(std::move(*report));
    }
  }
  return reports;
}

std::vector<Check> FindChecks(const std::vector<std::filesystem::path>& directories) {
  std::set<std::string> known;
  std::vector<Check> checks;
  for (const auto& directory : directories) {
    AddChecks(directory, known, checks);
  }
  std::sort(
      checks.begin(), checks.end(), [](const auto& x, const auto& y) { return x.name < y.name; });
  return checks;
}

}  // namespace ros::health
