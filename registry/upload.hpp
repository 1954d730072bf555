#pragma once

#include <string>

#include "keys/digest.hpp"
#include "registry/session.hpp"

namespace ros::registry {

// What is sent in one request at most, unless it is asked for otherwise.
inline constexpr Bytes kMaxPiece = Bytes{64} << 20U;
// What a server that answers 413 is given at a time at least.
inline constexpr Bytes kMinPiece = Bytes{256} << 10U;

struct UploadOptions {
  // Another repository of the registry that has the blob, "team/base". A registry that can mount it
  // from there is sent nothing; any other gets it as if this were empty.
  std::string mount_from;
  // A larger blob goes in chunks of this size, or of the least that the registry wants.
  Bytes piece = kMaxPiece;
};

// Uploads a blob to a repository ("team/os") that does not have it (distribution-spec 1.1, "Pushing
// blobs" and "Mounting a blob from another repository"). Where the server answers 413 the upload
// begins anew with a quarter of the size, down to kMinPiece. Throws kNetwork.
void UploadBlob(Session& session,
                const std::string& repository,
                const keys::Digest& digest,
                const HttpBody& body,
                const UploadOptions& options);

}  // namespace ros::registry
