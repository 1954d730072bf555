#include <vector>

#include "bootloader/boot_state_store.hpp"
#include "grub_machine.hpp"
#include "rule_disk.hpp"

namespace ros::bootloader::test {
namespace {

constexpr Bytes kSector = 512;

class GrubRuleDisk : public RuleDisk {
 public:
  explicit GrubRuleDisk(const std::filesystem::path& path)
      : disk_(path, BuildGrubParts(), "disk") {}

  [[nodiscard]] const std::filesystem::path& path() const override { return disk_.path(); }

  void Prepare(const Situation& situation) const override {
    for (const auto slot : {SlotId::kA, SlotId::kB}) {
      auto files = WholeSlot(slot, "disk " + std::string(Name(slot)));
      if (!Has(situation.loadable, slot)) {
        files["kernel"] = "";
      }
      disk_.PutSlot(slot, files);
    }
    GrubStore store(disk_.Grubenv(), disk_.Grubenv2());
    store.Store(situation.state);
    store.MirrorGood();
    const std::vector<std::byte> garbage(kSector, std::byte{0xcc});
    if (situation.spoilt != SpoiltCopies::kNone) {
      disk_.Grubenv().Write(0, garbage);
    }
    if (situation.spoilt == SpoiltCopies::kBoth) {
      disk_.Grubenv2().Write(0, garbage);
    }
  }

  [[nodiscard]] std::optional<BootState> State() const override {
    return GrubStore(disk_.Grubenv(), disk_.Grubenv2()).Load().state();
  }

 private:
  GrubDisk disk_;
};

}  // namespace

std::unique_ptr<RuleDisk> MakeGrubRuleDisk(const std::filesystem::path& path) {
  return std::make_unique<GrubRuleDisk>(path);
}

}  // namespace ros::bootloader::test
