#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "images/manifest.hpp"

namespace ros::images {

// The bytes of an index.json (OCI image-spec, image index) of one artifact under this ref.name, and
// what belongs to it: the manifest of its signatures or the list of its referrers, whose descriptor
// has its name already.
std::string WriteOciIndex(Descriptor manifest,
                          const std::string& reference,
                          std::string_view artifact_type,
                          const std::optional<Descriptor>& companion);

}  // namespace ros::images
