#include "bootloader/firmware_keys.hpp"

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace ros::bootloader {
namespace {

// EFI_IMAGE_SECURITY_DATABASE_GUID (UEFI 2.10, section 32.6.1).
constexpr std::string_view kDatabaseVendor = "d719b2cb-3d3a-4596-a3bc-dad00e67656f";
// EFI_CERT_X509_GUID, as it lies in memory: a5c059a1-94e4-4aa7-87b5-ab155c2bf072.
constexpr std::string_view kX509("\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72",
                                 16);
// A list: its type, three u32 (its size, that of its header, that of each signature), the header,
// the signatures. A signature: its owner's GUID, its data.
constexpr Bytes kListHead = kGuidSize + 12;

// One list's signatures into `keys`; false for what is no list.
bool TakeList(std::string_view& db, FirmwareKeys& keys) {
  if (db.size() < kListHead) {
    return false;
  }
  const auto bytes = AsBytes(db);
  const Bytes size = LoadLe32(bytes, kGuidSize);
  const Bytes header = LoadLe32(bytes, kGuidSize + 4);
  const Bytes each = LoadLe32(bytes, kGuidSize + 8);
  if (size < kListHead || size > db.size() || header > size - kListHead || each <= kGuidSize) {
    return false;
  }
  auto signatures = db.substr(kListHead + header, size - kListHead - header);
  if (db.starts_with(kX509)) {
    for (; signatures.size() >= each; signatures.remove_prefix(each)) {
      keys.certificates.emplace_back(signatures.substr(kGuidSize, each - kGuidSize));
    }
  } else {
    keys.others = true;
  }
  db.remove_prefix(size);
  return true;
}

}  // namespace

FirmwareKeys ParseFirmwareKeys(std::string_view db) {
  FirmwareKeys keys;
  while (!db.empty()) {
    if (!TakeList(db, keys)) {
      keys.others = true;
      break;
    }
  }
  return keys;
}

std::optional<FirmwareKeys> ReadFirmwareKeys(const EfiVariables& variables) {
  try {
    const auto db = variables.Read("db", kDatabaseVendor);
    return db ? std::optional(ParseFirmwareKeys(db->data)) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace ros::bootloader
