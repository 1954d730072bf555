#pragma once

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/block_device.hpp"

// Disks whose power can be cut at any write, for crash tests:
//
//   const auto writes = CountWrites([&](PowerSupply& power) { run(power); });
//   for (const auto& cut : AllCuts(writes)) {
//     auto disk = MakeDisk();                       // holds what survives
//     PowerSupply power(cut);
//     auto device = std::make_shared<CrashingDevice>(disk, power);
//     REQUIRE_THROWS_AS(Operation(device), PowerCut);
//     CheckWhatIsOn(disk);
//   }
namespace ros::testing {

// The power is off. Not an Error, so that no layer takes it for one that it may handle.
struct PowerCut {};

// When the power goes, seen from write number `write` (from 1).
enum class CutMoment {
  kBefore,  // nothing of that write was handed over
  kDuring,  // a part of its sectors was
  kAfter,   // all of it was, and not yet synced
};

// What became of the sectors that were written after the last sync.
enum class Unsynced { kLost, kKept, kRandom };

struct CutPlan {
  std::uint64_t write = 0;  // 0: never
  CutMoment moment = CutMoment::kBefore;
  Unsynced unsynced = Unsynced::kLost;
  std::uint32_t seed = 1;
};

class CrashingDevice;

// What all disks of one machine hang on. Counts writes over all of them; at the planned one every
// disk loses power at once, and each later call on any of them throws PowerCut. Outlives its disks.
class PowerSupply {
 public:
  struct Event {
    std::string device;
    Bytes offset = 0;
    Bytes length = 0;  // 0: a sync
  };

  explicit PowerSupply(CutPlan plan = {}) : plan_(plan), random_(plan.seed) {}

  [[nodiscard]] std::uint64_t writes() const { return writes_; }

  [[nodiscard]] bool off() const { return off_; }

  // All writes and syncs so far.
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }

  // Counts something durable that is not a write to a disk (a file of the journal, say) as one
  // write: `work` is done at once and wholly, or, when the cut comes before it, not at all.
  template <typename Work>
  void Step(Work&& work) {
    Require();
    ++writes_;
    if (writes_ == plan_.write && plan_.moment == CutMoment::kBefore) {
      Cut();
    }
    std::forward<Work>(work)();
    if (writes_ == plan_.write) {
      Cut();
    }
  }

 private:
  friend class CrashingDevice;

  void Require() const {
    if (off_) {
      throw PowerCut{};
    }
  }

  [[noreturn]] inline void Cut();

  CutPlan plan_;
  std::mt19937 random_;
  std::uint64_t writes_ = 0;
  bool off_ = false;
  std::vector<Event> events_;
  std::vector<CrashingDevice*> devices_;
  std::recursive_mutex mutex_;
};

// Keeps what is written in memory, sector by sector, until Sync() hands it to `below`, which is
// what a test looks at afterwards. Reads see what was written.
class CrashingDevice final : public BlockDevice {
 public:
  CrashingDevice(std::shared_ptr<BlockDevice> below, PowerSupply& power)
      : below_(std::move(below)), power_(power) {
    power_.devices_.push_back(this);
  }

  CrashingDevice(const CrashingDevice&) = delete;
  CrashingDevice& operator=(const CrashingDevice&) = delete;
  CrashingDevice(CrashingDevice&&) = delete;
  CrashingDevice& operator=(CrashingDevice&&) = delete;

  ~CrashingDevice() override {
    std::erase(power_.devices_, this);
    // Closed without a sync: the kernel writes it back in the end.
    if (!power_.off_) {
      Keep([] { return true; });
    }
  }

  [[nodiscard]] const std::string& name() const override { return below_->name(); }

  [[nodiscard]] Bytes size() const override { return below_->size(); }

  [[nodiscard]] std::uint32_t sector_size() const override { return below_->sector_size(); }

