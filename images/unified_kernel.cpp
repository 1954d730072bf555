#include "images/unified_kernel.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::images {
namespace {

constexpr Bytes kLargestStub = Bytes{1} << 20U;
constexpr Bytes kPage = 4096;

// Microsoft's PE format: where the offset of the PE header is; from that header on: the COFF header
// and, in it, the number of sections, the place of symbols, the size of the optional header.
constexpr Bytes kPeOffset = 0x3c;
constexpr Bytes kMachine = 4;
constexpr Bytes kSectionCount = 6;
constexpr Bytes kSymbols = 12;
constexpr Bytes kOptionalSize = 20;
constexpr Bytes kOptionalHeader = 24;
// In the optional header of a PE32+.
constexpr Bytes kInitializedData = 8;
constexpr Bytes kFileAlignment = 36;
constexpr Bytes kImageSize = 56;
constexpr Bytes kHeadersSize = 60;
constexpr Bytes kSmallestOptional = 112;
constexpr std::uint16_t kPe32Plus = 0x20b;
constexpr std::uint16_t kX8664 = 0x8664;
// Where a PE32+ optional header says where certificates are; the head of one, its type in it.
constexpr Bytes kCertificates = 112 + Bytes{4} * 8;
constexpr Bytes kCertificateHead = 8;
constexpr Bytes kCertificateType = 6;
constexpr std::uint16_t kSignedData = 2;
// An entry of the section table.
constexpr Bytes kSectionSize = 40;
constexpr Bytes kNameLength = 8;
constexpr Bytes kVirtualSize = 8;
constexpr Bytes kAddress = 12;
constexpr Bytes kRawSize = 16;
constexpr Bytes kRawOffset = 20;
constexpr Bytes kFlags = 36;
constexpr std::uint32_t kReadableData = 0x40000040;
constexpr std::uint16_t kMostSections = 96;

struct Section {
  std::string_view name;
  Bytes address = 0;
  Bytes virtual_size = 0;
  Bytes offset = 0;
  Bytes raw_size = 0;
};

struct Headers {
  Bytes pe = 0;
  Bytes optional = 0;
  Bytes table = 0;
  std::uint16_t sections = 0;
};

// Nothing for what is not a PE32+ program for x86_64 whose headers are all there.
std::optional<Headers> FindHeaders(std::string_view program) {
  const auto bytes = AsBytes(program);
  if (program.size() < kPeOffset + 4 || !program.starts_with("MZ")) {
    return std::nullopt;
  }
  Headers headers{.pe = LoadLe32(bytes, kPeOffset)};
  headers.optional = headers.pe + kOptionalHeader;
  if (headers.optional + kSmallestOptional > program.size() ||
      program.substr(headers.pe, 4) != std::string_view("PE\0\0", 4) ||
      LoadLe16(bytes, headers.pe + kMachine) != kX8664 ||
      LoadLe16(bytes, headers.optional) != kPe32Plus) {
    return std::nullopt;
  }
  headers.table = headers.optional + LoadLe16(bytes, headers.pe + kOptionalSize);
  headers.sections = LoadLe16(bytes, headers.pe + kSectionCount);
  if (headers.sections > kMostSections ||
      headers.table + headers.sections * kSectionSize > program.size()) {
    return std::nullopt;
  }
  return headers;
}

Section SectionAt(std::string_view program, const Headers& headers, std::uint16_t number) {
  const auto bytes = AsBytes(program);
  const auto at = headers.table + number * kSectionSize;
  const auto name = program.substr(at, kNameLength);
  return {.name = name.substr(0, name.find('\0')),
          .address = LoadLe32(bytes, at + kAddress),
          .virtual_size = LoadLe32(bytes, at + kVirtualSize),
          .offset = LoadLe32(bytes, at + kRawOffset),
          .raw_size = LoadLe32(bytes, at + kRawSize)};
}

// The stub while sections are put behind its own.
class StubProgram {
 public:
  explicit StubProgram(std::string_view stub) : bytes_(stub) {
    const auto headers = FindHeaders(stub);
    if (!headers) {
      throw Error(ErrorKind::kFailed, "the stub is no EFI program for x86_64");
    }
    headers_ = *headers;
    alignment_ = Get32(headers_.optional + kFileAlignment);
    Bytes end = 0;
    for (std::uint16_t i = 0; i < headers_.sections; ++i) {
      const auto section = SectionAt(stub, headers_, i);
      end = std::max(end, section.offset + section.raw_size);
      address_ = std::max(address_, RoundUp(section.address + section.virtual_size, kPage));
    }
    constexpr Bytes kLargestAlignment = 65536;
    if (end > bytes_.size() || alignment_ == 0 || alignment_ > kLargestAlignment) {
      throw Error(ErrorKind::kFailed, "the stub is cut short");
    }
    // Behind the last section are symbols, which nobody needs.
    bytes_.resize(end);
    Put32(headers_.pe + kSymbols, 0);
    Put32(headers_.pe + kSymbols + 4, 0);
  }

