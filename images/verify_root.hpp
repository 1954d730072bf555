#pragma once

#include <functional>
#include <string>

#include "base/block_device.hpp"
#include "base/progress.hpp"
#include "images/image_config.hpp"

namespace ros::images {

// Reads the verity tree and the root at the start of `slot`, and compares each block with the
// digest that the tree has for it: VerifyTree, then the data. Takes 1.1 MiB for each of two threads
// on a core (8 at most). Throws kDoesNotFit where the slot has no room for both, kVerification
// saying where the first difference is, kFailed where the disk cannot be read.
void VerifyRoot(const Region& slot, const RootDescription& root, Progress& progress);

// The tree alone, block by block from the root hash down: it is the root's, and with it
// dm-verity finds any block of data that is another one. `on_read` is told how many bytes of the
// tree are read. Takes 1.1 MiB and 32 bytes for each MiB of the root.
void VerifyTree(const Region& slot,
                const RootDescription& root,
                const std::function<void(Bytes)>& on_read);

// Throws kDoesNotFit where the slot is too small for the root and its tree.
void CheckRootFits(const Region& slot, const RootDescription& root);

// Throws kVerification where the root hash is another than the config's.
void CheckRootHash(const std::string& found, const std::string& expected);

}  // namespace ros::images
