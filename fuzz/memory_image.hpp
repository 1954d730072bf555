#pragma once

#include <map>
#include <memory>
#include <string>

#include "images/image_source.hpp"

namespace ros::fuzz {

// An OCI layout of blobs in memory: what a target wants to be read, by its true digest.
class MemoryImage final : public images::ImageSource {
 public:
  explicit MemoryImage(std::string index) : index_(std::move(index)) {}

  // Adds a blob and returns how a manifest names it.
  images::Descriptor Add(std::string content, std::string_view media_type);

  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] std::string ReadIndex() const override { return index_; }

  [[nodiscard]] std::unique_ptr<images::Blob> OpenBlob(const keys::Digest& digest) const override;

  [[nodiscard]] bool HasBlob(const keys::Digest& digest) const override {
    return blobs_.contains(digest.Hex());
  }

 private:
  std::string name_ = "image.oci";
  std::string index_;
  std::map<std::string, std::string> blobs_;
};

// A text in memory as a blob; it must live as long.
class MemoryBlob final : public images::Blob {
 public:
  explicit MemoryBlob(std::string_view content) : content_(content) {}

  [[nodiscard]] Bytes size() const override { return content_.size(); }

  void ReadAt(Bytes offset, MutableByteSpan into) const override;

 private:
  std::string_view content_;
};

}  // namespace ros::fuzz
