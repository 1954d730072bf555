#include "images/root_delta.hpp"

#include <fcntl.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "delta/similarity.hpp"
#include "images/chunk_reader.hpp"
#include "images/ordered_work.hpp"
#include "images/root_reuse.hpp"
#include "images/verified_image.hpp"
#include "registry/reference.hpp"

namespace ros::images {
namespace {

constexpr Bytes kBasePiece = Bytes{1} << 20U;
// What an entry of a patch takes in the index, about: a patch must spare more.
constexpr Bytes kEntrySize = 48;

std::vector<Bytes> OffsetsOf(const std::vector<Chunk>& chunks) {
  std::vector<Bytes> offsets;
  offsets.reserve(chunks.size() + 1);
  Bytes offset = 0;
  for (const auto& chunk : chunks) {
    offsets.push_back(offset);
    offset += chunk.length;
  }
  offsets.push_back(offset);
  return offsets;
}

delta::SimilarityIndex IndexBase(const DeltaBase& base, Progress& progress) {
  const auto fd = OpenFile(base.root, O_RDONLY);
  const auto size = OffsetsOf(base.chunks).back();
  delta::SimilarityIndex index(size);
  std::vector<std::byte> piece;
  progress.Begin("reading " + base.name, size);
  for (Bytes at = 0; at < size; at += piece.size()) {
    piece.resize(std::min(kBasePiece, size - at));
    ReadFull(fd.get(), at, piece, base.root.string());
    index.Add(piece);
    progress.Update(at + piece.size());
  }
  index.Finish();
  progress.End();
  return index;
}

// A patch, or nothing where the frame is as good.
struct FoundPatch {
  DeltaPatch patch;
  std::string packed;
};

// Finds patches, one thread's worth.
class PatchFinder {
 public:
  PatchFinder(const DeltaBase& base,
              const DeltaTarget& target,
              const delta::SimilarityIndex& similarity)
      : base_(base),
        target_(target),
        similarity_(similarity),
        base_fd_(OpenFile(base.root, O_RDONLY)),
        target_fd_(OpenFile(target.root, O_RDONLY)) {}

  FoundPatch Find(std::size_t chunk, Bytes offset) {
    const auto& wanted = target_.chunks[chunk];
    content_.resize(wanted.length);
    ReadFull(target_fd_.get(), offset, content_, target_.root.string());
    FoundPatch found;
    found.patch.base = similarity_.FindAlike(content_, kMaxBaseRanges, delta::kMaxBase, kBlockSize);
    const bool has_frame = wanted.packed_length > 0;
    if (found.patch.base.empty()) {
      if (has_frame) {
        return {};
      }
      found.patch.base.push_back({.offset = 0, .length = kBlockSize});
    }
    const auto base = ReadBase(found.patch);
    found.packed = delta::MakePatch(base, content_);
    if (has_frame && found.packed.size() + kEntrySize >= wanted.packed_length) {
      return {};
    }
    Try(base, found.packed);
    found.patch.packed_digest = keys::Sha256Of(AsBytes(found.packed));
    found.patch.packed_length = static_cast<std::uint32_t>(found.packed.size());
    return found;
  }

 private:
  // No machine is to find out that a patch does not do.
  void Try(ByteSpan base, const std::string& packed) {
    made_.resize(content_.size());
    delta::ApplyPatch(base, AsBytes(packed), made_);
    if (made_ != content_) {
      throw Error(ErrorKind::kFailed, "a patch does not make what it was made for");
    }
  }

  ByteSpan ReadBase(const DeltaPatch& patch) {
    ranges_.resize(BaseLength(patch));
    Bytes done = 0;
    for (const auto& range : patch.base) {
      ReadFull(base_fd_.get(),
               range.offset,
               std::span(ranges_).subspan(done, range.length),
               base_.root.string());
      done += range.length;
    }
    return ranges_;
  }

