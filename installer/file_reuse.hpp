#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/progress.hpp"
#include "base/slot.hpp"
#include "images/delta_index.hpp"
#include "images/image_source.hpp"
#include "images/manifest.hpp"
#include "installer/sourced_image.hpp"
#include "partitions/fat_volume.hpp"

namespace ros::installer {

// Kernels and initrds that an upgrade need not fetch as they are: copied from the running slot's
// folder, or made by a delta of what is there or of nothing (docs/delta-format.md, "Kernel and
// initrd").

// How a kernel or initrd of an image is made.
struct FileReuse {
  std::string name;     // in a slot's folder
  Bytes base_size = 0;  // of the file of that name in the running slot; 0: of none, packed anew
  images::Delta delta;

  [[nodiscard]] bool is_anew() const { return base_size == 0; }

  bool operator==(const FileReuse&) const = default;
};

// By the digest that the image has for it.
struct ReusedFiles {
  std::map<keys::Digest, std::string> held;  // what the running slot's folder has, and its name
  std::map<keys::Digest, FileReuse> patched;

  bool operator==(const ReusedFiles&) const = default;
};

// The folder of a slot. `boot` lives longer than this.
struct SlotFolder {
  const partitions::FatVolume& boot;
  SlotId slot;
};

// Reads those files of the running slot that the image has too or has deltas for, by `old`, the
// manifest that it was written with, and of the image the indexes of these deltas. What cannot be
// read is of no use, and no error; of deltas that is told.
ReusedFiles FindReusedFiles(const SlotFolder& running,
                            const images::ImageManifest& old,
                            const SourcedImage& wanted,
                            Progress& progress);

// A file of a slot as a blob. Throws as FatVolume::Find.
std::unique_ptr<images::Blob> OpenSlotFile(const SlotFolder& folder,
                                           std::string_view name,
                                           Bytes size);

// A blob of the image that is made while it is read; the blob itself where the file here cannot be
// read. `file` lives longer than it.
std::unique_ptr<images::Blob> OpenMadeFile(const SlotFolder& running,
                                           const images::ImageSource& image,
                                           const keys::Digest& digest,
                                           const FileReuse& file);

}  // namespace ros::installer
