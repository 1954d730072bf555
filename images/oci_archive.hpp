#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "images/archive_file.hpp"
#include "images/image_source.hpp"
#include "images/tar_reader.hpp"

namespace ros::images {

struct ArchiveListing {
  std::vector<ArchiveEntry> files;  // regular files only, in the archive's order
  Bytes end = 0;                    // where the last entry and its padding end
};

// Walks the headers of an uncompressed tar. Throws kVerification as TarReader does, and for an
// entry that is longer than the file, and headers of more than kMaxArchiveHeaders. What reading the
// file throws passes through.
ArchiveListing ListArchive(const ArchiveFile& file);

// An OCI layout in an uncompressed tar. Blobs are read in place.
class OciArchive final : public ImageSource {
 public:
  // Throws as ListArchive does, and when it is not an OCI layout.
  explicit OciArchive(std::unique_ptr<const ArchiveFile> file);

  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] std::string ReadIndex() const override;
  [[nodiscard]] std::unique_ptr<Blob> OpenBlob(const keys::Digest& digest) const override;
  [[nodiscard]] bool HasBlob(const keys::Digest& digest) const override;

  [[nodiscard]] bool is_remote() const override { return file_->is_remote(); }

  [[nodiscard]] RangeCosts range_costs() const override { return file_->range_costs(); }

 private:
  [[nodiscard]] std::string ReadEntry(std::string_view entry_name, Bytes limit) const;

  std::unique_ptr<const ArchiveFile> file_;
  std::string name_;
  std::map<std::string, ArchiveEntry, std::less<>> entries_;
};

}  // namespace ros::images
