#include "config/write_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <charconv>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "base/unique_fd.hpp"
#include "config/apply.hpp"

namespace ros::config {
namespace {

namespace fs = std::filesystem;
using literals::operator""_MiB;

std::optional<std::uint32_t> ParseId(std::string_view text) {
  std::uint32_t id = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), id);
  const bool whole = code == std::errc() && end == text.data() + text.size();
  return whole && !text.empty() ? std::optional(id) : std::nullopt;
}

// The fields of the line of `name` in a file such as /etc/passwd; empty when there is none.
std::vector<std::string> FindLine(const fs::path& path, std::string_view name) {
  std::error_code code;
  if (!fs::exists(path, code)) {
    return {};
  }
  const auto text = ReadFile(path, 4_MiB);
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    if (!line.starts_with(std::string(name) + ":")) {
      continue;
    }
    std::vector<std::string> fields;
    for (std::size_t from = 0; from <= line.size();) {
      const auto colon = std::min(line.find(':', from), line.size());
      fields.emplace_back(line.substr(from, colon - from));
      from = colon + 1;
    }
    return fields;
  }
  return {};
}

uid_t UserId(const fs::path& root, const std::string& name) {
  if (const auto id = ParseId(name)) {
    return *id;
  }
  if (const auto account = FindAccount(root, name)) {
    return account->uid;
  }
  if (name == "root") {
    return 0;
  }
  throw Error(ErrorKind::kFailed, "there is no user \"" + name + "\"");
}

gid_t GroupId(const fs::path& root, const std::string& name) {
  if (const auto id = ParseId(name)) {
    return *id;
  }
  const auto fields = FindLine(root / "etc/group", name);
  const auto id = fields.size() > 2 ? ParseId(fields[2]) : std::nullopt;
  if (id) {
    return *id;
  }
  if (name == "root") {
    return 0;
  }
  throw Error(ErrorKind::kFailed, "there is no group \"" + name + "\"");
}

std::string Unpacked(const FileToWrite& file) {
  if (file.packing == FileToWrite::Packing::kNone) {
    return file.content;
  }
  Command gzip;
  gzip.argv = {"gzip", "-dc"};
  gzip.input = file.content;
  gzip.output_limit = kMaxFileSize + 1;
  auto content = RunTool(gzip);
  if (content.size() > kMaxFileSize) {
    throw Error(
        ErrorKind::kDoesNotFit,
        "unpacked it is more than the " + FormatBytes(kMaxFileSize) + " that a file may have");
  }
  return content;
}

}  // namespace

fs::path Below(const fs::path& root, const fs::path& path) {
  return root / path.relative_path();
}

std::optional<Account> FindAccount(const fs::path& root, const std::string& name) {
  constexpr std::size_t kHome = 5;
  const auto fields = FindLine(root / "etc/passwd", name);
  if (fields.size() <= kHome) {
    return std::nullopt;
  }
  const auto uid = ParseId(fields[2]);
  const auto gid = ParseId(fields[3]);
  if (!uid || !gid) {
    return std::nullopt;
  }
  return Account{*uid, *gid, fields[kHome]};
}

void PutFile(const fs::path& path, ByteSpan content, const Attributes& attributes) {
  const bool ours = attributes.uid == ::geteuid() && attributes.gid == ::getegid();
  WriteFileAtomically(path, content, ours ? attributes.mode : 0600);
  if (ours) {
    return;
  }
  const auto fd = OpenFile(path, O_RDONLY | O_NOFOLLOW);
  // The mode comes second: a change of owner takes the set-user-ID bit away.
  if (::fchown(fd.get(), attributes.uid, attributes.gid) != 0 ||
      ::fchmod(fd.get(), attributes.mode) != 0) {
    ThrowErrno("setting owner and mode of " + path.string());
  }
}

void WriteOneFile(const fs::path& root, const FileToWrite& file) {
  const auto path = Below(root, file.path);
  const Attributes attributes{UserId(root, file.user), GroupId(root, file.group), file.permissions};
  auto content = Unpacked(file);
  std::error_code code;
  if (file.existing == FileToWrite::Existing::kAppend && fs::exists(path, code)) {
    content.insert(0, ReadFile(path, kMaxFileSize));
  }
  fs::create_directories(path.parent_path());
  PutFile(path, AsBytes(content), attributes);
}

}  // namespace ros::config
