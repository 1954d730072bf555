#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "images/build_image.hpp"
#include "images/verified_image.hpp"

namespace ros::installer {

// What an image says beside its manifest and config; nobody vouches for it.
struct ImageHints {
  std::string kernel_version;               // empty where the kernel does not tell
  std::string signed_arguments;             // what a unified kernel says that it is told
  std::vector<std::string> signature_keys;  // a fingerprint for each signature, verified or not
};

ImageHints ReadHints(const images::ImageSource& source, const images::VerifiedImage& image);

// How an image is shown by `ros image inspect` and `verify`.
std::string DescribeImage(const images::VerifiedImage& image, const ImageHints& hints);
Json ImageToJson(const images::VerifiedImage& image, const ImageHints& hints);

// How a build's result is shown by `ros image build`.
std::string DescribeBuild(const images::BuildResult& result, const images::BuildOptions& options);
// What to know before the image goes to machines: parts that their usual places do not hold.
std::vector<std::string> BuildWarnings(const images::BuildResult& result);
Json BuildToJson(const images::BuildResult& result, const images::BuildOptions& options);

}  // namespace ros::installer
