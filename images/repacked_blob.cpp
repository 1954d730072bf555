#include "images/repacked_blob.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "images/patch_reader.hpp"
#include "packing/repacker.hpp"

namespace ros::images {
namespace {

// The bytes of the file, one unit of its unpacked form after the other.
class RepackedBytes {
 public:
  explicit RepackedBytes(RepackedParts& parts)
      : parts_(parts),
        base_([&](Bytes offset, MutableByteSpan into) { parts_.base.Read(offset, into); }) {
    if (parts_.patches) {
      layer_.emplace(*parts_.patches, parts_.delta->index);
      patches_.emplace(*layer_, base_);
    }
  }

  // Fills `into` with the next bytes, with zeros where there are none. Throws what reading patches
  // throws.
  void Take(MutableByteSpan into) {
    while (!into.empty() && !ended_) {
      if (made_.empty()) {
        MakeMore();
      }
      const auto part = made_.first(std::min(made_.size(), into.size()));
      std::ranges::copy(part, into.begin());
      made_ = made_.subspan(part.size());
      into = into.subspan(part.size());
    }
    std::ranges::fill(into, std::byte{0});
  }

 private:
  // The next bytes; where nothing comes of what there is, that was the end.
  void MakeMore() {
    const auto& chunks = parts_.delta->index.chunks;
    if (unit_left_.empty()) {
      if (next_ == chunks.size() || !MakeUnit(chunks[next_])) {
        ended_ = true;
        return;
      }
      ++next_;
      unit_left_ = unit_.span();
    }
    Repack();
  }

  bool MakeUnit(const DeltaChunk& chunk) {
    return chunk.kind == DeltaChunk::Kind::kPatch ? patches_->Make(patch_++, unit_.span())
                                                  : Copy(chunk.offset);
  }

  bool Copy(Bytes offset) {
    try {
      parts_.base.Read(offset, unit_.span());
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  void Repack() {
    try {
      const auto step = repacker_.Add(unit_left_);
      made_ = step.made;
      unit_left_ = unit_left_.subspan(step.taken);
    } catch (const Error&) {
      ended_ = true;  // Patches of another file make no form.
    }
  }

  RepackedParts& parts_;
  PatchBase base_;
  std::optional<PatchLayer> layer_;  // both where there are patches
  std::optional<PatchReader> patches_;
  AlignedBuffer unit_{packing::kFormUnit};
  ByteSpan unit_left_;  // what of it was not packed yet
  packing::Repacker repacker_;
  ByteSpan made_;          // what of the file was not taken yet
  std::size_t next_ = 0;   // chunk
  std::size_t patch_ = 0;  // the next one
  bool ended_ = false;
};

class RepackedBlob final : public Blob {
 public:
  explicit RepackedBlob(RepackedParts parts)
      : parts_(std::move(parts)), bytes_(std::make_unique<RepackedBytes>(parts_)) {}

  [[nodiscard]] Bytes size() const override { return parts_.whole->size(); }

  void ReadAt(Bytes offset, MutableByteSpan into) const override {
    if (!bytes_) {
      parts_.whole->ReadAt(offset, into);
      return;
    }
    const std::lock_guard lock(mutex_);
    if (offset != at_) {
      throw Error(ErrorKind::kFailed, "a file that is made of another is read in order alone");
    }
    bytes_->Take(into);
    at_ += into.size();
  }

  void Announce(const std::vector<ByteRange>& ranges) override {
    if (!bytes_) {
      parts_.whole->Announce(ranges);
    } else if (parts_.patches) {
      parts_.patches->Announce({{.offset = 0, .length = parts_.delta->patches.size}});
    }
  }

  bool Distrust() override {
    if (!bytes_) {
      return parts_.whole->Distrust();
    }
    bytes_.reset();
    parts_.patches.reset();
    return true;
  }

  void Abandon() override {
    parts_.whole->Abandon();
    if (parts_.patches) {
      parts_.patches->Abandon();
    }
  }

 private:
  RepackedParts parts_;
  mutable std::mutex mutex_;
  std::unique_ptr<RepackedBytes> bytes_;  // null once it is the file as the image has it
  mutable Bytes at_ = 0;
};

}  // namespace

std::unique_ptr<Blob> MakeRepackedBlob(RepackedParts parts) {
  return std::make_unique<RepackedBlob>(std::move(parts));
}

}  // namespace ros::images
