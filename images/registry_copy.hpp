#pragma once

#include <filesystem>
#include <string>

#include "base/progress.hpp"
#include "images/image_source.hpp"
#include "registry/reference.hpp"
#include "registry/repository.hpp"

namespace ros::images {

// What was copied. Nothing of it is verified but that each blob has its digest.
struct CopiedArtifact {
  keys::Digest digest;  // of the manifest
  Bytes size = 0;       // of all blobs, those of the signatures too
  bool is_signed = false;
  std::string called;  // "image" or "channel document"
};

// Pulls an OS image or a channel document, with the signatures that the registry has of it in
// cosign's form (tag sha256-<hex>.sig), into an OCI archive, which is there as a whole or not at
// all. Blobs go from the network into the file, so memory is small and there is no copy beside it.
// The reference's digest counts where it has one, else its tag. Where a mirror has sent something
// wrong, which is warned of, all is fetched anew from the others. Throws kNetwork (there is none of
// that name, or as Repository), kVerification for what is neither, kDoesNotFit for a full disk.
CopiedArtifact PullArtifact(registry::Repository& repository,
                            const registry::Reference& reference,
                            const std::filesystem::path& output,
                            Progress& progress);

struct PushWishes {
  // Signatures of the same manifest that the registry has, which would be lost.
  enum class OtherSignatures { kRefuse, kReplace } others = OtherSignatures::kRefuse;
  // Another repository of the registry, "team/base": blobs that it has are mounted from there
  // rather than sent.
  std::string mount_from;
};

// Pushes the image or channel document of a source under a tag: blobs, the manifest under its
// digest, its signatures, and last the tag, so whoever pulls the tag gets all of it. What the
// registry has is not sent again. Throws kRefused where it has other signatures of the same
// manifest, unless they are to be replaced.
CopiedArtifact PushArtifact(const ImageSource& source,
                            registry::Repository& repository,
                            const std::string& tag,
                            const PushWishes& wishes,
                            Progress& progress);

}  // namespace ros::images
