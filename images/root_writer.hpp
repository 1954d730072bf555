#pragma once

#include "base/block_device.hpp"
#include "base/progress.hpp"
#include "images/image_config.hpp"
#include "images/image_source.hpp"
#include "images/verified_image.hpp"

namespace ros::images {

// Bytes that a slot must have for this root: the image and its verity tree.
Bytes BytesNeeded(const RootDescription& root);

// Unpacks the root layer, whose blob CheckBlobs has read, into the start of `slot` and puts the
// verity tree behind it, then syncs. The tree's root hash is compared with the config's, which also
// finds a file that has changed since it was checked. Uses all cores and less than 48 MiB, whatever
// the size. `slot` need not be empty; bytes behind the tree keep what they have. Throws kDoesNotFit
// before the first write when the slot is too small, kVerification when content is not what was
// signed, with the chunk where the index tells it: the slot holds something of no use then.
void WriteRoot(const ImageSource& source,
               const VerifiedImage& image,
               const Region& slot,
               Progress& progress);

// Reads image and tree back from the disk, computes the tree again and compares every block of it
// and the root hash. Throws kVerification saying where the first difference is.
void VerifyRoot(const Region& slot, const RootDescription& root, Progress& progress);

}  // namespace ros::images
