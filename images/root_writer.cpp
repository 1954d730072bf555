#include "images/root_writer.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "images/checksum.hpp"
#include "images/chunk_reader.hpp"
#include "images/fragment_reader.hpp"
#include "images/ordered_work.hpp"
#include "images/patch_reader.hpp"
#include "images/root_read_back.hpp"
#include "images/verify_root.hpp"
#include "images/verity.hpp"

namespace ros::images {
namespace {

// What is unpacked by one thread and written by one request.
constexpr Bytes kRootPiece = RootReadBack::kMaxPiece;
// Fragments that come from elsewhere, each by a request of its own, where a source has them wrong.
constexpr std::size_t kMostMendedFragments = 64;
// Results that wait for their turn, beyond one in the works on each thread: what is unpacked while
// the disk takes its time. Fewer were slower, more were not faster (bench/README.md).
constexpr std::size_t kWaitingPieces = 4;

// Chunks that follow each other and together are at most kRootPiece long.
struct Piece {
  std::size_t first = 0;  // chunk
  std::size_t count = 0;
  Bytes offset = 0;  // in the root image
  Bytes length = 0;
  Bytes packed_offset = 0;  // in the layer
};

std::vector<Piece> CutPieces(const std::vector<Chunk>& chunks) {
  std::vector<Piece> pieces(1);
  Bytes offset = 0;
  Bytes packed_offset = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    if (pieces.back().length + chunks[i].length > kRootPiece) {
      pieces.push_back({.first = i, .offset = offset, .packed_offset = packed_offset});
    }
    ++pieces.back().count;
    pieces.back().length += chunks[i].length;
    offset += chunks[i].length;
    packed_offset += chunks[i].packed_length;
  }
  return pieces;
}

// Chunks that were not made as the plan has it, by what it would have made them of.
struct Missed {
  std::size_t of_machine = 0;  // what it has, and patches of that
  std::size_t of_fragments = 0;

  void Add(ChunkOrigin planned) {
    of_machine += planned == ChunkOrigin::kSlot || planned == ChunkOrigin::kOldRoot ||
                          planned == ChunkOrigin::kPatch
                      ? 1U
                      : 0U;
    of_fragments += planned == ChunkOrigin::kFragments ? 1U : 0U;
  }

  void Add(const Missed& other) {
    of_machine += other.of_machine;
    of_fragments += other.of_fragments;
  }
};

// A piece that is ready to be written.
struct Place {
  AlignedBuffer data{kRootPiece};
  Checksum checksum = 0;
  std::vector<keys::Digest> digests = std::vector<keys::Digest>(kRootPiece / kBlockSize);
  std::vector<ByteRange> fresh;  // what of the piece the slot does not have yet
  Missed missed;                 // of its chunks

  [[nodiscard]] MutableByteSpan Data(Bytes length) { return data.span().first(length); }

  [[nodiscard]] std::span<keys::Digest> Digests(Bytes length) {
    return std::span(digests).first(length / kBlockSize);
  }
};

std::vector<Place> MakePlaces(std::size_t jobs, std::size_t threads) {
  return std::vector<Place>(std::min(jobs, threads + kWaitingPieces));
}

// A thread that reads an old root waits some of the time. Those that unpack frames alone do not:
// more of them than cores take longer. With patches each takes 3.2 MiB, of the 48 that an upgrade
// may take.
std::size_t WritingThreads(const RootReuse* reuse) {
  constexpr std::size_t kMoreReaders = 2;
  constexpr std::size_t kMostOfUpgrade = 6;
  const auto threads = OrderedWork::DefaultThreads();
  if (reuse == nullptr) {
    return threads;
  }
  const bool reads = reuse->plan.copied + reuse->plan.patched > reuse->plan.unpacked;
  return std::min(threads + (reads ? kMoreReaders : 0), kMostOfUpgrade);
}

// Reads the chunks of one piece: `how` is Read or Unpack of ChunkReader.
void ReadPiece(ChunkReader& reader,
               void (ChunkReader::*how)(const Chunk&, Bytes, MutableByteSpan),
               const std::vector<Chunk>& chunks,
               const Piece& piece,
               MutableByteSpan into) {
  Bytes offset = 0;
  Bytes packed_offset = piece.packed_offset;
  for (std::size_t i = piece.first; i < piece.first + piece.count; ++i) {
    const auto& chunk = chunks[i];
    InContext("chunk " + std::to_string(i) + " of the root layer",
              [&] { (reader.*how)(chunk, packed_offset, into.subspan(offset, chunk.length)); });
    offset += chunk.length;
    packed_offset += chunk.packed_length;
  }
}

// What the image has of a root: frames, patches where it was asked for a delta, fragments.
struct RootBlobs {
  std::unique_ptr<Blob> frames;
  bool all_frames_pass = false;       // those too that the plan does not want
  std::unique_ptr<Blob> patches;      // null where the plan has none, and so the next two
  std::unique_ptr<PatchLayer> layer;  // the same, patch by patch
  std::unique_ptr<PatchBase> base;
  std::unique_ptr<Blob> fragments;  // null where the plan has none, and so the next
  std::unique_ptr<CheckedParts> fragment_parts;

