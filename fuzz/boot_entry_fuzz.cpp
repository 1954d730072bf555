#include <algorithm>

#include "bootloader/boot_entry.hpp"
#include "fuzz/target.hpp"

namespace ros::fuzz {
namespace {

bootloader::BootProgram OurProgram() {
  return {.partition_number = 2,
          .first_sector = 4096,
          .sectors = 1U << 20U,
          .partition_uuid = "8be4df61-93ca-11d2-aa0d-00e098032b8c",
          .file = "/EFI/ROS/BOOTX64.EFI"};
}

void CheckOption(std::string_view option) {
  const auto program = bootloader::ParseBootOption(option);
  if (!program) {
    return;
  }
  Expect(!program->file.empty() && program->partition_uuid.size() == 36, "a program is whole");
  Expect(bootloader::ParseBootOption(bootloader::FormatBootOption("ros", *program)) == program,
         "what is written is read back the same");
}

}  // namespace

// The input: entries of the firmware as pieces; their numbers and the order are made from them.
void Run(ByteSpan bytes) {
  Input input(bytes);
  bootloader::BootEntries found;
  while (!input.empty()) {
    const auto number = static_cast<std::uint16_t>(input.Number(2));
    const auto option = AsText(input.TakePiece());
    CheckOption(option);
    found.options[number] = option;
    found.order.push_back(number);
  }
  const auto program = OurProgram();
  const auto plan = bootloader::PlanBootEntry(found, "ros", program, {});
  Expect(!plan.order.empty() && plan.order.front() == plan.number, "ours is started first");
  Expect(std::ranges::count(plan.order, plan.number) == 1, "and is in the order once");
  if (found.options.contains(plan.number)) {
    const auto replaced = bootloader::ParseBootOption(found.options.at(plan.number));
    Expect(replaced && replaced->file == program.file &&
               replaced->partition_uuid == program.partition_uuid,
           "no entry of others is replaced");
  }
  for (const auto& [number, option] : found.options) {
    Expect(std::ranges::find(plan.order, number) != plan.order.end(), "no entry is lost");
  }
}

std::vector<Seed> Seeds() {
  auto other = OurProgram();
  other.file = "/EFI/DEBIAN/SHIMX64.EFI";
  const auto ours = bootloader::FormatBootOption("ros", OurProgram());
  const auto theirs = bootloader::FormatBootOption("debian", other);
  return {{"none", ""},
          {"ours", Number(1, 2) + Piece(ours)},
          {"both", Number(0, 2) + Piece(theirs) + Number(7, 2) + Piece(ours)},
          {"cut", Number(0, 2) + Piece(ours.substr(0, 40))}};
}

}  // namespace ros::fuzz
