#pragma once

#include <filesystem>
#include <functional>
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
  bool is_piped = false;                        // or from standard input
  registry::ConnectionOptions connection;       // how those are reached
};

// What a command line means: FILE, FILE:VERSION (as skopeo writes it), http(s)://HOST/FILE,
// REGISTRY/REPOSITORY[:TAG][@DIGEST], or "-" for standard input. A file that is there wins over a
// registry of that name. Throws kUsage for a reference or address that is none.
ImageLocation LocateImage(const std::string& text,
                          const registry::ConnectionOptions& connection = {});

// Opens it; standard input is read by this once. Throws as images::OpenImage, OpenRegistryImage,
// OpenServedImage and OpenPipedImage do, and kUsage where standard input is a terminal.
std::unique_ptr<images::ImageSource> OpenImageAt(const ImageLocation& location);

// Calls `open` with the location. Where that refuses (kVerification) what mirrors of a registry may
// have given, it is called once more with the registry alone: a tag may lead elsewhere there, and
// what is refused may be old. That is a warning then. Throws as `open` does; what the mirrors gave
// is what is refused where the registry is not reached.
void OpenWhereRight(const ImageLocation& location,
                    const std::function<void(const ImageLocation& location)>& open);

}  // namespace ros::installer
