#include "config/ssh_keys.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <set>
#include <sstream>

#include "base/error.hpp"
#include "base/file.hpp"
#include "config/write_files.hpp"

namespace ros::config {
namespace {

namespace fs = std::filesystem;
using literals::operator""_MiB;

constexpr const char* kPreferredUser = "rancher";

// The base64 part of a line of authorized_keys(5), which is what makes it the same key; the whole
// line where there is none.
std::string KeyBody(const std::string& line) {
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    if (word.starts_with("AAAA")) {
      return word;
    }
  }
  return line;
}

void MakeSshDirectory(const fs::path& directory, const Account& account) {
  // The user may have put anything here, and we are root.
  if (fs::is_symlink(directory)) {
    throw Error(ErrorKind::kRefused, directory.string() + " is a symbolic link");
  }
  fs::create_directories(directory);
  const auto fd = OpenFile(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

  struct stat status {};

  if (::fstat(fd.get(), &status) != 0) {
    ThrowErrno("looking at " + directory.string());
  }
  const bool owned = status.st_uid == account.uid && status.st_gid == account.gid;
  if ((!owned && ::fchown(fd.get(), account.uid, account.gid) != 0) ||
      ::fchmod(fd.get(), 0700) != 0) {
    ThrowErrno("setting owner and mode of " + directory.string());
  }
}

}  // namespace

std::string SshUser(const fs::path& root) {
  return FindAccount(root, kPreferredUser) ? kPreferredUser : "root";
}

void AddAuthorizedKeys(const fs::path& root, const std::vector<std::string>& keys) {
  const auto account = FindAccount(root, SshUser(root)).value_or(Account{0, 0, "/root"});
  const auto directory = Below(root, account.home) / ".ssh";
  MakeSshDirectory(directory, account);
  const auto path = directory / "authorized_keys";
  std::error_code code;
  auto text =
      fs::is_regular_file(fs::symlink_status(path, code)) ? ReadFile(path, 1_MiB) : std::string();
  std::set<std::string> known;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    known.insert(KeyBody(line));
  }
  if (!text.empty() && text.back() != '\n') {
    text += '\n';
  }
  for (const auto& key : keys) {
    if (known.insert(KeyBody(key)).second) {
      text += key + "\n";
    }
  }
  PutFile(path, AsBytes(text), {account.uid, account.gid, 0600});
}

}  // namespace ros::config
