#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.hpp"
#include "base/slot.hpp"
#include "images/fragment_plan.hpp"
#include "images/image_source.hpp"
#include "images/root_reuse.hpp"
#include "images/verified_image.hpp"
#include "installer/file_reuse.hpp"
#include "installer/machine.hpp"
#include "installer/sourced_image.hpp"
#include "partitions/fat_volume.hpp"

namespace ros::installer {

// What of an image in a registry this machine has already, and need not fetch. Only a hint: what is
// used is compared with the image's digests again.
struct ImageReuse {
  images::RootPlan root;
  // For people: why the root comes the way it does, "the image has no delta from 1.2.0".
  std::string why;
  // Of the running root, where the image has one for it.
  std::optional<images::Delta> delta;
  // Of what the plan puts together.
  std::optional<images::FragmentPlan> fragments;
  ReusedFiles files;  // kernel and initrd

  bool operator==(const ImageReuse&) const = default;
};

// Looks at both slots. Reads all of the target's root, those files of the running slot that the
// image has too or has deltas for, and of the image the indexes of the deltas that are based on
// what runs, if it has some. Where it has fragments and no such delta for the root, reads their
// index and tables, and all of the running root too. What cannot be read is of no use, and no
// error; of deltas and fragments that is told.
ImageReuse FindReuse(const Machine& machine,
                     const partitions::FatVolume& boot,
                     const SourcedImage& wanted,
                     SlotId target,
                     Progress& progress);

// What is fetched of an image for a slot: frames, patches and fragments of the root (where
// `with_root` says that it is written), kernel and initrd or their patches. Manifests, config,
// indexes and tables have come by then.
Bytes BytesToFetch(const images::VerifiedImage& image, const ImageReuse& reuse, bool with_root);

// The image, with some of its blobs read from the running slot's folder or made of what is there.
class ReusingImage final : public images::ImageSource {
 public:
  // All live longer than this.
  ReusingImage(const images::ImageSource& image,
               const SlotFolder& running,
               const ImageReuse& reuse);

  [[nodiscard]] const std::string& name() const override { return image_.name(); }

  [[nodiscard]] std::string ReadIndex() const override { return image_.ReadIndex(); }

  [[nodiscard]] std::unique_ptr<images::Blob> OpenBlob(const keys::Digest& digest) const override;

  [[nodiscard]] bool HasBlob(const keys::Digest& digest) const override {
    return image_.HasBlob(digest);
  }

  [[nodiscard]] bool is_remote() const override { return image_.is_remote(); }

  [[nodiscard]] images::RangeCosts range_costs() const override { return image_.range_costs(); }

  [[nodiscard]] bool is_passing() const override { return image_.is_passing(); }

 private:
  const images::ImageSource& image_;
  SlotFolder running_;
  const ImageReuse& reuse_;
};

// STATE/root-index-a, -b: the root index of the image that a slot was written with, for finding its
// chunks. Nothing depends on it: what a slot holds is told by its folder on the boot partition.
std::string RootIndexFile(SlotId slot);

// Those that are kept there.
images::FindRootIndex RootIndexesIn(const std::filesystem::path& state);

// Durable.
void RememberRootIndex(const std::filesystem::path& state,
                       SlotId slot,
                       const images::VerifiedImage& image);

}  // namespace ros::installer
