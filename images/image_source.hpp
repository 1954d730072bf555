#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "images/manifest.hpp"

namespace ros::images {

// The bytes of one blob. Nothing is verified here. Safe to read from several threads.
class Blob {
 public:
  Blob() = default;
  Blob(const Blob&) = delete;
  Blob& operator=(const Blob&) = delete;
  Blob(Blob&&) = delete;
  Blob& operator=(Blob&&) = delete;
  virtual ~Blob() = default;

  // As it is there, which may differ from what a descriptor says.
  [[nodiscard]] virtual Bytes size() const = 0;
  // Fills `into`; throws kVerification when the blob ends before.
  virtual void ReadAt(Bytes offset, MutableByteSpan into) const = 0;

  // Fills `into` with bytes that were read and found to be wrong, from one place after the other
  // until `is_right` says that they are not; false where there is no other place. Throws where they
  // are nowhere else.
  virtual bool ReadElsewhere(Bytes offset,
                             MutableByteSpan into,
                             const std::function<bool()>& is_right) const {
    static_cast<void>(offset);
    static_cast<void>(into);
    static_cast<void>(is_right);
    return false;
  }

  // All of what was announced was read, and was wrong. Whether it comes from another place when it
  // is announced anew.
  virtual bool Distrust() { return false; }

  // These ranges will be read, each byte of them once and about in this order, which is that of the
  // blob: one that comes over a network may be fetched ahead. Called before any of them is read,
  // and again where all of it was wrong. No ranges: nothing of it will be read.
  virtual void Announce(const std::vector<ByteRange>& ranges) { static_cast<void>(ranges); }

  // Nothing of what was announced is wanted any more: whoever waits for it in ReadAt, on another
  // thread, fails.
  virtual void Abandon() {}
};

// What it costs to leave out bytes between ranges of a blob, as far as that is known.
struct RangeCosts {
  Bytes gap = 0;       // so many or fewer come all the same
  Bytes range = 200;   // what one more range counts: what an answer has in front of it, about
  bool whole = false;  // there are no ranges: all that is in front of what is read comes too

  bool operator==(const RangeCosts&) const = default;
};

// Where an image comes from: an OCI layout in some form.
class ImageSource {
 public:
  ImageSource() = default;
  ImageSource(const ImageSource&) = delete;
  ImageSource& operator=(const ImageSource&) = delete;
  ImageSource(ImageSource&&) = delete;
  ImageSource& operator=(ImageSource&&) = delete;
  virtual ~ImageSource() = default;

  // What messages call it: a path.
  [[nodiscard]] virtual const std::string& name() const = 0;
  // The raw index.json.
  [[nodiscard]] virtual std::string ReadIndex() const = 0;
  // Throws kVerification "NAME: blob sha256:... is missing".
  [[nodiscard]] virtual std::unique_ptr<Blob> OpenBlob(const keys::Digest& digest) const = 0;
  [[nodiscard]] virtual bool HasBlob(const keys::Digest& digest) const = 0;

  // Whether reading costs the network: nothing is read twice then, and each part is compared with
  // its digest on its way to the disk instead of before.
  [[nodiscard]] virtual bool is_remote() const { return false; }

  // Of its blobs; may be known better once a range was read of one of them, or several.
  [[nodiscard]] virtual RangeCosts range_costs() const { return {}; }

  // Whether all of it passes once, as through a pipe: what is behind the root layer can be read
  // after that alone, and patches are worth nothing, since frames come as well. What is read in the
  // order in which it comes (ComesBefore) takes no memory.
  [[nodiscard]] virtual bool is_passing() const { return false; }
};

// Limits on an archive's shape.
inline constexpr std::size_t kMaxArchiveEntries = 4096;
// What is read of it to find its entries; a header is 512 bytes, and with a long name some KiB.
inline constexpr Bytes kMaxArchiveHeaders = Bytes{32} << 20U;
inline constexpr Bytes kMaxOciIndexSize = Bytes{256} << 10U;

// Opens an OCI archive (an uncompressed tar of an OCI layout, blobs are read in place) or an OCI
// layout directory. Reads the archive's entry headers, never its blobs. Throws kUsage when there is
// no such file, kVerification naming the file and the entry when it is not a sound OCI layout:
// compressed, cut short, entries that are links, outside, sparse or there twice.
std::unique_ptr<ImageSource> OpenImage(const std::filesystem::path& path);

// Reads a whole blob: throws kVerification when it is longer than `limit`, or its size or digest is
// not the descriptor's.
std::string ReadBlob(const ImageSource& source, const Descriptor& descriptor, Bytes limit);

// What an index.json lists.
struct IndexListing {
  std::vector<Descriptor> images;      // of the kind that was asked for, candidates at least
  std::vector<Descriptor> signatures;  // named sha256-<hex>.sig
};

IndexListing ListIndex(const ImageSource& source, const ArtifactKind& kind = kOsImage);

// The one artifact of this kind in the source, or the one whose ref.name is `reference`. Throws
// kVerification naming what there is when there is none or more than one.
Descriptor ChooseManifest(const ImageSource& source,
                          const ArtifactKind& kind,
                          std::optional<std::string_view> reference);

// The same for an OS image.
Descriptor ChooseImage(const ImageSource& source, std::optional<std::string_view> reference);

}  // namespace ros::images
