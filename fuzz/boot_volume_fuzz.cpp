#include <algorithm>

#include "fuzz/boot_volume.hpp"
#include "fuzz/target.hpp"
#include "partitions/fat_volume.hpp"

namespace ros::fuzz {
namespace {

using partitions::FatVolume;

constexpr std::string_view kDirectories[] = {"/A", "/B", "/GRUB", "/EFI/BOOT"};
constexpr Bytes kMostRead = Bytes{64} << 10U;

// What is wrong with the volume: a place, an offset from there, and the bytes that are there.
std::shared_ptr<SparseDisk> Damaged(Input input) {
  auto disk = NewBootVolume();
  const auto& places = BootVolumePlaces();
  while (!input.empty()) {
    const auto place = places[input.Below(places.size(), 1)];
    const auto offset = place + input.Number(2);
    disk->Write(offset, input.Take(input.Number(1)));
  }
  disk->Forget();
  return disk;
}

// Every file that can be found, with its content; the volume's promises about each.
std::map<std::string, std::string> ReadAll(const FatVolume& volume) {
  std::map<std::string, std::string> contents;
  for (const auto directory : kDirectories) {
    static_cast<void>(Succeeds([&] {
      for (const auto& [name, length] : volume.Lengths(directory)) {
        const auto path = std::string(directory) + "/" + name;
        static_cast<void>(Succeeds([&] {
          const auto file = volume.Find(path);
          Expect(file.length <= file.allocated && file.data.length() == file.allocated,
                 "a file has room for what it holds");
          contents[path] = volume.ReadContent(path, kMostRead);
          Expect(contents[path].size() == file.length, "a content is as long as its file");
        }));
      }
    }));
  }
  return contents;
}

bool IsAboutTwoOwners(const std::string& complaint) {
  return complaint.find(" belongs to both ") != std::string::npos;
}

void CheckSetLengths(const std::shared_ptr<SparseDisk>& disk, std::string_view directory) {
  const Region partition(disk);
  auto volume = FatVolume::Open(partition);
  disk->Forget();
  const auto before = volume.Lengths(directory);
  const std::map<std::string, Bytes> wanted = {{"KERNEL", 7}, {"SUMS", 0}};
  if (!Succeeds([&] { volume.SetLengths(directory, wanted); })) {
    Expect(disk->writes().empty(), "what is refused writes nothing");
    return;
  }
  Expect(disk->writes().size() == 1 && disk->writes()[0].second == disk->sector_size(),
         "one sector is written");
  auto expected = before;
  for (const auto& [name, length] : wanted) {
    expected[name] = length;
  }
  Expect(FatVolume::Open(partition).Lengths(directory) == expected,
         "the lengths are as wanted, the others as they were");
}

void CheckRepair(const std::shared_ptr<SparseDisk>& disk) {
  const Region partition(disk);
  auto volume = FatVolume::Open(partition);
  const auto complaints = volume.CheckOwnership();
  const auto contents = ReadAll(volume);
  disk->Forget();
  std::vector<std::string> mended;
  if (!Succeeds([&] { mended = volume.RepairAllocation(); })) {
    Expect(!complaints.empty(), "a sound volume can be repaired");
    Expect(disk->writes().empty(), "what is refused writes nothing");
    return;
  }
  Expect(!complaints.empty() || mended.empty(), "a sound volume has nothing to repair");
  const auto after = FatVolume::Open(partition);
  for (const auto& complaint : after.CheckOwnership()) {
    Expect(!IsAboutTwoOwners(complaint), "no cluster gets a second owner: " + complaint);
  }
  const auto contents_after = ReadAll(after);
  for (const auto& [path, content] : contents) {
    const auto found = contents_after.find(path);
    Expect(found != contents_after.end() && found->second == content,
           path + " keeps its content through a repair");
  }
}

}  // namespace

void Run(ByteSpan input) {
  const auto disk = Damaged(Input(input));
  const auto volume = FatVolume::Open(Region(disk));
  static_cast<void>(ReadAll(volume));
  static_cast<void>(Succeeds([&] { static_cast<void>(volume.Places("/A")); }));
  static_cast<void>(Succeeds([&] { CheckSetLengths(disk, "/A"); }));
  static_cast<void>(Succeeds([&] { CheckRepair(disk); }));
}

std::vector<Seed> Seeds() {
  const auto damage = [](std::uint64_t place, std::uint64_t offset, std::string_view bytes) {
    return Number(place, 1) + Number(offset, 2) + Number(bytes.size(), 1) + std::string(bytes);
  };
  constexpr std::string_view kEnd("\xff\xff\xff\x0f", 4);
  return {{"sound", ""},
          // A file's chain that ends after its first cluster in both tables, as fsck.vfat cuts it.
          {"cut", damage(2, 400, kEnd) + damage(3, 400, kEnd)},
          {"tables-differ", damage(3, 800, kEnd)},
          {"entry", damage(5, 32, "KERNEL  ???")},
          {"layout", damage(9, 18, "/A/KERNEL 40 8192\n")},
          {"boot-sector", damage(0, 36, std::string(4, '\xff'))}};
}

}  // namespace ros::fuzz
