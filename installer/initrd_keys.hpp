#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "images/image_config.hpp"
#include "keys/trust_store.hpp"
#include "trust/judgement.hpp"
#include "trust/policy.hpp"

// The keys in an image's initrd, by which its ros-init verifies the slot that it starts
// (docs/security.md, "Verified at boot").
namespace ros::installer {

// Those of the image's policy that sign images and are not revoked, and those in the files. Throws
// kUsage for a file that is not a public key, and for more than 64 keys.
keys::TrustStore InitrdKeys(const trust::Policy& policy,
                            const std::vector<std::filesystem::path>& signers);

// Whether the image's ros-init would find a signature that it takes among those of these keys
// (fingerprints), which are all that a slot would keep. None for an image without keys in its
// initrd.
std::optional<trust::RuleResult> JudgeBoot(const images::ImageConfig& config,
                                           const std::vector<std::string>& signers);

}  // namespace ros::installer
