#pragma once

#include <memory>

#include "images/image_source.hpp"
#include "registry/connection.hpp"
#include "registry/web_address.hpp"

namespace ros::images {

// An OCI archive on a web server, read where it is by ranges: its entry headers and the small files
// now, blobs when they are read, with what is announced of them fetched ahead on a connection of
// its own. Nothing is verified here. Throws kNetwork as registry::WebFile, kVerification as
// OpenImage.
std::unique_ptr<ImageSource> OpenServedImage(const registry::WebAddress& address,
                                             const registry::ConnectionOptions& options);

}  // namespace ros::images
