#pragma once

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "config/yaml_tree.hpp"

namespace ros::config {

// One of `write_files`, base64 decoded.
struct FileToWrite {
  std::string path;  // absolute, without . and ..
  std::string content;
  enum class Packing { kNone, kGzip };
  Packing packing = Packing::kNone;  // of content
  mode_t permissions = 0644;
  std::string user = "root";   // a name or a number
  std::string group = "root";  // the same
  enum class Existing { kReplace, kAppend };
  Existing existing = Existing::kReplace;
  bool operator==(const FileToWrite&) const = default;
};

// One of `mounts`: the fields of fstab(5). A mount point of "none" with type "swap" is swap space.
struct MountEntry {
  std::string device;  // a path, LABEL=, UUID=, PARTUUID=, //server/share, or a type such as tmpfs
  std::string mount_point;
  std::string type = "auto";
  std::vector<std::string> options = {"defaults", "nofail"};
  bool operator==(const MountEntry&) const = default;
};

// One of `bootcmd` or `runcmd`: a shell line, already quoted if it was a list of words.
struct ShellCommand {
  std::string line;
  bool operator==(const ShellCommand&) const = default;
};

// What a cloud-config says, as plain data. What it does not say is empty.
struct CloudConfig {
  std::string hostname;
  std::vector<std::string> ssh_authorized_keys;
  std::vector<FileToWrite> write_files;
  std::vector<MountEntry> mounts;
  std::vector<ShellCommand> bootcmd;
  std::vector<ShellCommand> runcmd;
  // What a person should read, each "FILE:LINE: what, ignoring":
  //   unknown key "hostnme" (did you mean "hostname"?), ignoring
  std::vector<std::string> warnings;
};

// The keys that a cloud-config may have at its top.
std::span<const std::string_view> KnownKeys();

// Reads a cloud-config; `file` is its name in messages. Keys of the maps `ros` and `rancher` are
// free; what ReadUpgradeSettings refuses in `ros.upgrade` is a warning. Throws kUsage
// "FILE:LINE:COLUMN: why" for what ParseYaml refuses, a script or a multi-part message in place of
// a cloud-config, and a known key with a value of the wrong shape.
CloudConfig ParseCloudConfig(std::string_view text, std::string_view file);

// The same for a tree that is parsed already (merged from several files).
CloudConfig ReadCloudConfig(const YamlTree& tree, std::string_view file);

}  // namespace ros::config
