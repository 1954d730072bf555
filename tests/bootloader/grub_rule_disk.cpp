#include <array>
#include <vector>

#include "bootloader/boot_state_store.hpp"
#include "bootloader/grub_environment.hpp"
#include "grub_machine.hpp"
#include "rule_disk.hpp"

namespace ros::bootloader::test {
namespace {

constexpr Bytes kSector = 512;

class GrubRuleDisk : public RuleDisk {
 public:
  GrubRuleDisk(const std::filesystem::path& path, const GrubParts& parts)
      : disk_(path, parts, "disk"),
        owner_(parts.owner_signed),
        whole_{WholeSlotOf(parts, SlotId::kA), WholeSlotOf(parts, SlotId::kB)} {}

  [[nodiscard]] const std::filesystem::path& path() const override { return disk_.path(); }

  void Prepare(const Situation& situation) const override {
    for (const auto slot : {SlotId::kA, SlotId::kB}) {
      auto files = whole_.at(slot == SlotId::kA ? 0 : 1);
      if (!Has(situation.loadable, slot)) {
        files[owner_ ? "linux.efi" : "kernel"] = "";
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

  [[nodiscard]] std::string Told(SlotId slot) const override {
    if (!owner_) {
      return {};
    }
    std::vector<std::byte> block(kGrubEnvironmentSize);
    disk_.Grubenv().Read(0, block);
    return ArgumentOfBoot(block, slot);
  }

  [[nodiscard]] bool TellsWhatFell(const Situation& situation) const override {
    return !owner_ || situation.spoilt == SpoiltCopies::kNone;
  }

 private:
  static SlotFiles WholeSlotOf(const GrubParts& parts, SlotId slot) {
    const auto name = "disk " + std::string(Name(slot));
    return parts.owner_signed ? WholeUnifiedSlot(slot, name) : WholeSlot(slot, name);
  }

  GrubDisk disk_;
  bool owner_ = false;
  std::array<SlotFiles, 2> whole_;
};

}  // namespace

std::unique_ptr<RuleDisk> MakeGrubRuleDisk(const std::filesystem::path& path) {
  return std::make_unique<GrubRuleDisk>(path, BuildGrubParts());
}

std::unique_ptr<RuleDisk> MakeOwnerRuleDisk(const std::filesystem::path& path) {
  auto parts = BuildOwnerGrub("/usr/lib/grub/i386-pc", [](std::string program) { return program; });
  parts.efi_image = Impatient(parts.efi_image, "sleep 30", "sleep  1");
  return std::make_unique<GrubRuleDisk>(path, parts);
}

}  // namespace ros::bootloader::test
