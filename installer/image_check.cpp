#include "installer/image_check.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/word_list.hpp"

namespace ros::installer {

std::string RunningArchitecture() {
#if defined(__aarch64__)
  return "arm64";
#else
  return "amd64";
#endif
}

void CheckImageSuits(const images::ImageConfig& image, const MachineDemands& demands) {
  const auto called = image.name + " " + image.version;
  if (image.architecture != demands.architecture) {
    throw Error(
        ErrorKind::kDoesNotFit,
        called + " is for " + image.architecture + " and this machine is " + demands.architecture);
  }
  const auto& kinds = image.compatible;
  if (!kinds.empty() && std::find(kinds.begin(), kinds.end(), demands.kind) == kinds.end()) {
    throw Error(ErrorKind::kDoesNotFit,
                called + " is for " + Join(kinds) + " and this machine is " +
                    (demands.kind.empty() ? "of no kind; ros install --machine says what it is"
                                          : demands.kind));
  }
  if (image.epoch < demands.epoch_floor) {
    throw Error(ErrorKind::kVerification,
                called + " has epoch " + std::to_string(image.epoch) +
                    ", and this machine has run epoch " + std::to_string(demands.epoch_floor) +
                    "; older epochs are refused for good");
  }
}

}  // namespace ros::installer
