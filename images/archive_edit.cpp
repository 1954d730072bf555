#include "images/archive_edit.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>
#include <utility>

#include "base/c_ptr.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "images/oci_archive.hpp"

namespace ros::images {
namespace {

using ArchiveWriter = CPtr<archive, archive_write_free>;
using Entry = CPtr<archive_entry, archive_entry_free>;

constexpr Bytes kTarBlock = 512;
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

// The bytes of a tar with these files, its end mark included.
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
  return tar;
}

// A file beside another that takes its place at the end, or disappears.
class Replacement {
 public:
  explicit Replacement(std::filesystem::path target)
      : target_(std::move(target)), path_(target_.string() + ".XXXXXX") {
    fd_ = UniqueFd(::mkostemp(path_.data(), O_CLOEXEC));
    if (!fd_.valid()) {
      ThrowErrno("making a file beside " + target_.string());
    }
  }

  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;
  Replacement(Replacement&&) = delete;
  Replacement& operator=(Replacement&&) = delete;

  ~Replacement() {
    if (!path_.empty()) {
      ::unlink(path_.c_str());
    }
  }

  // Appends a range of another file.
  void Copy(int from, Bytes begin, Bytes end) {
    auto offset = static_cast<off_t>(begin);
    while (offset < static_cast<off_t>(end)) {
      const auto left = end - static_cast<Bytes>(offset);
      const auto copied = ::sendfile(fd_.get(), from, &offset, left);
      if (copied < 0) {
        ThrowErrno("copying " + target_.string());
      }
      if (copied == 0) {
        throw Error(ErrorKind::kFailed, target_.string() + " became shorter while it was copied");
      }
      size_ += static_cast<Bytes>(copied);
    }
  }

  void Append(ByteSpan data) {
    WriteFull(fd_.get(), size_, data, path_);
    size_ += data.size();
  }

  void Commit(mode_t mode) {
    if (::fchmod(fd_.get(), mode) != 0 || ::fsync(fd_.get()) != 0) {
      ThrowErrno("writing " + path_);
    }
    fd_.Close(path_);
    if (::rename(path_.c_str(), target_.c_str()) != 0) {
      ThrowErrno("replacing " + target_.string());
    }
    path_.clear();
    const auto directory = target_.parent_path();
    SyncDirectory(directory.empty() ? "." : directory);
  }

 private:
  std::filesystem::path target_;
  std::string path_;
  UniqueFd fd_;
  Bytes size_ = 0;
};

}  // namespace

void EditArchive(const std::filesystem::path& path,
                 const std::set<std::string>& drop,
                 const std::map<std::string, std::string>& add) {
  // Through links, so that what is replaced is the file and not a link to it.
  const auto target = std::filesystem::canonical(path);
  const auto fd = OpenFile(target, O_RDONLY);
  const auto listing = ListArchive(fd.get(), path.string());

  struct stat status {};

  if (::fstat(fd.get(), &status) != 0) {
    ThrowErrno("looking at " + path.string());
  }
  Replacement copy(target);
  Bytes at = 0;
  for (const auto& entry : listing.files) {
    if (drop.contains(entry.name)) {
      copy.Copy(fd.get(), at, entry.header_offset);
      at = RoundUp(entry.data_offset + entry.size, kTarBlock);
    }
  }
  copy.Copy(fd.get(), at, listing.end);
  copy.Append(AsBytes(MakeTar(add)));
  copy.Commit(status.st_mode & 07777U);
}

}  // namespace ros::images
