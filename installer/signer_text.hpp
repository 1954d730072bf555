#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"

namespace ros::installer {

// Who signed something, "no" for nobody; where nothing was verified, by which keys the signatures
// say they are.
std::string SignerText(const std::vector<std::string>& signers,
                       const std::vector<std::string>& signature_keys);

// [{"key": ...}, ...]
Json KeyListToJson(const std::vector<std::string>& keys);

}  // namespace ros::installer
