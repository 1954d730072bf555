// Writes the root of an image from a registry into a file and reads it back, as `ros upgrade` does
// with a slot; for bench/delta and bench/cost.
//
//   bench_apply_delta unpack IMAGE ROOT     the root of an image file: what a slot holds
//   bench_apply_delta delta REFERENCE IMAGE ROOT OUTPUT
//   bench_apply_delta chunks REFERENCE IMAGE ROOT OUTPUT
//
// The latter two have the older image and its root, and a file with room: by the delta from that
// root, or by the chunks that it has. They print what was fetched, copied, patched and unpacked, in
// bytes.
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "base/block_device.hpp"
#include "base/error.hpp"
#include "base/progress.hpp"
#include "images/registry_image.hpp"
#include "images/root_delta.hpp"
#include "images/root_writer.hpp"
#include "images/verified_image.hpp"

namespace ros {
namespace {

void Unpack(const std::string& image, const std::string& root) {
  NoProgress progress;
  (void)images::UnpackDeltaBase(image, root, progress);
}

struct Paths {
  std::string image;  // the older one
  std::string root;   // its root
  std::string output;
};

images::RootDelta ReadDelta(const images::ImageSource& source, const images::VerifiedImage& image) {
  const auto& layers = image.manifest.deltas.at(0);
  const auto raw = images::ReadBlob(source, layers.index, images::kMaxDeltaIndexSize);
  const auto patches = layers.patches.value_or(images::Descriptor());
  return {.patches = patches,
          .index = images::ParseDeltaIndex(AsBytes(raw), image.chunks, patches.size)};
}

images::RootPlan PlanByDelta(const images::VerifiedImage& image, const images::DeltaIndex& delta) {
  return images::PlanRoot(image.chunks, {.delta = &delta}, {});
}

Region OpenRegion(const std::string& path, DeviceAccess access) {
  return Region(OpenBlockDevice(path, access));
}

// By the chunks of an image file.
auto PlanByChunks(const std::string& path) {
  const auto source = images::OpenImage(path);
  return [chunks = images::InspectImage(*source).chunks](const images::VerifiedImage& image,
                                                         const images::DeltaIndex& /*delta*/) {
    return images::PlanRoot(image.chunks, {.chunks = chunks}, {});
  };
}

// Puts the root together by what `plan` makes of the image.
template <typename Plan>
void Apply(const std::string& reference, const Paths& paths, const Plan& plan) {
  const auto source =
      images::OpenRegistryImage(registry::ParseReference(reference), {.plain_http = true});
  const auto image = images::InspectImage(*source);
  const auto delta = ReadDelta(*source, image);
  const images::RootReuse reuse{.plan = plan(image, delta.index),
                                .old_root = OpenRegion(paths.root, DeviceAccess::kRead),
                                .delta = &delta};
  const auto slot = OpenRegion(paths.output, DeviceAccess::kWrite);
  NoProgress progress;
  images::WriteRoot(*source, image, slot, progress, &reuse);
  images::VerifyRoot(slot, image.config.root, progress);
  std::cout << reuse.plan.fetched << ' ' << reuse.plan.copied << ' ' << reuse.plan.patched << ' '
            << reuse.plan.unpacked << '\n';
}

}  // namespace
}  // namespace ros

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string what = arguments.empty() ? "" : arguments[0];
  try {
    if (what == "unpack" && arguments.size() == 3) {
      ros::Unpack(arguments[1], arguments[2]);
    } else if ((what == "delta" || what == "chunks") && arguments.size() == 5) {
      const ros::Paths paths{.image = arguments[2], .root = arguments[3], .output = arguments[4]};
      if (what == "delta") {
        ros::Apply(arguments[1], paths, ros::PlanByDelta);
      } else {
        ros::Apply(arguments[1], paths, ros::PlanByChunks(paths.image));
      }
    } else {
      std::cerr << "unpack IMAGE ROOT, or delta|chunks REFERENCE IMAGE ROOT OUTPUT\n";
      return 2;
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
