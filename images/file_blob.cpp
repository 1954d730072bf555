#include "images/file_blob.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::images {

FileBlob::FileBlob(std::shared_ptr<const UniqueFd> fd, std::string name, Bytes offset, Bytes size)
    : fd_(std::move(fd)), name_(std::move(name)), offset_(offset), size_(size) {
  // Only asks for more read-ahead; no answer is needed.
  (void)::posix_fadvise(
      fd_->get(), static_cast<off_t>(offset_), static_cast<off_t>(size_), POSIX_FADV_SEQUENTIAL);
}

void FileBlob::ReadAt(Bytes offset, MutableByteSpan into) const {
  if (offset > size_ || into.size() > size_ - offset) {
    throw Error(ErrorKind::kVerification,
                name_ + " ends after " + std::to_string(size_) + " bytes, but bytes " +
                    std::to_string(offset) + " to " + std::to_string(offset + into.size()) +
                    " are wanted");
  }
  ReadFull(fd_->get(), offset_ + offset, into, name_);
}

Bytes RegularFileSize(int fd, const std::string& name) {
  struct stat status {};

  if (::fstat(fd, &status) != 0) {
    ThrowErrno("looking at " + name);
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorKind::kUsage, name + " is not a regular file");
  }
  return static_cast<Bytes>(status.st_size);
}

}  // namespace ros::images
