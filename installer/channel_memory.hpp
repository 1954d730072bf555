#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "trust/channel_judgement.hpp"

namespace ros::installer {

// The newest document of each channel that this machine has accepted, by the channel's name.
using ChannelMemory = std::map<std::string, trust::AcceptedChannel>;

inline constexpr const char* kChannelMemoryFile = "channels.json";

// STATE/channels.json; empty where there is none (nothing was accepted yet, or --forget-trust).
// Throws kVerification with what to do where it makes no sense: what it said is not guessed, for a
// damaged file must not let in what an old document says.
ChannelMemory ReadChannelMemory(const std::filesystem::path& state);

// The text of such a file; `where` names it in messages. Throws as above.
ChannelMemory ParseChannelMemory(std::string_view text, const std::string& where);
std::string FormatChannelMemory(const ChannelMemory& memory);

// Durable: after a power cut the old or the new file is there. Never lowers a serial; other
// channels stay.
void RememberChannel(const std::filesystem::path& state,
                     const std::string& channel,
                     const trust::AcceptedChannel& accepted);

}  // namespace ros::installer
