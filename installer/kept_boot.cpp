#include "installer/kept_boot.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "health/journal.hpp"
#include "health/kept_note.hpp"
#include "installer/verified_slots.hpp"

namespace ros::installer {
namespace {

using health::KeptNote;

constexpr Bytes kKeptKeysLimit = Bytes{1} << 20U;
constexpr Bytes kSmallestPlace = Bytes{4} << 10U;

std::vector<InstallRequest::NamedText> ParseKeys(const std::string& text,
                                                 const std::string& installation) {
  const auto json = Json::Parse(text, kKeptKeysPath);
  if (json.At("installation", kKeptKeysPath).AsString("installation") != installation) {
    throw Error(ErrorKind::kFailed,
                std::string(kKeptKeysPath) + " of the boot partition is another installation's");
  }
  std::vector<InstallRequest::NamedText> keys;
  for (const auto& key : json.At("keys", kKeptKeysPath).AsArray("keys")) {
    keys.push_back({.name = key.At("name", "keys").AsString("name"),
                    .text = key.At("pem", "keys").AsString("pem")});
  }
  return keys;
}

bool IsFileName(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name != "." && name != "..";
}

// A key that is there already under any name is not added again; one of the same name stays.
bool AddKey(const std::filesystem::path& directory, const InstallRequest::NamedText& key) {
  const auto names = ListDirectory(directory);
  const auto same = [&](const std::string& name) {
    return ReadFile(directory / name, keys::kMaxKeyFileSize) == key.text;
  };
  if (!IsFileName(key.name) || std::ranges::any_of(names, same)) {
    return false;
  }
  auto name = key.name;
  for (int number = 2; std::ranges::find(names, name) != names.end(); ++number) {
    name = std::to_string(number) + "-" + key.name;
  }
  WriteFileAtomically(directory / name, AsBytes(key.text));
  return true;
}

int AddKeys(const Machine& machine, const partitions::FatVolume& boot) {
  const auto keys =
      ParseKeys(boot.ReadContent(kKeptKeysPath, kKeptKeysLimit), machine.running->kept);
  const auto directory = machine.state / "keys";
  std::filesystem::create_directories(directory);
  return static_cast<int>(
      std::ranges::count_if(keys, [&](const auto& key) { return AddKey(directory, key); }));
}

}  // namespace

partitions::BootFile KeptKeysFile(const std::string& installation, const InstallRequest& request) {
  auto keys = Json::MakeArray();
  for (const auto& key : request.keys) {
    keys.Append(Json::MakeObject().Set("name", key.name).Set("pem", key.text));
  }
  auto text = Json::MakeObject()
                  .Set("installation", installation)
                  .Set("keys", std::move(keys))
                  .DumpPretty();
  const auto place = std::max<Bytes>(kSmallestPlace, text.size());
  return {.path = kKeptKeysPath, .max_size = place, .content = std::move(text)};
}

std::string FinishKeptState(const Machine& machine,
                            const partitions::FatVolume& boot,
                            const Clock& clock) {
  const auto& running = machine.running.value();
  if (running.kept.empty()) {
    return {};
  }
  auto note = health::ReadKeptNote(machine.state, running.kept);
  if (!note || note->stage == KeptNote::Stage::kComplete) {
    return {};
  }
  return InContext("taking over the state of the installation before", [&] {
    const auto added = AddKeys(machine, boot);
    const auto content = ReadSlotContent(boot, running.slot);
    VerifiedSlots verified;
    if (content.config) {
      verified[running.slot] = {.digest = content.digest, .policy = content.config->trust};
    }
    ReplaceVerifiedSlots(machine.state, verified);
    std::string sentence = "installed in front of a state that was kept: /etc is that of slot " +
                           std::string(Name(note->from)) + " before, " + std::to_string(added) +
                           (added == 1 ? " key" : " keys") + " added";
    health::Journal(machine.state, clock)
        .Append({.event = health::JournalEvent::kInstalled,
                 .slot = running.slot,
                 .version = content.VersionText(),
                 .digest = content.digest,
                 .reason = sentence});
    note->stage = KeptNote::Stage::kComplete;
    health::WriteKeptNote(machine.state, *note);
    return sentence;
  });
}

}  // namespace ros::installer
