#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "images/manifest.hpp"

namespace ros::images {

// The bytes of an index.json (OCI image-spec, image index) of one artifact under this ref.name, and
// the manifest of its signatures, whose descriptor has its name already.
std::string WriteOciIndex(Descriptor manifest,
                          const std::string& reference,
                          std::string_view artifact_type,
                          const std::optional<Descriptor>& signatures);

}  // namespace ros::images
