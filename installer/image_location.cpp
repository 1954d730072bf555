#include "installer/image_location.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.hpp"
#include "images/piped_image.hpp"
#include "images/registry_image.hpp"
#include "images/served_image.hpp"

namespace ros::installer {
namespace {

std::unique_ptr<images::ImageSource> OpenStandardInput() {
  if (::isatty(STDIN_FILENO) != 0) {
    throw Error(ErrorKind::kUsage,
                "\"-\" is an image from standard input, which is a terminal here; write it as in "
                "`cat myos.oci | ros install -i - ...`");
  }
  UniqueFd input(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
  if (!input.valid()) {
    ThrowErrno("reading standard input");
  }
  return images::OpenPipedImage(std::move(input), "standard input");
}

}  // namespace

ImageLocation LocateImage(const std::string& text, const registry::ConnectionOptions& connection) {
  ImageLocation location{.path = text, .connection = connection};
  const auto colon = text.rfind(':');
  if (std::filesystem::exists(text)) {
    return location;
  }
  if (text == "-") {
    location.path.clear();
    location.is_piped = true;
    return location;
  }
  if (registry::LooksLikeWebAddress(text)) {
    location.path.clear();
    location.address = registry::ParseWebAddress(text);
    return location;
  }
  const bool has_version = colon != std::string::npos;
  const bool is_there = has_version && std::filesystem::exists(text.substr(0, colon));
  if (!is_there && registry::LooksLikeReference(text)) {
    location.path.clear();
    location.reference = registry::ParseReference(text);
  } else if (has_version) {
    location.path = text.substr(0, colon);
    location.version = text.substr(colon + 1);
  }
  return location;
}

std::unique_ptr<images::ImageSource> OpenImageAt(const ImageLocation& location) {
  if (location.is_piped) {
    return OpenStandardInput();
  }
  if (location.address) {
    return images::OpenServedImage(*location.address, location.connection);
  }
  return location.reference ? images::OpenRegistryImage(*location.reference, location.connection)
                            : images::OpenImage(location.path);
}

}  // namespace ros::installer
