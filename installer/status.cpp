#include "installer/status.hpp"

#include "base/error.hpp"
#include "base/slot.hpp"
#include "health/bad_list.hpp"
#include "health/journal.hpp"
#include "installer/disk_picture.hpp"
#include "installer/trial.hpp"

namespace ros::installer {
namespace {

std::string ShortDigest(const std::string& digest) {
  constexpr std::size_t kShown = 19;  // "sha256:" and twelve digits
  return digest.size() > kShown ? digest.substr(0, kShown) : digest;
}

std::string NextBootText(const Status& status) {
  const auto& next = status.next;
  if (!next.slot) {
    return "nothing: neither slot is complete";
  }
  std::string text = SlotText(*next.slot);
  if (next.trial_tries_left) {
    text += ", on trial, " + std::to_string(*next.trial_tries_left) + " more after that";
  }
  if (next.fell) {
    text += ", because " + SlotText(*next.fell) + " cannot be booted";
  }
  return text;
}

Colour ColourOf(const Status& status, SlotId slot) {
  const auto state = status.state();
  if (slot == state.good) {
    return Colour::kGreen;
  }
  return state.trial && state.trial->slot == slot ? Colour::kYellow : Colour::kDim;
}

std::string BootStateDamage(const Status& status) {
  std::string text;
  if (!status.boot.first.sound()) {
    text += "boot state is damaged (" + status.boot.first.damage +
            "); the next ros upgrade repairs it\n";
  }
  if (!status.boot.second.sound()) {
    text += "the second copy of the boot state is damaged (" + status.boot.second.damage +
            "); the next ros upgrade repairs it\n";
  }
  return text;
}

std::string FirmwareText(const bootloader::Firmware& firmware) {
  if (firmware.kind == bootloader::FirmwareKind::kBios) {
    return "BIOS";
  }
  const std::string text = "UEFI, Secure Boot " + std::string(Name(firmware.secure_boot));
  return firmware.secure_boot == bootloader::SecureBoot::kUnknown
             ? text + " (its variables cannot be read: is efivarfs mounted?)"
             : text;
}

Json FirmwareToJson(const bootloader::Firmware& firmware) {
  auto json = Json::MakeObject().Set("kind", Name(firmware.kind));
  return firmware.kind == bootloader::FirmwareKind::kUefi
             ? json.Set("secure_boot", Name(firmware.secure_boot))
             : json;
}

Json LoaderToJson(const LoaderFacts& loader) {
  auto damage = Json::MakeArray();
  for (const auto& what : loader.damage) {
    damage.Append(Json::MakeObject().Set("what", what));
  }
  return Json::MakeObject()
      .Set("name", loader.name)
      .Set("bios", loader.bios)
      .Set("bios_version", loader.bios_version)
      .Set("uefi", loader.uefi)
      .Set("uefi_version", loader.uefi_version)
      .Set("secure_boot", loader.secure_boot)
      .Set("unified_kernels", loader.unified_kernels)
      .Set("damage", std::move(damage));
}

Json SlotToJson(const Status& status, SlotId slot) {
  const auto& content = status.slot(slot);
  Json json;
  json.Set("slot", Name(slot))
      .Set("state", SlotStateText(status, slot))
      .Set("complete", content.complete)
      .Set("running", status.running == slot)
      .Set("good", status.state().good == slot);
  if (content.complete) {
    json.Set("digest", content.digest);
  }
  if (content.config) {
    json.Set("name", content.config->name)
        .Set("version", content.config->version)
        .Set("epoch", content.config->epoch);
  }
  if (!content.problem.empty()) {
    json.Set("problem", content.problem);
  }
  return json;
}

Json NextToJson(const Status& status) {
  Json next = Json::MakeObject();
  if (status.next.slot) {
    next.Set("slot", Name(*status.next.slot));
  }
  next.Set("trial", status.next.trial_tries_left.has_value());
  if (status.next.fell) {
    next.Set("fell_from", Name(*status.next.fell));
  }
  return next;
}

// One row a slot, in the colour of its state.
std::string SlotTable(const Status& status, const Console& console) {
  std::vector<std::vector<std::string>> rows = {{"slot", "version", "digest", "state", "running"}};
  for (const auto& content : status.slots) {
    const bool running = status.running == content.slot;
    rows.push_back({std::string(Name(content.slot)),
                    content.VersionText(),
                    ShortDigest(content.digest),
                    SlotStateText(status, content.slot),
                    running ? (status.on_trial ? "yes, on trial" : "yes") : ""});
  }
  std::string text;
  // Coloured line by line, after the columns are laid out.
  const auto table = FormatTable(rows);
  std::size_t line = 0;
  for (std::size_t at = 0; at < table.size(); ++line) {
    const auto end = table.find('\n', at);
    const auto row = table.substr(at, end - at);
    const auto colour = line == 0   ? Colour::kBold
                        : line == 1 ? ColourOf(status, SlotId::kA)
                                    : ColourOf(status, SlotId::kB);
    text += console.Paint(colour, row) + "\n";
    at = end + 1;
  }
  return text;
}

BootCheckFacts InspectBootCheck(const Machine& machine, const SlotContent& running) {
  const auto entries = health::Journal(machine.state, SystemClock()).Read();
  if (const auto* check = health::FindBootCheck(entries, health::RunningBootId())) {
    const std::string result(Name(*check->boot_check));
    return {.result = result,
            .text = check->boot_check == health::BootCheck::kVerified ? "verified, " + check->reason
                                                                      : check->reason};
  }
  if (running.config && running.config->initrd_keys.empty()) {
    return {.result = "none", .text = "not verified at boot: no keys in its initrd"};
  }
  return {.result = "unknown", .text = "unknown: the journal does not tell of this boot"};
}

void InspectChannels(const Machine& machine, Status& status) {
  try {
    status.channels = ReadChannelMemory(machine.state);
  } catch (const Error& error) {
    status.channels_problem = error.message();
  }
}

std::string ChannelText(const Status& status) {
  std::string text;
  for (const auto& [name, accepted] : status.channels) {
    text += "channel    " + name + ", serial " + std::to_string(accepted.serial) +
            " is the newest document that was accepted\n";
  }
  if (!status.channels_problem.empty()) {
    text += "channel    " + status.channels_problem + "\n";
  }
  return text;
}

Json ChannelsToJson(const Status& status) {
  auto list = Json::MakeArray();
  for (const auto& [name, accepted] : status.channels) {
    list.Append(Json::MakeObject()
                    .Set("name", name)
                    .Set("serial", accepted.serial)
                    .Set("document", accepted.digest.ToString()));
  }
  return list;
}

SlotPast PastOf(const Machine& machine, const SlotContent& content) {
  try {
    if (health::FindBadImage(machine.state, content.digest)) {
      return SlotPast::kRolledBack;
    }
    const auto entries = health::Journal(machine.state, SystemClock()).Read();
    return WasGood(entries, content.slot, content.digest) ? SlotPast::kGoodBefore
                                                          : SlotPast::kStaged;
  } catch (const Error&) {
    return SlotPast::kUnknown;  // The commands that need it tell of the damage.
  }
}

std::string PastText(SlotPast past) {
  switch (past) {
    case SlotPast::kUnknown:
      return "kept";
    case SlotPast::kGoodBefore:
      return "good before";
    case SlotPast::kRolledBack:
      return "rolled back";
    case SlotPast::kStaged:
      return "staged";
  }
  return "";
}

}  // namespace

bootloader::BootState Status::state() const {
  return boot.StateOr(running.value_or(SlotId::kA));
}

Status InspectStatus(const Machine& machine, const std::filesystem::path& sys) {
  const auto boot = OpenBootVolume(machine, DeviceAccess::kRead);
  Status status;
  status.disk = machine.disk;
  status.boot = OpenBootState(boot)->Load();
  status.slots = {ReadSlotContent(boot, SlotId::kA), ReadSlotContent(boot, SlotId::kB)};
  if (machine.running) {
    status.running = machine.running->slot;
    status.on_trial = IsOnTrial(*machine.running, status.state());
    status.firmware = bootloader::InspectFirmware(sys);
    status.boot_check = InspectBootCheck(machine, status.slot(machine.running->slot));
    InspectChannels(machine, status);
    status.past = {PastOf(machine, status.slots[0]), PastOf(machine, status.slots[1])};
  }
  status.loader = InspectLoader(machine, boot);
  status.next = bootloader::NextBoot(
      status.boot.state(), {.a = status.slots[0].complete, .b = status.slots[1].complete});
  return status;
}

std::string SlotStateText(const Status& status, SlotId slot) {
  const auto state = status.state();
  const auto& content = status.slot(slot);
  if (state.good == slot) {
    return content.complete ? "good" : "good, but its files are missing";
  }
  if (state.trial && state.trial->slot == slot) {
    const auto left = std::to_string(state.trial->tries_left);
    return std::string(state.trial->started ? "trial, " : "trial at the next boot, ") + left +
           (left == "1" ? " try left" : " tries left");
  }
  return content.complete ? PastText(status.past.at(slot == SlotId::kA ? 0 : 1)) : "empty";
}

std::string DescribeStatus(const Status& status, const Console& console) {
  std::vector<PicturePart> parts;
  for (const auto& partition : status.disk.partitions) {
    parts.push_back({std::string(partitions::PartitionName(partition.role)), partition.length});
  }
  std::string text = status.disk.path.string() + "\n" + DrawDisk(parts) + "\n";
  text += SlotTable(status, console);
  text += "\nnext boot  " + NextBootText(status) + "\n";
  text += "loader     " + LoaderText(status.loader) + "\n";
  if (status.firmware) {
    text += "firmware   " + FirmwareText(*status.firmware) + "\n";
  }
  if (status.boot_check) {
    text += "this boot  " + status.boot_check->text + "\n";
  }
  text += ChannelText(status);
  for (const auto& content : status.slots) {
    if (!content.problem.empty()) {
      text += SlotText(content.slot) + "     " + content.problem + "\n";
    }
  }
  return text + BootStateDamage(status) + LoaderDamageText(status.loader);
}

Json StatusToJson(const Status& status) {
  auto slots = Json::MakeArray();
  slots.Append(SlotToJson(status, SlotId::kA)).Append(SlotToJson(status, SlotId::kB));
  const auto state = status.state();
  Json json;
  json.Set("disk", status.disk.path.string()).Set("good", Name(state.good));
  if (status.running) {
    json.Set("running", Name(*status.running)).Set("on_trial", status.on_trial);
  }
  if (state.trial) {
    json.Set("trial",
             Json::MakeObject()
                 .Set("slot", Name(state.trial->slot))
                 .Set("tries_left", state.trial->tries_left)
                 .Set("started", state.trial->started));
  }
  if (status.firmware) {
    json.Set("firmware", FirmwareToJson(*status.firmware));
  }
  if (status.boot_check) {
    json.Set("boot_check",
             Json::MakeObject()
                 .Set("result", status.boot_check->result)
                 .Set("text", status.boot_check->text));
  }
  if (status.running) {
    json.Set("channels", ChannelsToJson(status));
  }
  json.Set("loader", LoaderToJson(status.loader))
      .Set("next_boot", NextToJson(status))
      .Set("slots", std::move(slots))
      .Set("boot_state_sound", status.boot.first.sound() && status.boot.second.sound());
  return json;
}

}  // namespace ros::installer
