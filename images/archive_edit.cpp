#include "images/archive_edit.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/c_ptr.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/interrupt.hpp"
#include "base/output_file.hpp"
#include "images/oci_archive.hpp"
#include "images/tar_reader.hpp"

namespace ros::images {
namespace {

using ArchiveWriter = CPtr<archive, archive_write_free>;
using Entry = CPtr<archive_entry, archive_entry_free>;

constexpr Bytes kEndMark = 2 * kTarBlock;
constexpr mode_t kEntryMode = 0644;

void Check(archive* writer, la_ssize_t result) {
  if (result < 0) {
    const char* why = archive_error_string(writer);
    throw Error(ErrorKind::kFailed,
                "writing a tar: " + std::string(why == nullptr ? "unknown error" : why));
  }
}

la_ssize_t AppendToString(archive* /*writer*/, void* text, const void* data, std::size_t length) {
  static_cast<std::string*>(text)->append(static_cast<const char*>(data), length);
  return static_cast<la_ssize_t>(length);
}

// The entries of a tar with these files, without its end mark.
std::string MakeTar(const std::map<std::string, std::string>& files) {
  std::string tar;
  const ArchiveWriter writer(archive_write_new());
  auto* raw = writer.get();
  Check(raw, archive_write_set_format_ustar(raw));
  Check(raw, archive_write_set_bytes_in_last_block(raw, 1));
  Check(raw, archive_write_open(raw, &tar, nullptr, AppendToString, nullptr));
  for (const auto& [name, content] : files) {
    const Entry entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), kEntryMode);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
    archive_entry_set_mtime(entry.get(), 0, 0);
    Check(raw, archive_write_header(raw, entry.get()));
    Check(raw, archive_write_data(raw, content.data(), content.size()));
  }
  Check(raw, archive_write_close(raw));
  tar.resize(tar.size() - kEndMark);
  return tar;
}

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
  Replacement copy(path);
  copy.Append(AsBytes(MakeTar(add)));
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
