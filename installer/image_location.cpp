#include "installer/image_location.hpp"

#include "images/registry_image.hpp"
#include "images/served_image.hpp"

namespace ros::installer {

ImageLocation LocateImage(const std::string& text, const registry::ConnectionOptions& connection) {
  ImageLocation location{.path = text, .connection = connection};
  const auto colon = text.rfind(':');
  if (std::filesystem::exists(text)) {
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
  if (location.address) {
    return images::OpenServedImage(*location.address, location.connection);
  }
  return location.reference ? images::OpenRegistryImage(*location.reference, location.connection)
                            : images::OpenImage(location.path);
}

}  // namespace ros::installer
