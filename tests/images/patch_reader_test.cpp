#include "images/patch_reader.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "delta/patch.hpp"

namespace ros::images {
namespace {

constexpr Bytes kBlock = 4096;

// Who reads waits until as many others do too.
class Meeting {
 public:
  explicit Meeting(std::ptrdiff_t expected) : expected_(expected) {}

  void Come() {
    std::unique_lock lock(mutex_);
    ++here_;
    most_ = std::max(most_, here_);
    if (here_ == expected_) {
      met_ = true;
      changed_.notify_all();
    }
    // Ends a test that fails.
    changed_.wait_for(lock, std::chrono::seconds(60), [&] { return met_; });
    --here_;
  }

  [[nodiscard]] bool met() const { return met_; }

  [[nodiscard]] std::ptrdiff_t most() const { return most_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::ptrdiff_t expected_;
  std::ptrdiff_t here_ = 0;
  std::ptrdiff_t most_ = 0;
  bool met_ = false;
};

std::string Apply(PatchBase& base, const DeltaPatch& patch, const std::string& packed) {
  std::string made(kBlock, '\0');
  return base.Apply(patch, AsBytes(packed), AsWritableBytes(made)) ? made : "nothing";
}

TEST_CASE("PatchBase: applies two patches at once, and no more", "[images]") {
  const std::string old_root(2 * kBlock, 'o');
  const std::string target(kBlock, 't');
  const auto packed = delta::MakePatch(AsBytes(old_root), AsBytes(target));
  const DeltaPatch patch{
      .base = {{.offset = 0, .length = kBlock}, {.offset = kBlock, .length = kBlock}}};
  Meeting meeting(PatchBase::kAtOnce);
  PatchBase base([&](Bytes offset, MutableByteSpan into) {
    if (offset == 0) {
      meeting.Come();
    }
    std::ranges::copy(AsBytes(old_root).subspan(offset, into.size()), into.begin());
  });
  constexpr std::size_t kThreads = 6;
  std::vector<std::string> made(kThreads);
  {
    std::vector<std::jthread> threads;
    for (auto& one : made) {
      threads.emplace_back([&] { one = Apply(base, patch, packed); });
    }
  }
  CHECK(made == std::vector<std::string>(kThreads, target));
  CHECK(meeting.met());
  CHECK(meeting.most() == PatchBase::kAtOnce);
}

TEST_CASE("PatchBase: a base that cannot be read gives its turn back", "[images]") {
  const std::string target(kBlock, 't');
  const auto packed = delta::MakePatch(AsBytes(target), AsBytes(target));
  const DeltaPatch patch{.base = {{.offset = 0, .length = kBlock}}};
  std::ptrdiff_t failures = PatchBase::kAtOnce;
  PatchBase base([&](Bytes /*offset*/, MutableByteSpan into) {
    if (failures-- > 0) {
      throw Error(ErrorKind::kFailed, "the disk is failing");
    }
    std::ranges::copy(AsBytes(target), into.begin());
  });
  for (std::ptrdiff_t i = 0; i < PatchBase::kAtOnce; ++i) {
    CHECK(Apply(base, patch, packed) == "nothing");
  }
  CHECK(Apply(base, patch, packed) == target);
}

}  // namespace
}  // namespace ros::images
