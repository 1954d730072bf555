#pragma once

#include <memory>
#include <string>

#include "base/unique_fd.hpp"
#include "images/image_source.hpp"

namespace ros::images {

// What may be held in memory of an image that comes through a pipe.
inline constexpr Bytes kMaxHeldOfPipe = Bytes{48} << 20U;

// An OCI archive that comes through a pipe, read once and forwards, as far as each blob that is
// asked for is away. Of a blob that is there what is announced is handed on as it comes, once, and
// takes no memory; one that is read unannounced, beyond its first 64 KiB, or passed on the way to
// another, is kept in memory, up to `max_held` together. Who opens a blob and announces nothing of
// it lets it pass. Nothing is verified here. Throws kVerification as OpenImage, and where blobs
// come in an order in which they cannot be held; `name` is for messages.
std::unique_ptr<ImageSource> OpenPipedImage(UniqueFd pipe,
                                            std::string name,
                                            Bytes max_held = kMaxHeldOfPipe);

}  // namespace ros::images
