#include "images/architecture.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace ros::images {
namespace {

// The ELF header: e_ident[EI_DATA] and e_machine.
constexpr std::size_t kByteOrderPlace = 5;
constexpr std::size_t kMachinePlace = 18;

struct Architecture {
  std::string_view name;
  std::uint8_t byte_order;  // 1 little, 2 big
  std::uint16_t machine;    // EM_...
};

constexpr std::array<Architecture, 9> kArchitectures = {{{"386", 1, 3},
                                                         {"amd64", 1, 62},
                                                         {"arm", 1, 40},
                                                         {"arm64", 1, 183},
                                                         {"loong64", 1, 258},
                                                         {"mips64le", 1, 8},
                                                         {"ppc64le", 1, 21},
                                                         {"riscv64", 1, 243},
                                                         {"s390x", 2, 22}}};

std::uint16_t MachineOf(std::string_view head) {
  const auto machine = LoadLe16(AsBytes(head), kMachinePlace);
  const bool is_big = head[kByteOrderPlace] == 2;
  return is_big ? static_cast<std::uint16_t>((machine << 8U) | (machine >> 8U)) : machine;
}

}  // namespace

void CheckArchitecture(std::string_view architecture) {
  std::string names;
  for (const auto& known : kArchitectures) {
    if (known.name == architecture) {
      return;
    }
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  }
  throw Error(ErrorKind::kUsage,
              "--architecture: \"" + std::string(architecture) + "\" is none of " + names);
}

std::string DescribeForeignProgram(std::string_view head, std::string_view architecture) {
  if (head.size() < kProgramHeadSize || !head.starts_with("\x7f"
                                                          "ELF")) {
    return {};
  }
  const auto machine = MachineOf(head);
  const auto order = static_cast<std::uint8_t>(head[kByteOrderPlace]);
  const auto* found =
      std::find_if(kArchitectures.begin(), kArchitectures.end(), [&](const Architecture& known) {
        return known.machine == machine && known.byte_order == order;
      });
  if (found == kArchitectures.end()) {
    return "a program for another machine";
  }
  return found->name == architecture ? "" : "a program for " + std::string(found->name);
}

}  // namespace ros::images
