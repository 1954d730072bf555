#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "config/cloud_config.hpp"

namespace ros::config {

// `path` (absolute) of the system below `root`.
std::filesystem::path Below(const std::filesystem::path& root, const std::filesystem::path& path);

struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;
};

// A user of ROOT/etc/passwd.
std::optional<Account> FindAccount(const std::filesystem::path& root, const std::string& name);

struct Attributes {
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t mode = 0644;
};

// Replaces a file durably and gives it its owner and mode; a symbolic link is replaced and not
// followed. Until the owner is right nobody but root may read it.
void PutFile(const std::filesystem::path& path, ByteSpan content, const Attributes& attributes);

// Does one entry of write_files below `root`: directories on the way are made with mode 0755. Owner
// and group are names of ROOT/etc/passwd and ROOT/etc/group, or numbers. Throws kFailed with the
// path, an unknown owner, or gzip's complaint.
void WriteOneFile(const std::filesystem::path& root, const FileToWrite& file);

}  // namespace ros::config
