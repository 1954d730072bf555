#include "images/boot_modules.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "base/error.hpp"

namespace ros::images {
namespace {

// No boot without these: dm-verity below the root, the file systems of root, state and /etc.
constexpr std::array<std::string_view, 5> kRequired = {
    "dm_mod", "dm_verity", "erofs", "ext4", "overlay"};

// What the kernel asks modprobe for when it needs an algorithm: SHA-256 for dm-verity, CRC-32C for
// ext4's metadata and journal. All implementations go in; those that the processor cannot run fail
// to load and the slow one stays.
constexpr std::array<std::string_view, 4> kAlgorithms = {
    "crypto-sha256", "sha256_generic", "crypto-crc32c", "crc32c_generic"};

// Drivers that a disk may hide behind. Names that a kernel does not have are passed over.
constexpr std::string_view kBusDrivers[] = {
    // SATA and what is left of PATA; the rest of PATA by directory, below.
    "ahci",
    "ata_piix",
    "ata_generic",
    "acard_ahci",
    "ahci_platform",
    // NVMe, also behind Intel's volume management.
    "nvme",
    "vmd",
    // Virtual machines: KVM, VMware, Hyper-V, Xen, and the SCSI adapters that QEMU and others copy.
    "virtio_pci",
    "virtio_mmio",
    "virtio_blk",
    "virtio_scsi",
    "vmw_pvscsi",
    "hv_vmbus",
    "hv_storvsc",
    "pci_hyperv",
    "xen_blkfront",
    "xen_scsifront",
    "mptspi",
    "mptsas",
    "BusLogic",
    "sym53c8xx",
    "am53c974",
    // RAID and SAS controllers.
    "megaraid_sas",
    "megaraid_mbox",
    "mpt3sas",
    "mpi3mr",
    "aacraid",
    "hpsa",
    "smartpqi",
    "isci",
    "arcmsr",
    "pm80xx",
    "mvsas",
    "3w_9xxx",
    "3w_sas",
    "ipr",
    // USB disks and the controllers they are on.
    "xhci_pci",
    "ehci_pci",
    "ohci_pci",
    "uhci_hcd",
    "usb_storage",
    "uas",
    // Memory cards and flash.
    "sdhci_pci",
    "sdhci_acpi",
    "rtsx_pci",
    "rtsx_pci_sdmmc",
    "mmc_block",
    "ufshcd_pci"};

// What turns a SCSI device into a disk. Most disks are behind SCSI (SATA and USB too) and take a
// while to answer, in which it is loaded; asked for by the disk, it would be loaded after that.
constexpr std::string_view kScsiDisk = "sd_mod";

// What the firmware tells of a unified kernel is in its variables.
constexpr std::string_view kFirmwareVariables = "efivarfs";

constexpr std::string_view kAtaDirectory = "kernel/drivers/ata/";
constexpr std::string_view kWatchdogDirectory = "kernel/drivers/watchdog/";
// These make the platform device that the chip set's watchdog driver (iTCO_wdt) binds to.
constexpr std::array<std::string_view, 2> kWatchdogParents = {"lpc_ich", "i2c_i801"};
constexpr std::string_view kFallbackWatchdog = "softdog";

class Chooser {
 public:
  explicit Chooser(const ModuleIndex& index) : index_(index) {}

  void Add(ModuleClass load, const std::string& name) {
    if (!index_.Has(name) || !chosen_.insert(name).second) {
      return;
    }
    BootModule module{load, name, index_.LoadOrder(name), {}};
    module.needs.pop_back();
    if (load == ModuleClass::kBus || load == ModuleClass::kWatchdog) {
      module.aliases = index_.DeviceAliases(name);
    }
    // Nothing would ever ask for it.
    if (load == ModuleClass::kBus && module.aliases.empty()) {
      module.load = ModuleClass::kAlways;
    }
    const auto aliases = module.aliases;
    modules_.push_back(std::move(module));
    for (const auto& after : index_.After(name)) {
      AddAfter(modules_.back().load, after, aliases);
    }
  }

