#pragma once

#include "images/image_source.hpp"
#include "images/verified_image.hpp"

namespace ros::installer {

// An image and where it comes from.
struct SourcedImage {
  const images::ImageSource& source;
  const images::VerifiedImage& image;
};

}  // namespace ros::installer
