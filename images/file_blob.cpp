#include "images/file_blob.hpp"

#include <sys/stat.h>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::images {

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
