#pragma once

#include <memory>

#include "images/image_source.hpp"
#include "registry/connection.hpp"
#include "registry/reference.hpp"

namespace ros::images {

// An OS image or channel document in a registry, read where it is: its manifest and the signatures
// that the registry has of it in cosign's form (tag sha256-<hex>.sig) are fetched now, blobs when
// they are read. Nothing is verified here but that manifests have the digest they were asked for
// by. What is announced of a blob is fetched ahead on a connection of its own; everything else is
// one request each time. Throws kNetwork where there is none of that name, or as Repository.
std::unique_ptr<ImageSource> OpenRegistryImage(const registry::Reference& reference,
                                               const registry::ConnectionOptions& options);

}  // namespace ros::images