  const DeltaBase& base_;
  const DeltaTarget& target_;
  const delta::SimilarityIndex& similarity_;
  UniqueFd base_fd_;
  UniqueFd target_fd_;
  std::vector<std::byte> content_;
  std::vector<std::byte> ranges_;
  std::vector<std::byte> made_;
};

std::unique_ptr<ImageSource> OpenOlder(const std::filesystem::path& image) {
  std::error_code code;
  if (!std::filesystem::exists(image, code) && registry::LooksLikeReference(image.string())) {
    throw Error(ErrorKind::kUsage,
                image.string() + ": it must be a file; `ros image pull " + image.string() +
                    " -o FILE` fetches it");
  }
  return OpenImage(image);
}

void WarnOfOther(const std::string& image,
                 const ImageConfig& config,
                 const ImageKind& kind,
                 Progress& progress) {
  if (config.name != kind.name || config.architecture != kind.architecture) {
    progress.Warn(image + " is " + config.name + " for " + config.architecture +
                  ", and this image " + kind.name + " for " + kind.architecture +
                  ": is it the right one?");
  }
}

}  // namespace

void CheckDeltaBases(const std::vector<std::filesystem::path>& images,
                     const ImageKind& kind,
                     Progress& progress) {
  if (images.size() > kMaxDeltas) {
    throw Error(ErrorKind::kUsage,
                std::to_string(images.size()) + " older images; an image takes deltas from " +
                    std::to_string(kMaxDeltas) + " at most, so name those that machines still run");
  }
  std::map<std::string, std::string> seen;  // root hash, and the image's name
  for (const auto& image : images) {
    InContext("the older image", [&] {
      const auto source = OpenOlder(image);
      const auto inspected = InspectImage(*source);
      CheckBlobs(*source, inspected, progress);
      WarnOfOther(source->name(), inspected.config, kind, progress);
      const auto [found, is_new] =
          seen.emplace(inspected.config.root.verity.root_hash, source->name());
      if (!is_new) {
        throw Error(ErrorKind::kUsage,
                    source->name() + " has the same root as " + found->second +
                        ", and one delta of the root serves both; name the one that most "
                        "machines run");
      }
    });
  }
}

DeltaBase UnpackDeltaBase(const std::filesystem::path& image,
                          const std::filesystem::path& output,
                          Progress& progress) {
  const auto source = OpenImage(image);
  auto inspected = InspectImage(*source);
  const auto& root = inspected.config.root;
  const auto layer = source->OpenBlob(inspected.manifest.root.digest);
  ChunkReader reader(*layer);
  auto fd = OpenFile(output, O_WRONLY | O_CREAT | O_EXCL, 0600);
  std::vector<std::byte> content;
  Bytes offset = 0;
  Bytes packed_offset = 0;
  progress.Begin("unpacking the root of " + inspected.config.version, root.size);
  for (const auto& chunk : inspected.chunks) {
    content.resize(chunk.length);
    InContext(source->name(), [&] { reader.Read(chunk, packed_offset, content); });
    WriteFull(fd.get(), offset, content, output.string());
    offset += chunk.length;
    packed_offset += chunk.packed_length;
    progress.Update(offset);
  }
  fd.Close(output.string());
  progress.End();
  return {.name = "the root of " + inspected.config.version,
          .version = inspected.config.version,
          .root_hash = root.verity.root_hash,
          .chunks = std::move(inspected.chunks),
          .root = output};
}

DeltaLayer MakeDelta(const DeltaBase& base,
                     const DeltaTarget& target,
                     const std::filesystem::path& output,
                     Progress& progress) {
  const auto similarity = IndexBase(base, progress);
  const auto offsets = OffsetsOf(target.chunks);
  const auto copies = PlanRoot(target.chunks, {.chunks = base.chunks}, {});
  std::vector<std::size_t> wanted;  // chunks that the base does not have as they are
  DeltaLayer layer;
  layer.index.base_size = OffsetsOf(base.chunks).back();
  for (const auto& planned : copies.chunks) {
    const bool is_copy = planned.origin == ChunkOrigin::kOldRoot;
    if (!is_copy) {
      wanted.push_back(layer.index.chunks.size());
    }
    layer.index.chunks.push_back(
        {.kind = is_copy ? DeltaChunk::Kind::kCopy : DeltaChunk::Kind::kFrame,
         .offset = is_copy ? planned.old_offset : 0});
  }
  auto fd = OpenFile(output, O_WRONLY | O_CREAT | O_EXCL, 0600);
  keys::Sha256 hash;
  const auto threads = OrderedWork::DefaultThreads();
  std::vector<FoundPatch> places(4 * threads);
  progress.Begin("making the delta from " + base.name, copies.unpacked);
  OrderedWork work(wanted.size(), places.size(), threads, [&]() -> OrderedWork::Job {
    auto finder = std::make_shared<PatchFinder>(base, target, similarity);
    return [&, finder](std::size_t job, std::size_t place) {
      places[place] = finder->Find(wanted[job], offsets[wanted[job]]);
    };
  });
  Bytes done = 0;
  for (const auto chunk : wanted) {
    const auto& found = places[work.Next()];
    if (!found.packed.empty()) {
      WriteFull(fd.get(), layer.size, AsBytes(found.packed), output.string());
      hash.Update(AsBytes(found.packed));
      layer.size += found.packed.size();
      layer.index.chunks[chunk].kind = DeltaChunk::Kind::kPatch;
      layer.index.patches.push_back(found.patch);
    }
    work.Release();
    done += target.chunks[chunk].length;
    progress.Update(done);
  }
  fd.Close(output.string());
  layer.digest = hash.Finish();
  progress.End();
  return layer;
}

}  // namespace ros::images
