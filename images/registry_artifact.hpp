#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "images/manifest.hpp"
#include "registry/reference.hpp"
#include "registry/repository.hpp"

namespace ros::images {

// A manifest as it lies in a registry or an archive.
struct StoredManifest {
  Descriptor descriptor;
  std::string raw;
};

// An OS image or a channel document with its signatures. Nothing of it is verified.
struct StoredArtifact {
  ArtifactKind kind = kOsImage;
  StoredManifest manifest;
  // In cosign's form; the descriptor has the ref.name that an index gives them.
  std::optional<StoredManifest> signatures;
  // What refers to the manifest, where there are no signatures: the registry's list, an index under
  // the ref.name that OCI gives it.
  std::optional<StoredManifest> referrers;
  std::vector<Descriptor> blobs;  // of manifest and signatures, each once
};

// What these raw manifests hold; `signatures` is empty where there are none. `where` is the place
// for messages. Throws kVerification for what is neither an OS image nor a channel document, and
// for shapes beyond the limits of manifest.hpp.
StoredArtifact ReadArtifact(StoredManifest manifest,
                            std::optional<StoredManifest> signatures,
                            const std::string& where);

// The artifact of a reference, whose digest counts where it has one, else its tag. Fetches
// manifests alone, and the list of what refers to it where it is not signed. Throws kNetwork where
// there is none of that name, and as Repository and ReadArtifact do.
StoredArtifact FindArtifact(registry::Repository& repository, const registry::Reference& reference);

}  // namespace ros::images
