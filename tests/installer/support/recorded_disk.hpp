#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/block_device.hpp"

namespace ros::testing {

// Passes everything on, and remembers writes and syncs: long work that runs external tools is done
// once, and its writes are done again, with power cuts, as often as a test likes. Right for work
// whose writes do not depend on what becomes of them, and for roots below RootReadBack::kStretch:
// one thread writes and syncs.
class RecordedDisk final : public BlockDevice {
 public:
  explicit RecordedDisk(std::shared_ptr<BlockDevice> below) : below_(std::move(below)) {}

  [[nodiscard]] const std::string& name() const override { return below_->name(); }

  [[nodiscard]] Bytes size() const override { return below_->size(); }

  [[nodiscard]] std::uint32_t sector_size() const override { return below_->sector_size(); }

  void Read(Bytes offset, MutableByteSpan into) const override { below_->Read(offset, into); }

  void Write(Bytes offset, ByteSpan data) override {
    below_->Write(offset, data);
    events_.push_back({offset, {data.begin(), data.end()}});
  }

  void Sync() override {
    below_->Sync();
    events_.push_back({});
  }

  // How many of the writes before write number `write` (from 1) were synced before it.
  [[nodiscard]] std::uint64_t SyncedBefore(std::uint64_t write) const {
    std::uint64_t writes = 0;
    std::uint64_t synced = 0;
    for (const auto& event : events_) {
      if (event.data.empty()) {
        synced = writes;
      } else if (++writes == write) {
        break;
      }
    }
    return synced;
  }

  // Does the writes number `first` to `last` to `device`, and the syncs after them.
  void Replay(BlockDevice& device, std::uint64_t first, std::uint64_t last) const {
    std::uint64_t writes = 0;
    for (const auto& event : events_) {
      writes += event.data.empty() ? 0U : 1U;
      if (writes < first || writes > last) {
        continue;
      }
      if (event.data.empty()) {
        device.Sync();
      } else {
        device.Write(event.offset, event.data);
      }
    }
  }

 private:
  struct Event {
    Bytes offset = 0;
    std::vector<std::byte> data;  // none: a sync
  };

  std::shared_ptr<BlockDevice> below_;
  std::vector<Event> events_;
};

}  // namespace ros::testing
