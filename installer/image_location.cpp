#include "installer/image_location.hpp"

#include "images/registry_image.hpp"

namespace ros::installer {

ImageLocation LocateImage(const std::string& text, const registry::ConnectionOptions& connection) {
  ImageLocation location{.path = text, .connection = connection};
  const auto colon = text.rfind(':');
  if (std::filesystem::exists(text)) {
    return location;
  }
  if (registry::LooksLikeReference(text)) {
    location.path.clear();
    location.reference = registry::ParseReference(text);
  } else if (colon != std::string::npos) {
    location.path = text.substr(0, colon);
    location.version = text.substr(colon + 1);
  }
  return location;
}

std::unique_ptr<images::ImageSource> OpenImageAt(const ImageLocation& location) {
  return location.reference ? images::OpenRegistryImage(*location.reference, location.connection)
                            : images::OpenImage(location.path);
}

}  // namespace ros::installer
