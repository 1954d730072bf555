#pragma once

#include <memory>
#include <string>

#include "images/image_source.hpp"

namespace ros::images {

// A blob in memory.
class TextBlob final : public Blob {
 public:
  // `name` is for errors.
  TextBlob(std::string name, std::shared_ptr<const std::string> text);

  [[nodiscard]] Bytes size() const override { return text_->size(); }

  void ReadAt(Bytes offset, MutableByteSpan into) const override;

 private:
  std::string name_;
  std::shared_ptr<const std::string> text_;
};

}  // namespace ros::images