  void Read(Bytes offset, MutableByteSpan into) const override {
    const std::lock_guard lock(power_.mutex_);
    power_.Require();
    below_->Read(offset, into);
    for (auto at = unsynced_.lower_bound(RoundDown(offset, sector_size()));
         at != unsynced_.end() && at->first < offset + into.size();
         ++at) {
      const auto begin = std::max(offset, at->first);
      const auto end = std::min(offset + into.size(), at->first + sector_size());
      std::memcpy(into.data() + (begin - offset), &at->second[begin - at->first], end - begin);
    }
  }

  void Write(Bytes offset, ByteSpan data) override {
    const std::lock_guard lock(power_.mutex_);
    power_.Require();
    power_.events_.push_back({name(), offset, data.size()});
    ++power_.writes_;
    const bool cut = power_.writes_ == power_.plan_.write;
    if (cut && power_.plan_.moment == CutMoment::kBefore) {
      power_.Cut();
    }
    auto sectors = Sectors(offset, data);
    if (cut && power_.plan_.moment == CutMoment::kDuring) {
      // A half of the sectors went out, in no order, and stay whatever becomes of the others.
      std::erase_if(sectors, [&](const auto&) { return power_.random_() % 2 == 0; });
      for (const auto& [at, content] : sectors) {
        below_->Write(at, content);
        unsynced_.erase(at);
      }
      power_.Cut();
    }
    for (auto& [at, content] : sectors) {
      unsynced_[at] = std::move(content);
    }
    if (cut) {
      power_.Cut();
    }
  }

  void Sync() override {
    const std::lock_guard lock(power_.mutex_);
    power_.Require();
    power_.events_.push_back({name(), 0, 0});
    Keep([] { return true; });
    below_->Sync();
  }

 private:
  friend class PowerSupply;

  using Contents = std::map<Bytes, std::vector<std::byte>>;

  // The whole sectors that a write changes.
  Contents Sectors(Bytes offset, ByteSpan data) const {
    Contents result;
    const Bytes end = offset + data.size();
    for (Bytes at = RoundDown(offset, sector_size()); at < end; at += sector_size()) {
      std::vector<std::byte> content(sector_size());
      const auto begin = std::max(offset, at);
      const auto stop = std::min(end, at + sector_size());
      if (stop - begin < sector_size()) {
        Read(at, content);
      }
      std::memcpy(&content[begin - at], data.data() + (begin - offset), stop - begin);
      result.emplace(at, std::move(content));
    }
    return result;
  }

  template <typename Survives>
  void Keep(Survives survives) {
    for (const auto& [at, content] : unsynced_) {
      if (survives()) {
        below_->Write(at, content);
      }
    }
    unsynced_.clear();
  }

  std::shared_ptr<BlockDevice> below_;
  PowerSupply& power_;
  Contents unsynced_;
};

inline void PowerSupply::Cut() {
  off_ = true;
  for (auto* device : devices_) {
    device->Keep([this] {
      return plan_.unsynced == Unsynced::kKept ||
             (plan_.unsynced == Unsynced::kRandom && random_() % 2 == 0);
    });
  }
  throw PowerCut{};
}

// How many writes `run` does when the power stays on.
inline std::uint64_t CountWrites(const std::function<void(PowerSupply&)>& run) {
  PowerSupply power;
  run(power);
  return power.writes();
}

// Every cut there is at each of `writes` writes; the seeds differ.
inline std::vector<CutPlan> AllCuts(std::uint64_t writes) {
  std::vector<CutPlan> cuts;
  for (std::uint64_t write = 1; write <= writes; ++write) {
    const auto seed = static_cast<std::uint32_t>(write);
    for (const auto moment : {CutMoment::kBefore, CutMoment::kDuring, CutMoment::kAfter}) {
      for (const auto unsynced : {Unsynced::kLost, Unsynced::kKept, Unsynced::kRandom}) {
        cuts.push_back({write, moment, unsynced, seed});
      }
    }
  }
  return cuts;
}

}  // namespace ros::testing
