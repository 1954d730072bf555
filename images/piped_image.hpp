#pragma once

#include <memory>
#include <string>

#include "base/unique_fd.hpp"
#include "images/image_source.hpp"

namespace ros::images {

// What is held in memory of an image that comes through a pipe: all but the root layer.
inline constexpr Bytes kMaxHeldOfPipe = Bytes{48} << 20U;

// An OCI archive that comes through a pipe, read once and forwards, as far as each blob that is
// asked for is away. What is passed on the way is kept in memory, up to `max_held`; of one that is
// larger than what is left of that, what is announced is handed on as it comes, once. Nothing is
// verified here. Throws kVerification as OpenImage, and where blobs come in an order in which they
// cannot be held; `name` is for messages.
std::unique_ptr<ImageSource> OpenPipedImage(UniqueFd pipe,
                                            std::string name,
                                            Bytes max_held = kMaxHeldOfPipe);

}  // namespace ros::images
