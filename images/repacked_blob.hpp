#pragma once

#include <memory>

#include "images/delta_index.hpp"
#include "images/image_source.hpp"
#include "packing/unpacked_form.hpp"

namespace ros::images {

// What a kernel or initrd is made of.
struct RepackedParts {
  std::unique_ptr<Blob> whole;    // the file as the image has it, for where it cannot be made
  std::unique_ptr<Blob> patches;  // null where the delta has none
  const Delta* delta = nullptr;   // lives longer than this
  packing::UnpackedForm base;     // of the older file
};

// A kernel or initrd that is made of an older one while it is read, in order: its bytes are what
// comes of the patches, or zeros where nothing does, to be compared with the blob's digest. Where
// that is another, Distrust() makes it the file as the image has it. Takes 24 MiB beside the base
// and the blobs, 12 of them for patches.
std::unique_ptr<Blob> MakeRepackedBlob(RepackedParts parts);

}  // namespace ros::images
