#include "images/root_reuse.hpp"

#include <algorithm>
#include <map>
#include <memory>

#include "base/error.hpp"
#include "images/ordered_work.hpp"

namespace ros::images {
namespace {

// A chunk of another root that has this content, by digest and length.
class OldChunks {
 public:
  explicit OldChunks(const std::vector<Chunk>& old) {
    Bytes offset = 0;
    for (const auto& chunk : old) {
      places_.try_emplace(chunk.digest, Place{offset, chunk.length});
      offset += chunk.length;
    }
  }

  [[nodiscard]] const Bytes* Find(const Chunk& chunk) const {
    const auto found = places_.find(chunk.digest);
    const bool same = found != places_.end() && found->second.length == chunk.length;
    return same ? &found->second.offset : nullptr;
  }

 private:
  struct Place {
    Bytes offset = 0;
    std::uint32_t length = 0;
  };

  std::map<keys::Digest, Place> places_;
};

// Adds up what lies between the parts of a layer that are wanted.
class Between {
 public:
  explicit Between(const RangeCosts& costs) : costs_(costs) {}

  // The next part of the layer.
  void Pass(Bytes length, bool is_wanted) {
    if (is_wanted) {
      const bool comes = costs_.whole || (wanted_any_ && gap_ <= costs_.gap);
      bytes_ += comes ? gap_ : 0;
      gap_ = 0;
      wanted_any_ = true;
    } else {
      gap_ += length;
    }
  }

  [[nodiscard]] Bytes bytes() const { return bytes_; }

 private:
  const RangeCosts& costs_;
  Bytes gap_ = 0;  // since the last one that is wanted
  Bytes bytes_ = 0;
  bool wanted_any_ = false;
};

}  // namespace

RootPlan PlanRoot(const std::vector<Chunk>& chunks,
                  const OtherRoot& other,
                  const std::vector<bool>& kept) {
  const OldChunks places(other.chunks);
  const auto* const delta = other.delta;
  using Kind = DeltaChunk::Kind;
  std::size_t patch = 0;  // the next one of the delta
  RootPlan plan;
  plan.chunks.reserve(chunks.size());
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const auto& chunk = chunks[i];
    const auto made = delta == nullptr ? DeltaChunk() : delta->chunks[i];
    const auto* const offset = made.kind == Kind::kCopy ? &made.offset : places.Find(chunk);
    const auto this_patch = patch;
    patch += made.kind == Kind::kPatch ? 1U : 0U;
    PlannedChunk planned;
    if (i < kept.size() && kept[i]) {
      planned.origin = ChunkOrigin::kSlot;
      plan.kept += chunk.length;
    } else if (offset != nullptr) {
      planned = {.origin = ChunkOrigin::kOldRoot, .old_offset = *offset};
      plan.copied += chunk.length;
    } else if (made.kind == Kind::kPatch) {
      planned = {.origin = ChunkOrigin::kPatch, .patch = this_patch};
      plan.fetched += delta->patches[this_patch].packed_length;
      plan.patched += chunk.length;
    } else {
      plan.fetched += chunk.packed_length;
      plan.unpacked += chunk.length;
    }
    plan.chunks.push_back(planned);
  }
  return plan;
}

Bytes BytesBetween(const RootPlan& plan,
                   const std::vector<Chunk>& chunks,
                   const DeltaIndex* delta,
                   const RangeCosts& costs) {
  Between frames(costs);
  Between patches(costs);
  std::size_t patch = 0;  // the next one of the delta
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const auto origin = plan.chunks[i].origin;
    frames.Pass(chunks[i].packed_length, origin == ChunkOrigin::kImage);
    if (delta != nullptr && delta->chunks[i].kind == DeltaChunk::Kind::kPatch) {
      patches.Pass(delta->patches[patch++].packed_length, origin == ChunkOrigin::kPatch);
    }
  }
  return frames.bytes() + patches.bytes();
}

std::vector<bool> FindKeptChunks(const Region& slot,
                                 const std::vector<Chunk>& chunks,
                                 Progress& progress) {
  std::vector<Bytes> offsets;
  Bytes end = 0;
  for (const auto& chunk : chunks) {
    offsets.push_back(end);
    end += chunk.length;
  }
  const auto threads = OrderedWork::DefaultThreads();
  std::vector<char> held(std::min(chunks.size(), 2 * threads));  // one a place
  std::vector<bool> kept;
  kept.reserve(chunks.size());
  progress.Begin("looking at what the slot holds", end);
  OrderedWork work(chunks.size(), held.size(), threads, [&] {
    const auto buffer = std::make_shared<AlignedBuffer>(kMaxChunkLength);
    return [&, buffer](std::size_t job, std::size_t place) {
      const auto content = buffer->span().first(chunks[job].length);
      held[place] = 0;
      if (offsets[job] + content.size() > slot.length()) {
        return;
      }
      try {
        slot.Read(offsets[job], content);
        held[place] = keys::Sha256Of(content) == chunks[job].digest ? 1 : 0;
      } catch (const Error&) {
        held[place] = 0;  // A sector that is lost is written anew.
      }
    };
  });
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    kept.push_back(held[work.Next()] != 0);
    work.Release();
    progress.Update(offsets[i] + chunks[i].length);
  }
  progress.End();
  return kept;
}

}  // namespace ros::images
