#include "images/archive_file.hpp"

#include <utility>

#include "images/file_blob.hpp"

namespace ros::images {

LocalFile::LocalFile(UniqueFd fd, std::string name)
    : fd_(std::make_shared<const UniqueFd>(std::move(fd))),
      name_(std::move(name)),
      size_(RegularFileSize(fd_->get(), name_)) {}

std::unique_ptr<Blob> LocalFile::Part(std::string called, ByteRange range) const {
  return std::make_unique<FileBlob>(fd_, std::move(called), range.offset, range.length);
}

}  // namespace ros::images
