#include "packing/repacker.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace ros::packing {

Repacker::Step Repacker::Add(ByteSpan bytes) {
  if (!layout_) {
    const Step step{.taken = Hold(bytes, kFormHeaderSize - filled_)};
    if (filled_ == kFormHeaderSize) {
      layout_ = ParseFormHeader(std::as_const(held_).span());
      filled_ = 0;
    }
    return step;
  }
  Bytes end = kFormHeaderSize + layout_->before;
  if (done_ < end) {
    return PassOn(bytes, end);
  }
  end += layout_->unpacked;
  if (done_ < end) {
    return Pack(bytes, end);
  }
  end += layout_->behind;
  if (done_ < end) {
    return PassOn(bytes, end);
  }
  done_ += bytes.size();  // Zeros up to a whole unit, or whatever is there.
  return {.taken = bytes.size(), .made = {}};
}

Repacker::Step Repacker::PassOn(ByteSpan bytes, Bytes end) {
  const auto part = bytes.first(std::min<Bytes>(bytes.size(), end - done_));
  done_ += part.size();
  return {.taken = part.size(), .made = part};
}

Repacker::Step Repacker::Pack(ByteSpan bytes, Bytes end) {
  if (!packer_) {
    packer_.emplace();
    held_ = AlignedBuffer(kLz4BlockLength);
    StoreLe32(magic_, 0, kLz4LegacyMagic);
    return {.taken = 0, .made = magic_};
  }
  Step step{.taken = Hold(bytes, std::min(kLz4BlockLength - filled_, end - done_))};
  if (filled_ == kLz4BlockLength || done_ == end) {
    step.made = packer_->Pack(std::as_const(held_).span().first(filled_));
    filled_ = 0;
  }
  return step;
}

std::size_t Repacker::Hold(ByteSpan bytes, Bytes room) {
  const auto part = bytes.first(std::min<Bytes>(bytes.size(), room));
  std::ranges::copy(part, held_.span().subspan(filled_).begin());
  filled_ += part.size();
  done_ += part.size();
  return part.size();
}

void Repacker::Finish() const {
  if (!layout_ || done_ < layout_->Size()) {
    throw Error(ErrorKind::kVerification, "the unpacked form ends too early");
  }
}

}  // namespace ros::packing
