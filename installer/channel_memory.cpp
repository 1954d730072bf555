#include "installer/channel_memory.hpp"

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json.hpp"

namespace ros::installer {
namespace {

constexpr Bytes kMemoryLimit = Bytes{1} << 20U;

}  // namespace

ChannelMemory ParseChannelMemory(std::string_view text, const std::string& where) {
  try {
    const auto json = Json::Parse(text, where);
    ChannelMemory memory;
    for (const auto& member : json.AsObject(where)) {
      if (!trust::IsChannelName(member.key)) {
        throw Error(ErrorKind::kVerification, where + ": a channel's name is expected");
      }
      memory[member.key] = {
          .serial = member.value.At("serial", where).AsUint(where),
          .digest = keys::Digest::Parse(member.value.At("digest", where).AsString(where))};
    }
    return memory;
  } catch (const Error& error) {
    throw Error(ErrorKind::kVerification,
                error.message() +
                    "; it says which channel documents were accepted here, so an old one cannot be "
                    "told from a new one: remove the file, and then upgrade with the newest "
                    "document alone");
  }
}

ChannelMemory ReadChannelMemory(const std::filesystem::path& state) {
  const auto path = state / kChannelMemoryFile;
  if (std::filesystem::symlink_status(path).type() == std::filesystem::file_type::not_found) {
    return {};
  }
  std::string text;
  try {
    text = ReadFile(path, kMemoryLimit);
  } catch (const Error& error) {
    throw Error(ErrorKind::kVerification, error.message());
  }
  return ParseChannelMemory(text, path.string());
}

std::string FormatChannelMemory(const ChannelMemory& memory) {
  auto json = Json::MakeObject();
  for (const auto& [channel, accepted] : memory) {
    json.Set(channel,
             Json::MakeObject()
                 .Set("serial", accepted.serial)
                 .Set("digest", accepted.digest.ToString()));
  }
  return json.DumpPretty();
}

void RememberChannel(const std::filesystem::path& state,
                     const std::string& channel,
                     const trust::AcceptedChannel& accepted) {
  auto memory = ReadChannelMemory(state);
  auto& entry = memory[channel];
  if (accepted.serial < entry.serial) {
    return;
  }
  entry = accepted;
  WriteFileAtomically(state / kChannelMemoryFile, AsBytes(FormatChannelMemory(memory)));
}

}  // namespace ros::installer