  void Add(std::string_view name, std::string_view content) {
    const auto at = headers_.table + headers_.sections * kSectionSize;
    if (at + kSectionSize > Get32(headers_.optional + kHeadersSize)) {
      throw Error(ErrorKind::kFailed, "the stub has no room for the section " + std::string(name));
    }
    bytes_.resize(RoundUp(bytes_.size(), alignment_), '\0');
    const auto raw_size = RoundUp(content.size(), alignment_);
    std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at), kSectionSize, '\0');
    std::copy(name.begin(), name.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at));
    Put32(at + kVirtualSize, content.size());
    Put32(at + kAddress, address_);
    Put32(at + kRawSize, raw_size);
    Put32(at + kRawOffset, bytes_.size());
    Put32(at + kFlags, kReadableData);
    bytes_.append(content);
    bytes_.resize(RoundUp(bytes_.size(), alignment_), '\0');
    address_ = RoundUp(address_ + content.size(), kPage);
    ++headers_.sections;
    StoreLe16(AsWritableBytes(bytes_), headers_.pe + kSectionCount, headers_.sections);
    const auto data = headers_.optional + kInitializedData;
    Put32(data, Get32(data) + raw_size);
    Put32(headers_.optional + kImageSize, address_);
  }

  std::string Take() { return std::move(bytes_); }

 private:
  [[nodiscard]] Bytes Get32(Bytes at) const { return LoadLe32(AsBytes(bytes_), at); }

  // Sizes are below 2 GiB: those of the parts are limited.
  void Put32(Bytes at, Bytes value) {
    StoreLe32(AsWritableBytes(bytes_), at, static_cast<std::uint32_t>(value));
  }

  std::string bytes_;
  Headers headers_;
  Bytes alignment_ = 0;
  Bytes address_ = 0;
};

}  // namespace

std::string BuildUnifiedKernel(std::string_view stub, const UnifiedKernel& parts) {
  StubProgram program(stub);
  program.Add(".osrel", parts.os_release);
  program.Add(".cmdline", parts.command_line);
  program.Add(".uname", parts.kernel_version);
  // Last, as systemd's own tools have it: the kernel may use what is behind it in memory.
  program.Add(".initrd", parts.initrd);
  program.Add(".linux", parts.kernel);
  return program.Take();
}

std::string ReadStub(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) {
    throw Error(ErrorKind::kFailed, "there is no " + path.string() + "; install systemd-boot-efi");
  }
  return ReadFile(path, kLargestStub);
}

std::optional<std::string> FindSection(std::string_view program,
                                       std::string_view name,
                                       Bytes limit) {
  const auto headers = FindHeaders(program);
  for (std::uint16_t i = 0; headers && i < headers->sections; ++i) {
    const auto section = SectionAt(program, *headers, i);
    if (section.name == name) {
      const auto length = std::min(section.virtual_size, section.raw_size);
      if (length > limit || section.offset > program.size() ||
          length > program.size() - section.offset) {
        return std::nullopt;
      }
      return std::string(program.substr(section.offset, length));
    }
  }
  return std::nullopt;
}

std::string_view FindSignature(std::string_view program) {
  const auto headers = FindHeaders(program);
  const auto bytes = AsBytes(program);
  if (!headers || headers->table < headers->optional + kCertificates + 8 ||
      headers->optional + kCertificates + 8 > program.size()) {
    return {};
  }
  const Bytes at = LoadLe32(bytes, headers->optional + kCertificates);
  if (at == 0 || at + kCertificateHead > program.size()) {
    return {};
  }
  const Bytes length = LoadLe32(bytes, at);
  if (LoadLe16(bytes, at + kCertificateType) != kSignedData || length < kCertificateHead ||
      length > program.size() - at) {
    return {};
  }
  return program.substr(at + kCertificateHead, length - kCertificateHead);
}

}  // namespace ros::images
