#include "fuzz/sparse_disk.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"

namespace ros::fuzz {

void SparseDisk::CheckRange(Bytes offset, Bytes length) const {
  if (offset > size_ || length > size_ - offset) {
    throw Error(ErrorKind::kFailed, name_ + ": beyond the end");
  }
}

const SparseDisk::Page* SparseDisk::Find(Bytes number) const {
  const auto found = pages_.find(number);
  if (found != pages_.end()) {
    return &found->second;
  }
  return below_ == nullptr ? nullptr : below_->Find(number);
}

void SparseDisk::Read(Bytes offset, MutableByteSpan into) const {
  CheckRange(offset, into.size());
  while (!into.empty()) {
    const auto at = offset % kPage;
    const auto length = std::min<Bytes>(kPage - at, into.size());
    const auto piece = into.first(length);
    if (const auto* page = Find(offset / kPage)) {
      std::memcpy(piece.data(), page->data() + at, length);
    } else {
      std::memset(piece.data(), 0, length);
    }
    offset += length;
    into = into.subspan(length);
  }
}

void SparseDisk::Write(Bytes offset, ByteSpan data) {
  CheckRange(offset, data.size());
  writes_.emplace_back(offset, data.size());
  while (!data.empty()) {
    const auto number = offset / kPage;
    const auto at = offset % kPage;
    const auto length = std::min<Bytes>(kPage - at, data.size());
    const auto [page, is_new] = pages_.try_emplace(number);
    if (is_new && below_ != nullptr && below_->Find(number) != nullptr) {
      page->second = *below_->Find(number);
    }
    std::memcpy(page->second.data() + at, data.data(), length);
    offset += length;
    data = data.subspan(length);
  }
}

}  // namespace ros::fuzz
