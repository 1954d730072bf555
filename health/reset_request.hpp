#pragma once

#include <filesystem>
#include <optional>

namespace ros::health {

// `ros reset` asks, and `ros-init` does it at the next boot of a good slot, before anything of the
// state is in use: `<state>/reset`. As long as it is there, the reset is to be done, or done again.
enum class ResetScope {
  kContent,          // "content"           what the machine has stored; its trust and memory stay
  kContentAndTrust,  // "content-and-trust" keys, epoch and bad list too
};

std::string_view Name(ResetScope scope);

// What is asked for. A request that makes no sense is one for kContent: it is there, and the less
// is done. `directory` is the state directory (/ros).
std::optional<ResetScope> ReadResetRequest(const std::filesystem::path& directory);

// Both are durable when they return. Throw kFailed.
void WriteResetRequest(const std::filesystem::path& directory, ResetScope scope);
void RemoveResetRequest(const std::filesystem::path& directory);

}  // namespace ros::health
