#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.hpp"
#include "images/root_directory.hpp"

namespace ros::images {

// A layer of a container image, opened at its beginning.
struct ContainerLayer {
  std::string name;  // for messages: "layer 2 (sha256:...)"
  UniqueFd fd;
};

// Whether a directory holds a container image rather than a root: an OCI layout, or what
// `docker save` writes.
bool HoldsContainerImage(const RootDirectory& directory);

// Opens the layers of the one image in such a directory, the lowest first. An index of several
// machines (nested too) is searched for linux on `architecture`, in OCI's names. The digests of an
// OCI image's blobs are checked, all of them, here. Throws kVerification naming blob or file,
// kUsage when there is no image for the architecture or more than one image.
std::vector<ContainerLayer> OpenLayers(const RootDirectory& directory,
                                       std::string_view architecture);

}  // namespace ros::images
