#pragma once

#include "images/image_source.hpp"
#include "images/manifest.hpp"

namespace ros::images {

// cosign 3 signs in a newer form: a "bundle" in an artifact of its own, which refers to the image
// (OCI 1.1's "subject") and is found by the registry's list of referrers, or by the name
// sha256-<hex>. `ros` does not take it (docs/decisions/0053), and says so in place of "not signed".

// Whether a manifest of an index is such an artifact. Reads it where its descriptor does not tell.
// One whose blob is missing is none. Throws kVerification for a damaged one.
bool IsBundle(const ImageSource& source, const Descriptor& descriptor);

// Whether the source holds a bundle of the image with this digest, under any of the names above.
bool HasBundle(const ImageSource& source, const keys::Digest& image);

}  // namespace ros::images
