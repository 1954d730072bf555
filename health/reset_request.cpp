#include "health/reset_request.hpp"

#include <string>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::health {
namespace {

constexpr const char* kFile = "reset";
constexpr Bytes kLimit = 4096;

}  // namespace

std::string_view Name(ResetScope scope) {
  return scope == ResetScope::kContent ? "content" : "content-and-trust";
}

std::optional<ResetScope> ReadResetRequest(const std::filesystem::path& directory) {
  const auto path = directory / kFile;
  if (!std::filesystem::exists(path)) {
    return std::nullopt;
  }
  const auto text = ReadFile(path, kLimit);
  return text == std::string(Name(ResetScope::kContentAndTrust)) + "\n"
             ? ResetScope::kContentAndTrust
             : ResetScope::kContent;
}

void WriteResetRequest(const std::filesystem::path& directory, ResetScope scope) {
  WriteFileAtomically(directory / kFile, AsBytes(std::string(Name(scope)) + "\n"));
}

void RemoveResetRequest(const std::filesystem::path& directory) {
  std::error_code code;
  std::filesystem::remove(directory / kFile, code);
  if (code) {
    ThrowErrno("removing " + (directory / kFile).string(), code.value());
  }
  SyncDirectory(directory);
}

}  // namespace ros::health
