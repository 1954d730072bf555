#include "images/text_blob.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace ros::images {

TextBlob::TextBlob(std::string name, std::shared_ptr<const std::string> text)
    : name_(std::move(name)), text_(std::move(text)) {}

void TextBlob::ReadAt(Bytes offset, MutableByteSpan into) const {
  if (offset > text_->size() || into.size() > text_->size() - offset) {
    throw Error(ErrorKind::kVerification, name_ + " is read beyond its end");
  }
  std::ranges::copy(AsBytes(*text_).subspan(offset, into.size()), into.begin());
}

}  // namespace ros::images