  // Those that were asked for and were not what was signed.
  [[nodiscard]] std::size_t damaged_patches() const { return layer ? layer->damaged() : 0; }

  [[nodiscard]] std::size_t damaged_fragments() const {
    return fragment_parts ? fragment_parts->damaged() : 0;
  }

  // Nothing of them is wanted any more.
  void Abandon() const {
    frames->Abandon();
    if (patches) {
      patches->Abandon();
    }
    if (fragments) {
      fragments->Abandon();
    }
  }
};

// Puts the content of chunks together, one thread's worth.
class ChunkGatherer {
 public:
  // All live longer than this. Without `reuse` everything comes from the layer.
  ChunkGatherer(const RootBlobs& blobs,
                const std::vector<Chunk>& chunks,
                const Region& slot,
                const RootReuse* reuse)
      : reader_(*blobs.frames),
        all_frames_pass_(blobs.all_frames_pass),
        chunks_(chunks),
        slot_(slot),
        reuse_(reuse) {
    if (blobs.patches) {
      patches_.emplace(*blobs.layer, *blobs.base);
    }
    if (blobs.fragments) {
      fragments_.emplace(*blobs.fragment_parts, reuse->old_root);
    }
  }

  // Fills `place` with a piece.
  void Gather(const Piece& piece, Place& place) {
    const auto into = place.Data(piece.length);
    place.fresh.clear();
    place.missed = {};
    Bytes offset = 0;
    Bytes packed_offset = piece.packed_offset;
    for (std::size_t i = piece.first; i < piece.first + piece.count; ++i) {
      const auto& chunk = chunks_[i];
      const auto content = into.subspan(offset, chunk.length);
      const bool is_kept = IsKept(i, piece.offset + offset, content);
      const bool is_made =
          is_kept || IsCopied(i, content) || IsPatched(i, content) || IsPutTogether(i, content);
      InContext("chunk " + std::to_string(i) + " of the root layer", [&] {
        if (!is_made) {
          reader_.Unpack(chunk, packed_offset, content);
          place.missed.Add(PlanOf(i).origin);
        } else if (all_frames_pass_) {
          reader_.PassOver(chunk, packed_offset);
        }
      });
      if (!is_kept) {
        AddRange(place.fresh, {.offset = offset, .length = chunk.length});
      }
      offset += chunk.length;
      packed_offset += chunk.packed_length;
    }
  }

 private:
  [[nodiscard]] PlannedChunk PlanOf(std::size_t chunk) const {
    return reuse_ == nullptr ? PlannedChunk() : reuse_->plan.chunks[chunk];
  }

  bool IsKept(std::size_t chunk, Bytes offset, MutableByteSpan content) const {
    return PlanOf(chunk).origin == ChunkOrigin::kSlot &&
           ReadsAs(chunks_[chunk], slot_, offset, content);
  }

  bool IsCopied(std::size_t chunk, MutableByteSpan content) const {
    const auto planned = PlanOf(chunk);
    return planned.origin == ChunkOrigin::kOldRoot &&
           ReadsAs(chunks_[chunk], reuse_->old_root, planned.old_offset, content);
  }

  bool IsPatched(std::size_t chunk, MutableByteSpan content) {
    const auto planned = PlanOf(chunk);
    return planned.origin == ChunkOrigin::kPatch &&
           InContext("chunk " + std::to_string(chunk) + " of the root",
                     [&] { return patches_->Make(planned.patch, content); }) &&
           keys::Sha256Of(content) == chunks_[chunk].digest;
  }

  bool IsPutTogether(std::size_t chunk, MutableByteSpan content) {
    const auto planned = PlanOf(chunk);
    return planned.origin == ChunkOrigin::kFragments &&
           InContext("chunk " + std::to_string(chunk) + " of the root",
                     [&] {
                       return fragments_->Make(reuse_->fragments->chunks[planned.fragments],
                                               content);
                     }) &&
           keys::Sha256Of(content) == chunks_[chunk].digest;
  }

