#include "health/reset_request.hpp"

#include <string>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::health {
namespace {

constexpr const char* kRequestFile = "reset";
constexpr Bytes kRequestLimit = 4096;

}  // namespace

std::string_view Name(ResetScope scope) {
  return scope == ResetScope::kContent ? "content" : "content-and-trust";
}

std::optional<ResetScope> ReadResetRequest(const std::filesystem::path& directory) {
  const auto path = directory / kRequestFile;
  if (!std::filesystem::exists(path)) {
    return std::nullopt;
  }
  const auto text = ReadFile(path, kRequestLimit);
  return text == std::string(Name(ResetScope::kContentAndTrust)) + "\n"
             ? ResetScope::kContentAndTrust
             : ResetScope::kContent;
}

void WriteResetRequest(const std::filesystem::path& directory, ResetScope scope) {
  WriteFileAtomically(directory / kRequestFile, AsBytes(std::string(Name(scope)) + "\n"));
}

void RemoveResetRequest(const std::filesystem::path& directory) {
  std::error_code code;
  std::filesystem::remove(directory / kRequestFile, code);
  if (code) {
    ThrowErrno("removing " + (directory / kRequestFile).string(), code.value());
  }
  SyncDirectory(directory);
}

}  // namespace ros::health
