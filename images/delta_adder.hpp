#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.hpp"
#include "images/file_delta.hpp"
#include "images/image_source.hpp"
#include "images/manifest.hpp"
#include "images/oci_archive_writer.hpp"
#include "images/root_delta.hpp"
#include "images/verified_image.hpp"

namespace ros::images {

// What an image has for machines that run an older one.
struct BuiltDelta {
  std::string version;  // of the older image
  Bytes index_size = 0;
  Bytes size = 0;    // of its patches
  Bytes copied = 0;  // of the root
  Bytes patched = 0;
  Bytes unpacked = 0;  // made by frames of the root layer
  Bytes frames = 0;    // bytes of those
  // What is fetched of these two: nothing where they are the same, the delta, or the file. A
  // unified kernel counts as kernel.
  Bytes kernel = 0;
  Bytes initrd = 0;
  Bytes root_index = 0;  // nothing where it is the same, the patch, or all of it
};

// What an image has for machines that run any version since an older one.
struct BuiltFragments {
  std::string version;  // of the older image
  Bytes index_size = 0;
  Bytes size = 0;
  Bytes divided = 0;  // bytes of the chunks that the older root does not have
  // What is fetched of these two by a machine that has others: the file packed anew, or as it is.
  // Nothing where they are those of the older image. A unified kernel counts as kernel.
  Bytes kernel = 0;
  Bytes initrd = 0;
};

// Finds deltas from older images, and puts them into an image that is being made.
class DeltaAdder {
 public:
  // The image has its kernel and initrd already, their content as text. All live longer than this.
  DeltaAdder(ImageArchive& archive, ImageManifest& manifest, const DeltaTarget& target);

  // Of the root, and of kernel and initrd where both images have them by themselves. Unpacks the
  // older image into `work`, where its deltas stay until the archive is written. Throws what
  // UnpackDeltaBase, MakeDelta and MakeFileDelta throw.
  BuiltDelta Add(const std::filesystem::path& image,
                 const std::filesystem::path& work,
                 Progress& progress);

  // Divides what an older image's root does not have, and packs kernel and initrd anew where it has
  // others. Nothing where none of these is new. Throws what MakeFragments, MakeFileDelta and
  // OpenImage throw.
  std::optional<BuiltFragments> AddFragments(const std::filesystem::path& since,
                                             const std::filesystem::path& work,
                                             Progress& progress);

 private:
  // A kind of file that has deltas of its own: in a manifest, and what is told of it.
  struct FileKind {
    std::string_view name;
    Descriptor ImageManifest::*file;
    std::vector<DeltaLayers> ImageManifest::*deltas;
    std::string_view index_type;
    std::string_view patches_type;
    Bytes BuiltDelta::*told;
    Bytes BuiltFragments::*told_anew;
  };

  static const std::array<FileKind, 2> kFileKinds;

  // Returns what is fetched of the root index.
  Bytes AddRootIndex(const ImageSource& source, const ImageManifest& older);
  BuiltDelta AddRoot(const std::filesystem::path& image,
                     const std::filesystem::path& work,
                     Progress& progress);
  // These return the bytes that a machine fetches of the file.
  Bytes AddFile(const ImageSource& source,
                const VerifiedImage& older,
                const FileKind& kind,
                const std::filesystem::path& work,
                Progress& progress);
  Bytes AddAnew(const ImageManifest& older,
                const FileKind& kind,
                const std::filesystem::path& work,
                Progress& progress);
  Bytes AddFileDelta(const FilePair& files,
                     std::string_view base,
                     const FileKind& kind,
                     const std::filesystem::path& work,
                     Progress& progress);
  // Deltas from roots that hardly differ may be the same bytes, which an archive has once.
  Descriptor AddBlob(ArchiveBlob blob);
  [[nodiscard]] std::string_view ContentOf(const keys::Digest& digest) const;

  ImageArchive& archive_;
  ImageManifest& manifest_;
  const DeltaTarget& target_;
};

}  // namespace ros::images