  std::vector<BootModule> Take() {
    // Always first, then buses, then watchdogs; softdog last.
    std::stable_sort(modules_.begin(), modules_.end(), [](const auto& a, const auto& b) {
      return a.load < b.load;
    });
    return std::move(modules_);
  }

 private:
  // A module to be loaded after another one is loaded whenever that one is.
  void AddAfter(ModuleClass load,
                const std::string& name,
                const std::vector<std::string>& aliases) {
    if (!chosen_.insert(name).second) {
      return;
    }
    BootModule module{load, name, index_.LoadOrder(name), aliases};
    module.needs.pop_back();
    modules_.push_back(std::move(module));
  }

  const ModuleIndex& index_;
  std::set<std::string> chosen_;
  std::vector<BootModule> modules_;
};

void AddWatchdogs(const ModuleIndex& index, Chooser& chooser) {
  for (const auto parent : kWatchdogParents) {
    chooser.Add(ModuleClass::kWatchdog, std::string(parent));
  }
  for (const auto& name : index.InDirectory(kWatchdogDirectory)) {
    // One without an alias looks for its chip by writing to I/O ports: not on machines that have
    // something else there.
    if (!index.DeviceAliases(name).empty()) {
      chooser.Add(ModuleClass::kWatchdog, name);
    }
  }
  chooser.Add(ModuleClass::kFallbackWatchdog, std::string(kFallbackWatchdog));
}

std::string_view ClassName(ModuleClass load) {
  switch (load) {
    case ModuleClass::kAlways:
      return "always";
    case ModuleClass::kBus:
      return "bus";
    case ModuleClass::kWatchdog:
      return "watchdog";
    case ModuleClass::kFallbackWatchdog:
      return "fallback-watchdog";
  }
  return "";
}

}  // namespace

std::vector<BootModule> ChooseBootModules(const ModuleIndex& index) {
  Chooser chooser(index);
  for (const auto word : kAlgorithms) {
    for (const auto& name : index.Resolve(word)) {
      chooser.Add(ModuleClass::kAlways, name);
    }
  }
  for (const auto name : kRequired) {
    if (!index.Has(name) && !index.IsBuiltIn(name)) {
      throw Error(ErrorKind::kUsage,
                  "the kernel has no " + std::string(name) +
                      ", neither built in nor as a module; without it no image boots");
    }
    chooser.Add(ModuleClass::kAlways, std::string(name));
  }
  chooser.Add(ModuleClass::kAlways, std::string(kFirmwareVariables));
  chooser.Add(ModuleClass::kAlways, std::string(kScsiDisk));
  for (const auto name : kBusDrivers) {
    chooser.Add(ModuleClass::kBus, std::string(name));
  }
  for (const auto& name : index.InDirectory(kAtaDirectory)) {
    const auto aliases = index.DeviceAliases(name);
    if (std::any_of(aliases.begin(), aliases.end(), [](const auto& alias) {
          return alias.starts_with("pci:");
        })) {
      chooser.Add(ModuleClass::kBus, name);
    }
  }
  AddWatchdogs(index, chooser);
  return chooser.Take();
}

std::string WriteModuleList(const std::vector<BootModule>& modules) {
  std::string text;
  for (const auto& module : modules) {
    text.append(ClassName(module.load)).append(" ").append(module.name).append(".ko");
    for (const auto& name : module.needs) {
      text.append(" ").append(name).append(".ko");
    }
    text.append("\n");
  }
  return text;
}

std::string WriteModuleAliases(const std::vector<BootModule>& modules) {
  std::vector<std::string> lines;
  for (const auto& module : modules) {
    for (const auto& pattern : module.aliases) {
      lines.push_back(pattern + " " + module.name + ".ko\n");
    }
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const auto& line : lines) {
    text.append(line);
  }
  return text;
}

}  // namespace ros::images
