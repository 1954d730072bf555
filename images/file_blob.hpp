#pragma once

#include <memory>
#include <string>

#include "base/unique_fd.hpp"
#include "images/image_source.hpp"

namespace ros::images {

// A blob that is a range of a file: in an archive, or a file of its own.
class FileBlob final : public Blob {
 public:
  FileBlob(std::shared_ptr<const UniqueFd> fd, std::string name, Bytes offset, Bytes size);

  [[nodiscard]] Bytes size() const override { return size_; }

  void ReadAt(Bytes offset, MutableByteSpan into) const override;

 private:
  std::shared_ptr<const UniqueFd> fd_;
  std::string name_;
  Bytes offset_;
  Bytes size_;
};

// Size of an open regular file; throws kUsage naming it when it is something else.
Bytes RegularFileSize(int fd, const std::string& name);

}  // namespace ros::images
