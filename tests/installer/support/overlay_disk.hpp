#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/block_device.hpp"

namespace ros::testing {

// What is written stays in memory and hides what is below, which many tests share and none changes.
class OverlayDisk final : public BlockDevice {
 public:
  explicit OverlayDisk(std::shared_ptr<const BlockDevice> below) : below_(std::move(below)) {}

  [[nodiscard]] const std::string& name() const override { return below_->name(); }

  [[nodiscard]] Bytes size() const override { return below_->size(); }

  [[nodiscard]] std::uint32_t sector_size() const override { return below_->sector_size(); }

  void Read(Bytes offset, MutableByteSpan into) const override {
    below_->Read(offset, into);
    for (auto at = sectors_.lower_bound(RoundDown(offset, sector_size()));
         at != sectors_.end() && at->first < offset + into.size();
         ++at) {
      const auto begin = std::max(offset, at->first);
      const auto end = std::min(offset + into.size(), at->first + sector_size());
      std::memcpy(into.data() + (begin - offset), &at->second[begin - at->first], end - begin);
    }
  }

  void Write(Bytes offset, ByteSpan data) override {
    const Bytes end = offset + data.size();
    for (Bytes at = RoundDown(offset, sector_size()); at < end; at += sector_size()) {
      std::vector<std::byte> content(sector_size());
      Read(at, content);
      const auto begin = std::max(offset, at);
      const auto stop = std::min(end, at + sector_size());
      std::memcpy(&content[begin - at], data.data() + (begin - offset), stop - begin);
      sectors_[at] = std::move(content);
    }
  }

  void Sync() override {}

 private:
  std::shared_ptr<const BlockDevice> below_;
  std::map<Bytes, std::vector<std::byte>> sectors_;
};

}  // namespace ros::testing
