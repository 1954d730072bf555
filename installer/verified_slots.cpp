#include "installer/verified_slots.hpp"

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json.hpp"

namespace ros::installer {
namespace {

constexpr const char* kSlotsFile = "verified.json";
constexpr Bytes kSlotsLimit = Bytes{1} << 20U;

}  // namespace

VerifiedSlot VerifiedSlotOf(const images::VerifiedImage& image) {
  return {.digest = image.manifest.digest.ToString(),
          .policy = image.signers.empty() ? std::string() : image.config.trust};
}

VerifiedSlots ReadVerifiedSlots(const std::filesystem::path& state) {
  const auto path = state / kSlotsFile;
  if (!std::filesystem::exists(path)) {
    return {};
  }
  const auto where = path.string();
  try {
    const auto json = Json::Parse(ReadFile(path, kSlotsLimit), where);
    VerifiedSlots slots;
    for (const auto slot : {SlotId::kA, SlotId::kB}) {
      if (const auto* entry = json.Find(Name(slot), where)) {
        slots[slot] = {.digest = entry->At("digest", where).AsString(where),
                       .policy = entry->At("policy", where).AsString(where)};
      }
    }
    return slots;
  } catch (const Error& error) {
    throw Error(ErrorKind::kVerification,
                error.message() +
                    "; it says which trust policy is in force, so no image can be judged: install "
                    "this machine anew with --keep-state");
  }
}

void RememberVerifiedSlot(const std::filesystem::path& state,
                          SlotId slot,
                          const VerifiedSlot& verified) {
  auto slots = ReadVerifiedSlots(state);
  slots[slot] = verified;
  ReplaceVerifiedSlots(state, slots);
}

void ReplaceVerifiedSlots(const std::filesystem::path& state, const VerifiedSlots& slots) {
  WriteFileAtomically(state / kSlotsFile, AsBytes(FormatVerifiedSlots(slots)));
}

std::string FormatVerifiedSlots(const VerifiedSlots& slots) {
  auto json = Json::MakeObject();
  for (const auto& [slot, verified] : slots) {
    json.Set(Name(slot),
             Json::MakeObject().Set("digest", verified.digest).Set("policy", verified.policy));
  }
  return json.DumpPretty();
}

}  // namespace ros::installer
