// Writes the root of an image from a registry into a file and reads it back, as `ros upgrade` does
// with a slot; for bench/delta, bench/cost and bench/transfer.
//
//   bench_apply_delta unpack IMAGE ROOT     the root of an image file: what a slot holds
//   bench_apply_delta delta REFERENCE IMAGE ROOT OUTPUT
//   bench_apply_delta chunks REFERENCE IMAGE ROOT OUTPUT
//   bench_apply_delta fragments URL IMAGE ROOT OUTPUT
//
// The latter three have the older image and its root, and a file with room: by the delta from that
// root, by the chunks that it has, or by its chunks and the fragments of an image on a web server.
// They print what was fetched, copied, patched and unpacked, in bytes. By the delta kernel and
// initrd are made too, of those of the older image, where they differ.
#include <algorithm>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "base/block_device.hpp"
#include "base/error.hpp"
#include "base/memory.hpp"
#include "base/progress.hpp"
#include "images/file_delta.hpp"
#include "images/fragment_plan.hpp"
#include "images/registry_image.hpp"
#include "images/repacked_blob.hpp"
#include "images/root_delta.hpp"
#include "images/root_writer.hpp"
#include "images/served_image.hpp"
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

images::Delta ReadDelta(const images::ImageSource& source, const images::VerifiedImage& image) {
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

// Makes a kernel or initrd and compares it.
void MakeFile(const images::ImageSource& source,
              const images::ImageSource& older,
              const images::Descriptor& from,
              const images::Descriptor& to,
              const std::vector<images::DeltaLayers>& deltas) {
  const auto* layers = images::FindFileDelta(deltas, from.digest.Hex());
  if (layers == nullptr) {
    return;
  }
  const auto delta = images::ReadFileDelta(source, *layers);
  const std::shared_ptr<images::Blob> base = older.OpenBlob(from.digest);
  const auto blob = images::MakeRepackedBlob(
      {.whole = source.OpenBlob(to.digest),
       .patches = delta.patches.size == 0 ? nullptr : source.OpenBlob(delta.patches.digest),
       .delta = &delta,
       .base = {[base](Bytes offset, MutableByteSpan into) { base->ReadAt(offset, into); },
                base->size()}});
  blob->Announce({{.offset = 0, .length = to.size}});
  std::vector<std::byte> piece(std::size_t{1} << 20U);
  keys::Sha256 hash;
  for (Bytes at = 0; at < to.size; at += piece.size()) {
    piece.resize(std::min<Bytes>(piece.size(), to.size - at));
    blob->ReadAt(at, piece);
    hash.Update(piece);
  }
  if (hash.Finish() != to.digest) {
    throw Error(ErrorKind::kFailed, "a kernel or initrd is not what it should be");
  }
}

void MakeFiles(const std::string& reference, const std::string& older) {
  const auto source =
      images::OpenRegistryImage(registry::ParseReference(reference), {.plain_http = true});
  const auto old_source = images::OpenImage(older);
  const auto manifest = images::InspectImage(*source).manifest;
  const auto old = images::InspectImage(*old_source).manifest;
  MakeFile(*source, *old_source, old.kernel, manifest.kernel, manifest.kernel_deltas);
  MakeFile(*source, *old_source, old.initrd, manifest.initrd, manifest.initrd_deltas);
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
  std::cout << reuse.plan.fetched << ' ' << reuse.plan.copied << ' ' << reuse.plan.patched << ' '
            << reuse.plan.unpacked << '\n';
}

void ApplyFragments(const std::string& address, const Paths& paths) {
  const auto source =
      images::OpenServedImage(registry::ParseWebAddress(address), {.plain_http = true});
  const auto image = images::InspectImage(*source);
  const auto older = images::InspectImage(*images::OpenImage(paths.image));
  const auto fragments =
      images::ReadFragments(*source, image.manifest.fragments.value(), image.chunks);
  const auto old_root = OpenRegion(paths.root, DeviceAccess::kRead);
  NoProgress progress;
  auto plan = images::PlanRoot(image.chunks, {.chunks = older.chunks}, {});
  const auto planned =
      images::PlanFragments({.source = *source, .chunks = image.chunks, .fragments = fragments},
                            {.slot = old_root, .size = older.config.root.size},
                            plan,
                            progress);
  const images::RootReuse reuse{.plan = plan, .old_root = old_root, .fragments = &planned};
  const auto slot = OpenRegion(paths.output, DeviceAccess::kWrite);
  images::WriteRoot(*source, image, slot, progress, &reuse);
  std::cout << plan.fetched << ' ' << plan.copied << ' ' << plan.patched << ' ' << plan.unpacked
            << '\n';
}

}  // namespace
}  // namespace ros

int main(int argc, char** argv) {
  ros::GiveLargeBuffersBack();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string what = arguments.empty() ? "" : arguments[0];
  try {
    if (what == "unpack" && arguments.size() == 3) {
      ros::Unpack(arguments[1], arguments[2]);
    } else if ((what == "delta" || what == "chunks") && arguments.size() == 5) {
      const ros::Paths paths{.image = arguments[2], .root = arguments[3], .output = arguments[4]};
      if (what == "delta") {
        ros::Apply(arguments[1], paths, ros::PlanByDelta);
        ros::MakeFiles(arguments[1], paths.image);
      } else {
        ros::Apply(arguments[1], paths, ros::PlanByChunks(paths.image));
      }
    } else if (what == "fragments" && arguments.size() == 5) {
      ros::ApplyFragments(arguments[1],
                          {.image = arguments[2], .root = arguments[3], .output = arguments[4]});
    } else {
      std::cerr << "unpack IMAGE ROOT, or delta|chunks|fragments REFERENCE IMAGE ROOT OUTPUT\n";
      return 2;
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
