#include "bootloader/boot_state_store.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "base/error.hpp"
#include "bootloader/grub_environment.hpp"
#include "tests/support/memory_disk.hpp"

namespace ros::bootloader {
namespace {

constexpr Bytes kFirst = 8192;
constexpr Bytes kSecond = 16384;

constexpr BootState kTrialOfB{.good = SlotId::kA,
                              .trial = Trial{.slot = SlotId::kB, .tries_left = 3}};

// Counts what is written to the disk below.
class CountingDevice final : public BlockDevice {
 public:
  struct WriteCall {
    Bytes offset;
    Bytes length;
    bool operator==(const WriteCall&) const = default;
  };

  [[nodiscard]] const std::string& name() const override { return disk_.name(); }

  [[nodiscard]] Bytes size() const override { return disk_.size(); }

  [[nodiscard]] std::uint32_t sector_size() const override { return disk_.sector_size(); }

  void Read(Bytes offset, MutableByteSpan into) const override {
    if (offset == unreadable) {
      throw Error(ErrorKind::kFailed, "reading: Input/output error");
    }
    disk_.Read(offset, into);
  }

  void Write(Bytes offset, ByteSpan data) override {
    unsynced = true;
    writes.push_back({offset, data.size()});
    disk_.Write(offset, data);
  }

  void Sync() override { unsynced = false; }

  std::vector<WriteCall> writes;
  bool unsynced = false;
  Bytes unreadable = ~Bytes{0};

 private:
  ros::testing::MemoryDisk disk_{65536};
};

struct Fixture {
  std::shared_ptr<CountingDevice> device = std::make_shared<CountingDevice>();
  GrubStore store{Region(device, kFirst, kGrubEnvironmentSize),
                  Region(device, kSecond, kGrubEnvironmentSize)};

  explicit Fixture(const BootState& state = {}) {
    device->Write(kFirst, AsBytes(FormatGrubEnvironment(state)));
    device->Write(kSecond, AsBytes(FormatGrubEnvironment({.good = state.good})));
    device->Sync();
    device->writes.clear();
  }

  void Spoil(Bytes place) const {
    const std::vector<std::byte> garbage(kGrubEnvironmentSize, std::byte{0xcc});
    device->Write(place, garbage);
    device->writes.clear();
  }
};

using Writes = std::vector<CountingDevice::WriteCall>;

}  // namespace

TEST_CASE("GrubStore: loads both copies", "[bootloader]") {
  const Fixture fixture(kTrialOfB);
  const auto loaded = fixture.store.Load();
  CHECK(loaded.state() == kTrialOfB);
  CHECK(loaded.second.state == BootState{.good = SlotId::kA});
}

TEST_CASE("GrubStore: stores by one write of one sector, synced", "[bootloader]") {
  Fixture fixture;
  fixture.store.Store(kTrialOfB);
  CHECK(fixture.device->writes == Writes{{kFirst, 512}});
  CHECK_FALSE(fixture.device->unsynced);
  CHECK(fixture.store.Load().state() == kTrialOfB);
}

TEST_CASE("GrubStore: writes nothing that is there already", "[bootloader]") {
  Fixture fixture(kTrialOfB);
  fixture.store.Store(kTrialOfB);
  fixture.store.MirrorGood();
  CHECK(fixture.device->writes.empty());
}

TEST_CASE("GrubStore: MirrorGood follows the first copy", "[bootloader]") {
  Fixture fixture;
  fixture.store.Store({.good = SlotId::kB, .trial = Trial{.slot = SlotId::kA, .tries_left = 1}});
  CHECK(fixture.store.Load().second.state == BootState{.good = SlotId::kA});
  fixture.store.MirrorGood();
  CHECK(fixture.store.Load().second.state == BootState{.good = SlotId::kB});
  CHECK(fixture.device->writes == Writes{{kFirst, 512}, {kSecond, 512}});
}

TEST_CASE("GrubStore: goes by the second copy when the first is damaged", "[bootloader]") {
  Fixture fixture(kTrialOfB);
  fixture.Spoil(kFirst);
  const auto loaded = fixture.store.Load();
  CHECK(loaded.first.damage == "it does not start with GRUB's signature");
  CHECK(loaded.state() == BootState{.good = SlotId::kA});
  CHECK(loaded.StateOr(SlotId::kB) == BootState{.good = SlotId::kA});
}

TEST_CASE("GrubStore: a sector that cannot be read is damage", "[bootloader]") {
  Fixture fixture(kTrialOfB);
  fixture.device->unreadable = kFirst;
  CHECK(fixture.store.Load().first.damage == "reading: Input/output error");
  fixture.store.Store(kTrialOfB);
  fixture.device->unreadable = 0;
  CHECK(fixture.store.Load().state() == kTrialOfB);
}

TEST_CASE("GrubStore: no state when both copies are damaged", "[bootloader]") {
  Fixture fixture;
  fixture.Spoil(kFirst);
  fixture.Spoil(kSecond);
  const auto loaded = fixture.store.Load();
  CHECK_FALSE(loaded.state().has_value());
  CHECK(loaded.StateOr(SlotId::kB) == BootState{.good = SlotId::kB});
}

TEST_CASE("GrubStore: a damaged first copy is not mirrored", "[bootloader]") {
  Fixture fixture;
  fixture.Spoil(kFirst);
  CHECK_THROWS_WITH(fixture.store.MirrorGood(),
                    "the boot state is damaged: it does not start with GRUB's signature");
  CHECK(fixture.device->writes.empty());
}

TEST_CASE("GrubStore: a repair mends the padding before the state", "[bootloader]") {
  Fixture fixture;
  fixture.Spoil(kFirst);
  fixture.store.Store({.good = SlotId::kB});
  CHECK(fixture.device->writes == Writes{{kFirst + 512, 512}, {kFirst, 512}});
  CHECK(fixture.store.Load().state() == BootState{.good = SlotId::kB});
}

TEST_CASE("GrubStore: refuses a region that is too short", "[bootloader]") {
  const auto device = std::make_shared<CountingDevice>();
  CHECK_THROWS_WITH(GrubStore(Region(device, 0, 512), Region(device, 0, 1024)),
                    "grubenv has 512 bytes, not 1024");
}

}  // namespace ros::bootloader
