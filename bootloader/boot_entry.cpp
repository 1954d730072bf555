#include "bootloader/boot_entry.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.hpp"

namespace ros::bootloader {
namespace {

// Kept over a reset, and readable before and after the firmware has handed over (section 8.2).
constexpr std::uint32_t kAttributes = 0x1 | 0x2 | 0x4;
constexpr std::uint32_t kActive = 0x1;  // LOAD_OPTION_ACTIVE
constexpr std::size_t kOptionHead = 6;  // attributes, length of the device path

// A node of a device path (section 10.2): type, subtype, u16 length of the whole node.
constexpr std::size_t kNodeHead = 4;
constexpr std::uint8_t kMediaType = 0x04;      // section 10.3.5
constexpr std::uint8_t kHardDriveType = 0x01;  // section 10.3.5.1
constexpr std::uint8_t kFilePathType = 0x04;   // section 10.3.5.4
constexpr std::uint8_t kEndType = 0x7f;        // section 10.3.1
constexpr std::uint8_t kEndOfPath = 0xff;

// The hard drive node: number, start, size, signature, format of the table, kind of signature.
constexpr std::size_t kHardDriveSize = 42;
constexpr std::size_t kNumberAt = 4;
constexpr std::size_t kStartAt = 8;
constexpr std::size_t kSizeAt = 16;
constexpr std::size_t kSignatureAt = 24;
constexpr std::size_t kFormatAt = 40;
constexpr std::size_t kSignatureTypeAt = 41;
constexpr char kGptFormat = 0x02;
constexpr char kGuidSignature = 0x02;

constexpr std::uint32_t kMostEntries = 0x10000;

// How a GUID's bytes lie (appendix A): the first three groups are little-endian.
constexpr std::array<std::size_t, kGuidSize> kGuidOrder = {
    3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

std::string FormatGuid(std::string uuid) {
  std::erase(uuid, '-');
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (uuid.size() != kGuidSize * 2 || !std::ranges::all_of(uuid, is_hex)) {
    throw Error(ErrorKind::kFailed, "'" + uuid + "' is no UUID of a partition");
  }
  const auto bytes = ParseHex(uuid);
  std::string guid;
  for (const auto at : kGuidOrder) {
    guid += bytes[at];
  }
  return guid;
}

std::string ParseGuid(std::string_view guid) {
  std::string uuid;
  for (std::size_t n = 0; n < kGuidSize; ++n) {
    if (n == 4 || n == 6 || n == 8 || n == 10) {
      uuid += '-';
    }
    uuid += ToHex(AsBytes(guid.substr(kGuidOrder[n], 1)));
  }
  return uuid;
}

// UCS-2 with its terminating zero.
std::string ToWide(std::string_view text) {
  std::string wide;
  for (const char c : text) {
    wide += c >= ' ' && c <= '~' ? c : '?';
    wide += '\0';
  }
  return wide.append(2, '\0');
}

// The same up to the zero or the end; what is not ASCII becomes a question mark.
std::string FromWide(std::string_view wide) {
  std::string text;
  for (std::size_t at = 0; at + 1 < wide.size(); at += 2) {
    const auto c = LoadLe16(AsBytes(wide), at);
    if (c == 0) {
      break;
    }
    text += c >= ' ' && c <= '~' ? static_cast<char>(c) : '?';
  }
  return text;
}

std::string Node(std::uint8_t type, std::uint8_t subtype, std::string_view content) {
  std::string node(kNodeHead, '\0');
  node[0] = static_cast<char>(type);
  node[1] = static_cast<char>(subtype);
  StoreLe16(AsWritableBytes(node), 2, static_cast<std::uint16_t>(kNodeHead + content.size()));
  return node.append(content);
}

std::string DevicePath(const BootProgram& program) {
  std::string drive(kHardDriveSize - kNodeHead, '\0');
  drive = Node(kMediaType, kHardDriveType, drive);
  const auto bytes = AsWritableBytes(drive);
  StoreLe32(bytes, kNumberAt, program.partition_number);
  StoreLe64(bytes, kStartAt, program.first_sector);
  StoreLe64(bytes, kSizeAt, program.sectors);
  drive.replace(kSignatureAt, kGuidSize, FormatGuid(program.partition_uuid));
  drive[kFormatAt] = kGptFormat;
  drive[kSignatureTypeAt] = kGuidSignature;
  auto file = program.file;
  std::ranges::replace(file, '/', '\\');
  return drive + Node(kMediaType, kFilePathType, ToWide(file)) + Node(kEndType, kEndOfPath, "");
}

// Adds what a node says to `program`; false for a node that it cannot be made of.
bool TakeNode(std::string_view node, BootProgram& program) {
  if (node[0] != kMediaType) {
    return false;
  }
  const auto bytes = AsBytes(node);
  if (node[1] == kHardDriveType && node.size() == kHardDriveSize && node[kFormatAt] == kGptFormat &&
      node[kSignatureTypeAt] == kGuidSignature) {
    program.partition_number = LoadLe32(bytes, kNumberAt);
    program.first_sector = LoadLe64(bytes, kStartAt);
    program.sectors = LoadLe64(bytes, kSizeAt);
    program.partition_uuid = ParseGuid(node.substr(kSignatureAt, kGuidSize));
    return true;
  }
  if (node[1] == kFilePathType) {
    program.file += FromWide(node.substr(kNodeHead));
    std::ranges::replace(program.file, '\\', '/');
    return true;
  }
  return false;
}

// Past the description's zero, or nothing.
std::optional<std::size_t> PathStart(std::string_view option) {
  for (std::size_t at = kOptionHead; at + 1 < option.size(); at += 2) {
    if (option[at] == '\0' && option[at + 1] == '\0') {
      return at + 2;
    }
  }
  return std::nullopt;
}

std::string EntryName(std::uint16_t number) {
  std::array<std::byte, 2> bytes{};
  bytes[0] = static_cast<std::byte>(number >> 8U);
  bytes[1] = static_cast<std::byte>(number & 0xffU);
  auto digits = ToHex(bytes);
  std::ranges::transform(digits, digits.begin(), [](char c) {
    return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return "Boot" + digits;
}

// The number in "Boot0003", with digits as section 3.3 has them.
std::optional<std::uint16_t> EntryNumber(std::string_view name) {
  constexpr std::string_view kBoot = "Boot";
  if (name.size() != kBoot.size() + 4 || !name.starts_with(kBoot)) {
    return std::nullopt;
  }
  std::uint16_t number = 0;
  const auto* const end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data() + kBoot.size(), end, number, 16);
  return parsed.ptr == end && EntryName(number) == name ? std::optional(number) : std::nullopt;
}

std::vector<std::uint16_t> ParseOrder(std::string_view data) {
  std::vector<std::uint16_t> order;
  for (std::size_t at = 0; at + 1 < data.size(); at += 2) {
    order.push_back(LoadLe16(AsBytes(data), at));
  }
  return order;
}

std::string FormatOrder(const std::vector<std::uint16_t>& order) {
  std::string data(order.size() * 2, '\0');
  for (std::size_t n = 0; n < order.size(); ++n) {
    StoreLe16(AsWritableBytes(data), n * 2, order[n]);
  }
  return data;
}

constexpr const char* kOrderName = "BootOrder";

std::optional<std::string> TryRead(const EfiVariables& variables, std::string_view name) {
  try {
    const auto variable = variables.Read(name);
    return variable ? std::optional(variable->data) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

void WriteChanged(EfiVariables& variables, std::string_view name, const std::string& data) {
  const EfiVariable wanted{.attributes = kAttributes, .data = data};
  if (variables.Read(name) != wanted) {
    variables.Write(name, wanted);
  }
}

}  // namespace

std::string FormatBootOption(std::string_view description, const BootProgram& program) {
  const auto path = DevicePath(program);
  std::string option(kOptionHead, '\0');
  StoreLe32(AsWritableBytes(option), 0, kActive);
  StoreLe16(AsWritableBytes(option), 4, static_cast<std::uint16_t>(path.size()));
  return option + ToWide(description) + path;
}

std::optional<BootProgram> ParseBootOption(std::string_view option) {
  const auto start = PathStart(option);
  if (!start) {
    return std::nullopt;
  }
  const std::size_t length = LoadLe16(AsBytes(option), 4);
  auto path = option.substr(*start, length);
  BootProgram program;
  while (path.size() >= kNodeHead && path[0] != kEndType) {
    const std::size_t size = LoadLe16(AsBytes(path), 2);
    if (size < kNodeHead || size > path.size() || !TakeNode(path.substr(0, size), program)) {
      return std::nullopt;
    }
    path.remove_prefix(size);
  }
  if (program.partition_uuid.empty() || program.file.empty()) {
    return std::nullopt;
  }
  return program;
}

std::optional<BootEntries> InspectBootEntries(const EfiVariables& variables) {
  if (!variables.IsWritable()) {
    return std::nullopt;
  }
  BootEntries entries;
  for (const auto& name : variables.List()) {
    if (const auto number = EntryNumber(name)) {
      // One that cannot be read is there all the same: its number is taken.
      entries.options[*number] = TryRead(variables, name).value_or("");
    }
  }
  entries.order = ParseOrder(TryRead(variables, kOrderName).value_or(""));
  return entries;
}

std::string BootEntryPlan::Name() const {
  return EntryName(number);
}

BootEntryPlan PlanBootEntry(const BootEntries& found,
                            std::string_view description,
                            const BootProgram& program,
                            const std::vector<std::string>& replaced) {
  BootEntryPlan plan{.description = std::string(description), .program = program};
  const auto is_ours = [&](const auto& entry) {
    const auto other = ParseBootOption(entry.second);
    return other && other->file == program.file &&
           (other->partition_uuid == program.partition_uuid ||
            std::ranges::find(replaced, other->partition_uuid) != replaced.end());
  };
  const auto old = std::ranges::find_if(found.options, is_ours);
  if (old != found.options.end()) {
    plan.number = old->first;
    plan.kind = BootEntryPlan::Number::kReused;
  } else {
    std::uint32_t number = 0;
    while (number < kMostEntries && found.options.contains(static_cast<std::uint16_t>(number))) {
      ++number;
    }
    if (number == kMostEntries) {
      throw Error(ErrorKind::kDoesNotFit, "the firmware has no room for another boot entry");
    }
    plan.number = static_cast<std::uint16_t>(number);
  }
  plan.order = {plan.number};
  std::ranges::copy_if(found.order, std::back_inserter(plan.order), [&](auto other) {
    return other != plan.number;
  });
  return plan;
}

void WriteBootEntry(EfiVariables& variables, const BootEntryPlan& plan) {
  InContext("making the boot entry " + plan.Name(), [&] {
    WriteChanged(variables, plan.Name(), FormatBootOption(plan.description, plan.program));
    WriteChanged(variables, kOrderName, FormatOrder(plan.order));
  });
}

}  // namespace ros::bootloader
