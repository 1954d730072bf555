#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/unique_fd.hpp"
#include "images/root_directory.hpp"

namespace ros::images {

// What a file has besides its content.
struct FileAttributes {
  mode_t permissions = 0755;  // the lowest 12 bits of the mode
  uid_t owner = 0;
  gid_t group = 0;
  timespec modified{};
  // Full name ("security.capability") and value. POSIX ACLs travel as system.posix_acl_*.
  std::vector<std::pair<std::string, std::string>> xattrs;
};

// A character or block device, a FIFO or a socket.
struct NodeType {
  mode_t type = 0;  // S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK
  dev_t device = 0;
};

// A container's root being put together in a directory, layer by layer (OCI image specification,
// "Image Layer Filesystem Changeset").
//
// Paths come from hostile archives: each is cleaned ("./usr//bin/" is "usr/bin"), refused when it
// is absolute, holds ".." or is too long, and its parents are resolved inside the directory. A
// symbolic link as a parent leads to where it would in the running container, never outside. Every
// failure throws with the path; what breaks a limit or points outside is kVerification.
//
// Owners and device nodes need root's rights or a fakeroot session (images/fakeroot.hpp).
class StagedTree {
 public:
  static constexpr std::uint64_t kMaxEntries = 4'000'000;
  static constexpr Bytes kMaxTotalSize = Bytes{1} << 38;  // 256 GiB
  static constexpr std::size_t kMaxPathLength = 4095;
  static constexpr std::size_t kMaxNameLength = 255;
  static constexpr Bytes kMaxXattrsSize = 65536;  // of one file

  // Writes a file's content through the descriptor; what it throws leaves Add... with the path.
  using ContentWriter = std::function<void(int fd)>;

  // `directory` exists and is empty.
  explicit StagedTree(std::filesystem::path directory);

  [[nodiscard]] const RootDirectory& root() const { return root_; }

  // The next calls belong to one layer: its opaque directories hide what earlier layers put there,
  // not what it brings itself.
  void BeginLayer();

  // Each replaces what has that path, except that a directory over a directory keeps its content.
  // Missing parents are made, 0755 root.
  void AddDirectory(std::string_view path, const FileAttributes& attributes);
  void AddFile(std::string_view path,
               const FileAttributes& attributes,
               const ContentWriter& write_content);
  void AddSymlink(std::string_view path,
                  const std::string& target,
                  const FileAttributes& attributes);
  void AddNode(std::string_view path, NodeType node, const FileAttributes& attributes);
  // A second name for a file that is there already.
  void AddHardLink(std::string_view path, std::string_view target);

  // Whiteout: removes what earlier layers have at that path. Nothing there is no error.
  void RemoveLower(std::string_view path);
  // Opaque directory: removes all that earlier layers have in it.
  void ClearLower(std::string_view directory);

  // Counts bytes of content against kMaxTotalSize; the writers call it as they write.
  void CountContent(Bytes size);

  // The time of the newest entry that was added, in seconds; 0 for an empty tree.
  [[nodiscard]] std::int64_t newest() const { return newest_; }

  // Sets modes, owners and times of directories, which must wait until nothing is put in any more.
  // To be called once, last.
  void Finish();

 private:
  struct Place {
    UniqueFd parent;
    std::string name;  // one component
    std::string path;  // cleaned
  };

  // Finds the parent of a path; `make_room` removes what is there.
  Place Locate(std::string_view path);
  Place LocateForNew(std::string_view path);
  UniqueFd OpenOrMakeParents(const std::string& path);
  void RemoveUnlessOfThisLayer(int parent, const std::string& name, const std::string& path);
  void Apply(const Place& place, const FileAttributes& attributes);

  RootDirectory root_;
  std::uint64_t entries_ = 0;
  Bytes content_size_ = 0;
  std::int64_t newest_ = 0;
  std::set<std::string, std::less<>> of_this_layer_;
  std::map<std::string, FileAttributes, std::less<>> directories_;
};

}  // namespace ros::images
