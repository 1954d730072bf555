#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ros::config {

// The user who gets the keys: "rancher" where ROOT/etc/passwd has one, else "root".
std::string SshUser(const std::filesystem::path& root);

// Adds keys to ~/.ssh/authorized_keys of that user, which keeps the keys that are there; a key that
// is there already (comment and options aside) is not added again. The directory gets mode 0700,
// the file 0600, both the user's. Throws kRefused when ~/.ssh is a symbolic link.
void AddAuthorizedKeys(const std::filesystem::path& root, const std::vector<std::string>& keys);

}  // namespace ros::config
