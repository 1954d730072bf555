#include "images/archive_edit.hpp"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/interrupt.hpp"
#include "base/output_file.hpp"
#include "images/oci_archive.hpp"
#include "images/small_tar.hpp"
#include "images/tar_reader.hpp"

namespace ros::images {
namespace {

constexpr Bytes kEndMark = 2 * kTarBlock;

// The new archive while it is put together.
class Replacement {
 public:
  explicit Replacement(const std::filesystem::path& target) : file_(target) {}

  // Appends a range of another file.
  void Copy(int from, Bytes begin, Bytes end) {
    if (::lseek(file_.fd(), static_cast<off_t>(size_), SEEK_SET) < 0) {
      ThrowErrno("writing " + file_.target().string());
    }
    // Large enough for speed, small enough to be interrupted.
    constexpr Bytes kPiece = Bytes{64} << 20U;
    auto offset = static_cast<off_t>(begin);
    while (offset < static_cast<off_t>(end)) {
      ThrowIfInterrupted();
      const auto left = std::min(kPiece, end - static_cast<Bytes>(offset));
      const auto copied = ::sendfile(file_.fd(), from, &offset, left);
      if (copied < 0) {
        ThrowErrno("copying " + file_.target().string());
      }
      if (copied == 0) {
        throw Error(ErrorKind::kFailed,
                    file_.target().string() + " became shorter while it was copied");
      }
      size_ += static_cast<Bytes>(copied);
    }
  }

  void Append(ByteSpan data) {
    WriteFull(file_.fd(), size_, data, file_.target().string());
    size_ += data.size();
  }

  void Commit(mode_t mode) { file_.Commit(mode); }

 private:
  OutputFile file_;
  Bytes size_ = 0;
};

}  // namespace

void EditArchive(const std::filesystem::path& path,
                 const std::set<std::string>& drop,
                 const std::map<std::string, std::string>& add) {
  const LocalFile file(OpenFile(path, O_RDONLY), path.string());
  const auto listing = ListArchive(file);

  struct stat status {};

  if (::fstat(file.fd(), &status) != 0) {
    ThrowErrno("looking at " + path.string());
  }
  auto entries = MakeSmallTar(add);
  entries.resize(entries.size() - kEndMark);
  Replacement copy(path);
  copy.Append(AsBytes(entries));
  Bytes at = 0;
  for (const auto& entry : listing.files) {
    if (drop.contains(entry.name)) {
      copy.Copy(file.fd(), at, entry.header_offset);
      at = entry.End();
    }
  }
  copy.Copy(file.fd(), at, listing.end);
  copy.Append(AsBytes(std::string(kEndMark, '\0')));
  copy.Commit(status.st_mode & 07777U);
}

}  // namespace ros::images
