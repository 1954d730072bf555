#include "partitions/state_file_system.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <vector>

#include "base/error.hpp"
#include "base/process.hpp"
#include "partitions/scratch_file.hpp"

namespace ros::partitions {
namespace {

using literals::operator""_KiB;
using literals::operator""_GiB;

constexpr Bytes kSmallDisk = 1_GiB;
constexpr std::string_view kSmallJournal = "size=8";
constexpr std::string_view kJournal = "size=32";

void RunMkfs(const ScratchFile& scratch, const StateFileSystem& wanted, Bytes size) {
  Command command{.argv = {"mke2fs",
                           "-q",
                           "-t",
                           "ext4",
                           "-F",
                           "-b",
                           "4096",
                           "-U",
                           wanted.uuid,
                           "-J",
                           std::string(size < kSmallDisk ? kSmallJournal : kJournal),
                           "-E",
                           "nodiscard,lazy_itable_init=1,lazy_journal_init=0,root_owner=0:0"},
                  // Zeros have to be written, not punched: what is a hole in the scratch file
                  // stays as it is on the disk.
                  .environment = {"UNIX_IO_NOZEROOUT=1"}};
  if (!wanted.content.empty()) {
    command.argv.insert(command.argv.end(), {"-d", wanted.content.string()});
  }
  command.argv.insert(command.argv.end(), {scratch.path(), std::to_string(size / 1_KiB) + "k"});
  RunTool(command);
}

std::string QuotedForDebugfs(const std::string& path) {
  if (path.find_first_of("\"\n") != std::string::npos) {
    throw Error(ErrorKind::kUsage, "a file name in the state partition has a quote: " + path);
  }
  return "\"" + path + "\"";
}

// mke2fs keeps the owner of what it copies, which is not root when an ordinary user makes a disk
// image. debugfs sets owners in the scratch file; where all is root's, it is not asked for, and a
// live system need not have it.
void GiveToRoot(const ScratchFile& scratch, const std::filesystem::path& content) {
  std::string script;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(content)) {
    struct stat status {};

    if (::lstat(entry.path().c_str(), &status) != 0) {
      ThrowErrno("looking at " + entry.path().string());
    }
    if (status.st_uid != 0 || status.st_gid != 0) {
      const auto path = QuotedForDebugfs("/" + entry.path().lexically_relative(content).string());
      script += "set_inode_field " + path + " uid 0\n";
      script += "set_inode_field " + path + " gid 0\n";
    }
  }
  if (!script.empty()) {
    RunTool({.argv = {"debugfs", "-w", "-f", "/dev/stdin", scratch.path()}, .input = script});
  }
}

}  // namespace

void MakeStateFileSystem(const Region& partition, const StateFileSystem& wanted) {
  InContext("making the state file system", [&] {
    ScratchFile scratch(partition.length());
    RunMkfs(scratch, wanted, partition.length());
    if (!wanted.content.empty()) {
      GiveToRoot(scratch, wanted.content);
    }
    scratch.ForEachWritten([&](Bytes offset, ByteSpan data) { partition.Write(offset, data); });
    partition.Sync();
  });
}

}  // namespace ros::partitions
