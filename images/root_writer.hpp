#pragma once

#include "base/block_device.hpp"
#include "base/progress.hpp"
#include "images/fragment_plan.hpp"
#include "images/image_config.hpp"
#include "images/image_source.hpp"
#include "images/root_reuse.hpp"
#include "images/verified_image.hpp"

namespace ros::images {

// What of a root need not come from the image.
struct RootReuse {
  RootPlan plan;
  Region old_root;  // what the plan copies from, patches, and takes blocks of; empty where it does
                    // nothing of that
  const Delta* delta = nullptr;  // what the plan patches by; null where it patches nothing
  const FragmentPlan* fragments = nullptr;  // null where the plan has none
};

// Unpacks the root layer into the start of `slot` and puts the verity tree behind it, syncs, and
// reads both back (RootReadBack), a part of it meanwhile. Each frame is compared with its digest
// before it is unpacked, and the tree's root hash with the config's. Unpacks by a thread on each
// core (8 at most); with `reuse` by two more where most is read from an old root (6 at most). Takes
// 6 MiB and 2.2 for each thread, 4 more where it streams from a network, for patches 20 and 1 for
// each thread, for fragments 4 and 1.3 for each thread.
// `slot` need not be empty; bytes behind the tree keep what they have. With `reuse` chunks are
// taken from where its plan says, compared with their digest, and come from the image where they
// are not what they should be, which is told as a warning; what is in its place is not written
// again. Throws kDoesNotFit before the first write when the slot is too small, kVerification when
// content is not what was signed, with the chunk where the index tells it: the slot holds something
// of no use then.
void WriteRoot(const ImageSource& source,
               const VerifiedImage& image,
               const Region& slot,
               Progress& progress,
               const RootReuse* reuse = nullptr);

}  // namespace ros::images
