#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "images/image_source.hpp"
#include "registry/connection.hpp"
#include "registry/reference.hpp"

namespace ros::installer {

// Where an image or a channel document is.
struct ImageLocation {
  std::filesystem::path path;          // of a file or directory
  std::optional<std::string> version;  // which of several images in it
  // Instead of a path: in a registry, which is reached in this way.
  std::optional<registry::Reference> reference;
  registry::ConnectionOptions connection;
};

// What a command line means: FILE, FILE:VERSION (as skopeo writes it) or
// REGISTRY/REPOSITORY[:TAG][@DIGEST]. A file that is there wins over a registry of that name.
// Throws kUsage for a reference that is none.
ImageLocation LocateImage(const std::string& text,
                          const registry::ConnectionOptions& connection = {});

// Opens it. Throws as images::OpenImage and images::OpenRegistryImage do.
std::unique_ptr<images::ImageSource> OpenImageAt(const ImageLocation& location);

}  // namespace ros::installer