  // Whether a place that is said to hold the chunk does.
  static bool ReadsAs(const Chunk& chunk,
                      const Region& from,
                      Bytes offset,
                      MutableByteSpan content) {
    try {
      from.Read(offset, content);
      return keys::Sha256Of(content) == chunk.digest;
    } catch (const Error&) {
      return false;
    }
  }

  ChunkReader reader_;
  bool all_frames_pass_;
  const std::vector<Chunk>& chunks_;
  const Region& slot_;
  const RootReuse* reuse_;
  std::optional<PatchReader> patches_;
  std::optional<FragmentReader> fragments_;
};

// The frames that a plan wants of the layer.
std::vector<ByteRange> FramesOf(const std::vector<Chunk>& chunks, const RootReuse* reuse) {
  std::vector<ByteRange> ranges;
  Bytes offset = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const Bytes length = chunks[i].packed_length;
    if (reuse == nullptr || reuse->plan.chunks[i].origin == ChunkOrigin::kImage) {
      AddRange(ranges, {.offset = offset, .length = length});
    }
    offset += length;
  }
  return ranges;
}

// The patches that it wants.
std::vector<ByteRange> PatchesOf(const RootReuse& reuse) {
  std::vector<bool> wanted(reuse.delta->index.patches.size());
  for (const auto& chunk : reuse.plan.chunks) {
    if (chunk.origin == ChunkOrigin::kPatch) {
      wanted[chunk.patch] = true;
    }
  }
  std::vector<ByteRange> ranges;
  Bytes offset = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const Bytes length = reuse.delta->index.patches[i].packed_length;
    if (wanted[i]) {
      AddRange(ranges, {.offset = offset, .length = length});
    }
    offset += length;
  }
  return ranges;
}

// The fragments that it wants.
std::vector<ByteRange> FragmentsOf(const FragmentPlan& plan) {
  std::vector<ByteRange> ranges;
  for (const auto& chunk : plan.chunks) {
    Bytes offset = chunk.offset;
    for (std::size_t i = 0; i < chunk.fragments.size(); ++i) {
      const Bytes length = chunk.fragments[i].packed_length;
      if (IsFetched(chunk, i)) {
        AddRange(ranges, {.offset = offset, .length = length});
      }
      offset += length;
    }
  }
  return ranges;
}

RootBlobs OpenRootBlobs(const ImageSource& source,
                        const VerifiedImage& image,
                        const RootReuse* reuse) {
  RootBlobs blobs{.frames = source.OpenBlob(image.manifest.root.digest),
                  .all_frames_pass = source.is_passing()};
  // What passes is at hand where the machine does not have what the plan says.
  blobs.frames->Announce(FramesOf(image.chunks, blobs.all_frames_pass ? nullptr : reuse));
  if (reuse != nullptr && reuse->plan.patched > 0) {
    blobs.patches = source.OpenBlob(reuse->delta->patches.digest);
    blobs.patches->Announce(PatchesOf(*reuse));
    blobs.layer = std::make_unique<PatchLayer>(*blobs.patches, reuse->delta->index);
    blobs.base = std::make_unique<PatchBase>(
        [root = reuse->old_root](Bytes offset, MutableByteSpan into) { root.Read(offset, into); });
  }
  if (reuse != nullptr && reuse->fragments != nullptr && !reuse->fragments->chunks.empty()) {
    blobs.fragments = source.OpenBlob(reuse->fragments->layer.digest);
    blobs.fragments->Announce(FragmentsOf(*reuse->fragments));
    blobs.fragment_parts = std::make_unique<CheckedParts>(*blobs.fragments, kMostMendedFragments);
  }
  return blobs;
}

// Ends what is announced of blobs, so that threads that wait for it can be joined.
class Abandoned {
 public:
  explicit Abandoned(const RootBlobs& blobs) : blobs_(blobs) {}

  Abandoned(const Abandoned&) = delete;
  Abandoned& operator=(const Abandoned&) = delete;
  Abandoned(Abandoned&&) = delete;
  Abandoned& operator=(Abandoned&&) = delete;

  ~Abandoned() { blobs_.Abandon(); }

 private:
  const RootBlobs& blobs_;
};

// Throws for the first chunk whose content does not have the digest of the index, if there is one.
void FindWrongChunk(const Blob& layer,
                    const std::vector<Chunk>& chunks,
                    const std::vector<Piece>& pieces) {
  ChunkReader reader(layer);
  AlignedBuffer buffer(kRootPiece);
  for (const auto& piece : pieces) {
    ReadPiece(reader, &ChunkReader::Read, chunks, piece, buffer.span());
  }
}

