#include "installer/image_location.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/shown_text.hpp"
#include "images/piped_image.hpp"
#include "images/registry_image.hpp"
#include "images/served_image.hpp"

namespace ros::installer {
namespace {

std::unique_ptr<images::ImageSource> OpenStandardInput() {
  if (::isatty(STDIN_FILENO) != 0) {
    throw Error(ErrorKind::kUsage,
                "\"-\" is an image from standard input, which is a terminal here; write it as in "
                "`cat myos.oci | ros ... -i -`");
  }
  UniqueFd input(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
  if (!input.valid()) {
    ThrowErrno("reading standard input");
  }
  return images::OpenPipedImage(std::move(input), "standard input");
}

// Whether a mirror may have given what was read: one that has failed has not.
bool HasMirrors(const ImageLocation& location) {
  const auto& mirrors = location.connection.mirrors;
  if (!location.reference || !mirrors) {
    return false;
  }
  const auto endpoints = mirrors->Of(location.reference->host);
  return !std::ranges::all_of(
      endpoints, [&](const registry::Endpoint& mirror) { return mirrors->HasFailed(mirror); });
}

}  // namespace

ImageLocation LocateImage(const std::string& text, const registry::ConnectionOptions& connection) {
  ImageLocation location{.path = text, .connection = connection};
  const auto colon = text.rfind(':');
  const auto is_there = [](const std::string& path) {
    std::error_code ignored;  // Of what is too long for a path, among others.
    return std::filesystem::exists(path, ignored);
  };
  if (is_there(text)) {
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
  if (text.find("://") != std::string::npos && !registry::LooksLikeReference(text)) {
    throw Error(ErrorKind::kUsage,
                "\"" + ShowText(text) +
                    "\" is no place for an image: an address begins with https:// or http://, and "
                    "an image in a registry is registry.example/myos:1.2.0");
  }
  const bool has_version = colon != std::string::npos;
  if (!(has_version && is_there(text.substr(0, colon))) && registry::LooksLikeReference(text)) {
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

void OpenWhereRight(const ImageLocation& location,
                    const std::function<void(const ImageLocation& location)>& open) {
  try {
    open(location);
  } catch (const Error& refused) {
    if (refused.kind() != ErrorKind::kVerification || !HasMirrors(location)) {
      throw;
    }
    ThrowIfInterrupted();
    auto alone = location;
    alone.connection.mirrors.reset();
    try {
      open(alone);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kNetwork) {
        throw;
      }
      throw Error(refused);
    }
    location.connection.mirrors->Warn(
        "what a mirror has is refused, and the registry's own was taken: " + refused.message());
  }
}

}  // namespace ros::installer
