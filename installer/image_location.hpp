#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "images/image_source.hpp"
#include "registry/connection.hpp"
#include "registry/reference.hpp"
#include "registry/web_address.hpp"

namespace ros::installer {

// Where an image or a channel document is.
struct ImageLocation {
  std::filesystem::path path;          // of a file or directory
  std::optional<std::string> version;  // which of several images in it
  // Instead of a path: in a registry.
  std::optional<registry::Reference> reference;
  std::optional<registry::WebAddress> address;  // or on a web server
  registry::ConnectionOptions connection;       // how those are reached
};

// What a command line means: FILE, FILE:VERSION (as skopeo writes it), http(s)://HOST/FILE or
// REGISTRY/REPOSITORY[:TAG][@DIGEST]. A file that is there wins over a registry of that name.
// Throws kUsage for a reference or address that is none.
ImageLocation LocateImage(const std::string& text,
                          const registry::ConnectionOptions& connection = {});

// Opens it. Throws as images::OpenImage, OpenRegistryImage and OpenServedImage do.
std::unique_ptr<images::ImageSource> OpenImageAt(const ImageLocation& location);

}  // namespace ros::installer
