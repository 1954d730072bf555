#pragma once

#include <memory>
#include <string>

#include "base/unique_fd.hpp"
#include "images/image_source.hpp"

namespace ros::images {

// What an archive lies in, read at any place: a file of this machine, or one that a server has.
class ArchiveFile {
 public:
  ArchiveFile() = default;
  ArchiveFile(const ArchiveFile&) = delete;
  ArchiveFile& operator=(const ArchiveFile&) = delete;
  ArchiveFile(ArchiveFile&&) = delete;
  ArchiveFile& operator=(ArchiveFile&&) = delete;
  virtual ~ArchiveFile() = default;

  // What messages call it: a path, or an address.
  [[nodiscard]] virtual const std::string& name() const = 0;
  [[nodiscard]] virtual Bytes size() const = 0;
  // A part that is within the file; it may outlive this object. Errors name it by `called`.
  [[nodiscard]] virtual std::unique_ptr<Blob> Part(std::string called, ByteRange range) const = 0;

  // As ImageSource::is_remote.
  [[nodiscard]] virtual bool is_remote() const { return false; }

  // As ImageSource::range_costs.
  [[nodiscard]] virtual RangeCosts range_costs() const { return {}; }
};

// A file of this machine.
class LocalFile final : public ArchiveFile {
 public:
  // Takes an open file. Throws kUsage where it is not a regular file.
  LocalFile(UniqueFd fd, std::string name);

  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] Bytes size() const override { return size_; }

  [[nodiscard]] std::unique_ptr<Blob> Part(std::string called, ByteRange range) const override;

  [[nodiscard]] int fd() const { return fd_->get(); }

 private:
  std::shared_ptr<const UniqueFd> fd_;
  std::string name_;
  Bytes size_;
};

}  // namespace ros::images
