#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/block_device.hpp"

namespace ros::fuzz {

// A disk in memory that holds only what was written to it, over another one that stays as it is:
// thousands are made in a second.
class SparseDisk final : public BlockDevice {
 public:
  explicit SparseDisk(Bytes size, std::uint32_t sector_size = 512)
      : size_(size), sector_size_(sector_size) {}

  // Reads as `below` where nothing is written; may be longer or shorter.
  SparseDisk(std::shared_ptr<const SparseDisk> below, Bytes size)
      : below_(std::move(below)), size_(size), sector_size_(below_->sector_size()) {}

  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] Bytes size() const override { return size_; }

  [[nodiscard]] std::uint32_t sector_size() const override { return sector_size_; }

  void Read(Bytes offset, MutableByteSpan into) const override;
  void Write(Bytes offset, ByteSpan data) override;

  void Sync() override {}

  // Where Write() was called since the last Forget(): offsets and lengths.
  [[nodiscard]] const std::vector<std::pair<Bytes, Bytes>>& writes() const { return writes_; }

  void Forget() { writes_.clear(); }

 private:
  static constexpr Bytes kPage = 4096;
  using Page = std::array<std::byte, kPage>;

  [[nodiscard]] const Page* Find(Bytes number) const;
  void CheckRange(Bytes offset, Bytes length) const;

  std::shared_ptr<const SparseDisk> below_;
  std::string name_ = "/dev/sda";
  Bytes size_;
  std::uint32_t sector_size_;
  std::map<Bytes, Page> pages_;
  std::vector<std::pair<Bytes, Bytes>> writes_;
};

}  // namespace ros::fuzz
