#include "images/oci_index.hpp"

#include "base/json.hpp"

namespace ros::images {

std::string WriteOciIndex(Descriptor manifest,
                          const std::string& reference,
                          std::string_view artifact_type,
                          const std::optional<Descriptor>& companion) {
  manifest.annotations[std::string(kRefNameAnnotation)] = reference;
  Json entry = ToJson(manifest);
  entry.Set("artifactType", artifact_type);
  Json index = Json::MakeObject();
  index.Set("schemaVersion", 2);
  index.Set("mediaType", kOciIndexType);
  auto manifests = Json::MakeArray();
  manifests.Append(std::move(entry));
  if (companion) {
    manifests.Append(ToJson(*companion));
  }
  index.Set("manifests", manifests);
  return index.Dump();
}

}  // namespace ros::images
