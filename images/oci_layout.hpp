#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"
#include "images/image_source.hpp"

namespace ros::images {

// Files of an OCI layout (OCI image-spec, image-layout).
inline constexpr std::string_view kLayoutFile = "oci-layout";
inline constexpr std::string_view kIndexFile = "index.json";
inline constexpr Bytes kMaxLayoutFileSize = 4096;

// The order of blobs in the archives that `ros` writes, for pipes: from the smallest to the
// largest, the root layer last of those that each machine reads; behind it patches. Blobs that are
// the same come in no order.
bool ComesBefore(const Descriptor& one, const Descriptor& other);

// Throws kVerification unless `raw` is an oci-layout file of version 1.0.0.
void CheckLayoutFile(std::string_view raw, const std::string& name);

// An OCI layout as a directory. Everything is opened beneath it, and nothing through a link.
class OciLayout final : public ImageSource {
 public:
  // Takes an open directory. Throws kVerification when it is not an OCI layout.
  OciLayout(UniqueFd directory, std::string name);

  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] std::string ReadIndex() const override;
  [[nodiscard]] std::unique_ptr<Blob> OpenBlob(const keys::Digest& digest) const override;
  [[nodiscard]] bool HasBlob(const keys::Digest& digest) const override;

 private:
  [[nodiscard]] std::string ReadEntry(std::string_view file, Bytes limit) const;

  UniqueFd directory_;
  UniqueFd blobs_;  // blobs/sha256
  std::string name_;
};

}  // namespace ros::images