// For those who wonder about more bytes than the plan said.
void TellMissed(const Missed& missed,
                const RootBlobs& blobs,
                const std::string& image,
                Progress& progress) {
  const auto chunks = [](std::size_t count) {
    return std::to_string(count) + (count == 1 ? " chunk" : " chunks");
  };
  if (const auto damaged = blobs.damaged_patches() + blobs.damaged_fragments(); damaged > 0) {
    progress.Warn("parts of " + image +
                  " that did not come as they were signed: " + std::to_string(damaged) +
                  "; more was fetched instead of them, and a copy of the image, there or on a "
                  "mirror, should be mended");
  }
  if (missed.of_machine > blobs.damaged_patches()) {
    progress.Warn(
        chunks(missed.of_machine - blobs.damaged_patches()) +
        " of the root that this machine had by the plan did not read right, and came from "
        "the image; the disk may be failing");
  }
  // A block may be another one with the same number; only if there are many is the disk in doubt,
  // and then it tells itself.
  if (missed.of_fragments > 0 && blobs.damaged_fragments() == 0) {
    progress.Warn(chunks(missed.of_fragments) +
                  " of the root could not be put together of fragments, and came from the image "
                  "as a whole");
  }
}

// Writes a root and its tree, and syncs.
class RootWriter {
 public:
  // All live longer than this.
  RootWriter(const ImageSource& source,
             const VerifiedImage& image,
             const Region& slot,
             const RootReuse* reuse)
      : source_(source),
        image_(image),
        root_(image.config.root),
        slot_(slot),
        reuse_(reuse),
        blobs_(OpenRootBlobs(source, image, reuse)),
        pieces_(CutPieces(image.chunks)) {}

  void Write(RootReadBack& read_back, Progress& progress) {
    const auto threads = WritingThreads(reuse_);
    auto places = MakePlaces(pieces_.size(), threads);
    VerityTree tree(root_.size, root_.verity.salt, [&](Bytes offset, ByteSpan blocks) {
      slot_.Write(root_.size + offset, blocks);
    });
    progress.Begin("writing the root", root_.size);
    OrderedWork work(pieces_.size(), places.size(), threads, [&] { return MakeWorker(places); });
    // Before the end of `work`, which joins its threads: a piece that failed is not read to its
    // end, and others would wait for ever for what comes behind it.
    const Abandoned at_end(blobs_);
    Missed missed;
    for (const auto& piece : pieces_) {
      const auto& place = places[work.Next()];
      missed.Add(place.missed);
      for (const auto& range : place.fresh) {
        slot_.Write(piece.offset + range.offset,
                    place.data.span().subspan(range.offset, range.length));
      }
      tree.Add(std::span(place.digests).first(piece.length / kBlockSize));
      read_back.Follow(piece.length, place.checksum);
      work.Release();
      progress.Update(piece.offset + piece.length);
    }
    CheckHash(tree.Finish());
    slot_.Sync();
    progress.End();
    TellMissed(missed, blobs_, source_.name(), progress);
  }

 private:
  OrderedWork::Job MakeWorker(std::vector<Place>& places) const {
    const auto gatherer = std::make_shared<ChunkGatherer>(blobs_, image_.chunks, slot_, reuse_);
    const auto hasher = std::make_shared<VerityBlockHasher>(root_.verity.salt);
    return [this, &places, gatherer, hasher](std::size_t job, std::size_t place) {
      InContext(source_.name(), [&] { gatherer->Gather(pieces_[job], places[place]); });
      const auto data = places[place].Data(pieces_[job].length);
      // Before the digests: RootReadBack says why.
      places[place].checksum = ChecksumOf(data);
      hasher->HashAll(data, places[place].Digests(data.size()));
    };
  }

  void CheckHash(const std::string& found) const {
    if (found == root_.verity.root_hash) {
      return;
    }
    InContext(source_.name(), [&] {
      if (!source_.is_remote()) {
        FindWrongChunk(*blobs_.frames, image_.chunks, pieces_);
      }
      CheckRootHash(found, root_.verity.root_hash);
    });
  }

  const ImageSource& source_;
  const VerifiedImage& image_;
  const RootDescription& root_;
  const Region& slot_;
  const RootReuse* reuse_;
  RootBlobs blobs_;
  std::vector<Piece> pieces_;
};

}  // namespace

void WriteRoot(const ImageSource& source,
               const VerifiedImage& image,
               const Region& slot,
               Progress& progress,
               const RootReuse* reuse) {
  RootReadBack read_back(slot, image.config.root);
  // Its memory is free before the rest is read back on all cores.
  RootWriter(source, image, slot, reuse).Write(read_back, progress);
  read_back.Finish(progress);
}

}  // namespace ros::images
