#include "images/fragment_plan.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "delta/block_search.hpp"
#include "images/checked_parts.hpp"
#include "images/ordered_work.hpp"

namespace ros::images {
namespace {

constexpr Bytes kMaxSearched = Bytes{256} << 20U;
// What is looked at by one thread, and what of it the next piece looks at too.
constexpr Bytes kSearchedPiece = Bytes{1} << 20U;
constexpr Bytes kOverlap = kBlockSize;

// A divided chunk that the plan has from the image, and its table, once that is there.
struct Candidate {
  DividedChunk divided;
  FragmentTable table;
  bool has_table = false;
};

std::vector<Candidate> FindCandidates(const FragmentIndex& index,
                                      const std::vector<Chunk>& chunks,
                                      const RootPlan& plan) {
  std::vector<Candidate> candidates;
  Bytes length = 0;
  for (const auto& divided : index) {
    if (plan.chunks[divided.chunk].origin != ChunkOrigin::kImage) {
      continue;
    }
    length += chunks[divided.chunk].length;
    if (length > kMaxSearched) {
      break;
    }
    candidates.push_back({.divided = divided});
  }
  return candidates;
}

// The blob of the layer, which has the size that was signed.
std::unique_ptr<Blob> OpenLayer(const FragmentedImage& image) {
  const auto& layer = image.fragments.layer;
  auto blob = image.source.OpenBlob(layer.digest);
  if (blob->size() != layer.size) {
    throw Error(ErrorKind::kVerification,
                image.source.name() + ": the fragments have " + std::to_string(blob->size()) +
                    " bytes instead of " + std::to_string(layer.size));
  }
  return blob;
}

// What is read of a layer for these candidates: the tables of those that have none, and its last
// byte. So these are two ranges, and a server shows whether it answers that in one request, by
// which the plan reckons (ImageSource::range_costs).
std::vector<ByteRange> TableRanges(const FragmentedImage& image,
                                   const std::vector<Candidate>& candidates) {
  std::vector<ByteRange> ranges;
  for (const auto& candidate : candidates) {
    if (!candidate.has_table) {
      const auto length = image.chunks[candidate.divided.chunk].length;
      AddRange(ranges,
               {.offset = candidate.divided.table_offset, .length = FragmentTableSize(length)});
    }
  }
  AddRange(ranges, {.offset = image.fragments.layer.size - 1, .length = 1});
  return ranges;
}

// Reads those tables of chunks that are not there yet, where they are what was signed.
void ReadTables(const FragmentedImage& image,
                const Blob& blob,
                std::vector<Candidate>& candidates) {
  const CheckedParts parts(blob);
  std::vector<std::byte> raw;
  for (auto& candidate : candidates) {
    const auto& divided = candidate.divided;
    const auto length = image.chunks[divided.chunk].length;
    raw.resize(FragmentTableSize(length));
    // Those that are wrong are fetched from elsewhere together, none by a request of its own.
    if (!candidate.has_table && parts.Take(divided.table_offset, raw) &&
        keys::Sha256Of(raw) == divided.table_digest) {
      candidate.table = ParseFragmentTable(raw, length, divided.fragments_size);
      candidate.has_table = true;
    }
  }
  std::array<std::byte, 1> last{};
  parts.Take(blob.size() - last.size(), last);
}

// Fetches the tables of chunks, from one place after the other where they are wrong; candidates
// whose tables are right nowhere are left out.
void FetchTables(const FragmentedImage& image,
                 std::vector<Candidate>& candidates,
                 Progress& progress) {
  const auto is_missing = [](const Candidate& candidate) { return !candidate.has_table; };
  const auto blob = OpenLayer(image);
  do {
    blob->Announce(TableRanges(image, candidates));
    ReadTables(image, *blob, candidates);
  } while (std::ranges::any_of(candidates, is_missing) && blob->Distrust());
  if (const auto wrong = std::erase_if(candidates, is_missing); wrong > 0) {
    progress.Warn("tables of fragments of " + image.source.name() +
                  " that are not what was signed: " + std::to_string(wrong) +
                  "; more is fetched instead, and this copy of the image should be mended");
  }
}

// Looks at all of a root for blocks.
void ScanRoot(const SearchedRoot& root, delta::BlockSearch& search, Progress& progress) {
  const auto pieces = (root.size + kSearchedPiece - 1) / kSearchedPiece;
  const auto threads = OrderedWork::DefaultThreads();
  progress.Begin("looking for what the running root has", root.size);
  OrderedWork work(pieces, 2 * threads, threads, [&] {
    const auto buffer = std::make_shared<AlignedBuffer>(kSearchedPiece + kOverlap);
    return [&, buffer](std::size_t job, std::size_t /*place*/) {
      const auto offset = job * kSearchedPiece;
      const auto piece = buffer->span().first(std::min(buffer->size(), root.size - offset));
      try {
        root.slot.Read(offset, piece);
      } catch (const Error&) {
        return;  // It has nothing then.
      }
      search.Scan(offset, piece);
    };
  });
  for (std::size_t i = 0; i < pieces; ++i) {
    work.Next();
    work.Release();
    progress.Update(std::min(root.size, (i + 1) * kSearchedPiece));
  }
  progress.End();
}

PlannedFragments PlanChunk(Candidate candidate, const delta::BlockSearch& search) {
  PlannedFragments planned{.offset = candidate.divided.fragments_offset,
                           .fragments = std::move(candidate.table.fragments),
                           .places = {}};
  for (const auto number : candidate.table.blocks) {
    planned.places.push_back(search.Find(number).value_or(kNowhere));
  }
  return planned;
}

// What of a chunk comes from where, in a plan's terms.
struct Share {
  Bytes fetched = 0;       // with what comes between
  std::size_t ranges = 0;  // that it is fetched by
  Bytes unpacked = 0;
  Bytes copied = 0;
};

// Adds up what chunks have of the layer, in their order.
class Reckoning {
 public:
  explicit Reckoning(const RangeCosts& costs) : costs_(costs) {}

  // Of the next chunk, behind those that were taken.
  [[nodiscard]] Share ShareOf(const PlannedFragments& planned, Bytes chunk_length) {
    Share share;
    next_end_ = end_;
    Bytes place = planned.offset;
    for (std::size_t i = 0; i < planned.fragments.size(); ++i) {
      const Bytes packed = planned.fragments[i].packed_length;
      const auto length = FragmentLengthAt(i, chunk_length);
      if (IsFetched(planned, i)) {
        AddFetched(place, packed, share);
        share.unpacked += length;
      } else {
        share.copied += length;
      }
      place += packed;
    }
    return share;
  }

  // Whether that is less than this frame.
  [[nodiscard]] bool IsLess(const Share& share, Bytes frame) const {
    return share.fetched + share.ranges * costs_.range < frame;
  }

  // The chunk is taken.
  void Take() { end_ = next_end_; }

 private:
  void AddFetched(Bytes place, Bytes packed, Share& share) {
    const auto gap = next_end_ ? place - *next_end_ : costs_.gap + 1;
    share.ranges += gap > costs_.gap ? 1U : 0U;
    share.fetched += packed + (gap > costs_.gap ? 0 : gap);
    next_end_ = place + packed;
  }

  RangeCosts costs_;
  std::optional<Bytes> end_;       // of what is fetched
  std::optional<Bytes> next_end_;  // the same, with the chunk that is looked at
};

}  // namespace

bool IsFetched(const PlannedFragments& chunk, std::size_t fragment) {
  const auto first =
      chunk.places.begin() + static_cast<std::ptrdiff_t>(fragment * kBlocksOfFragment);
  const auto last =
      chunk.places.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(
                                 (fragment + 1) * kBlocksOfFragment, chunk.places.size()));
  return std::find(first, last, kNowhere) != last;
}

Fragments ReadFragments(const ImageSource& source,
                        const FragmentLayers& layers,
                        const std::vector<Chunk>& chunks) {
  const auto raw = ReadBlob(source, layers.index, MaxFragmentIndexSize(chunks.size()));
  return {.layer = layers.fragments,
          .index = ParseFragmentIndex(AsBytes(raw), chunks, layers.fragments.size)};
}

FragmentPlan PlanFragments(const FragmentedImage& image,
                           const SearchedRoot& other,
                           RootPlan& plan,
                           Progress& progress) {
  FragmentPlan found{.layer = image.fragments.layer, .chunks = {}};
  auto candidates = FindCandidates(image.fragments.index, image.chunks, plan);
  if (!candidates.empty()) {
    FetchTables(image, candidates, progress);
  }
  if (candidates.empty()) {
    return found;
  }
  std::vector<std::uint64_t> wanted;
  for (const auto& candidate : candidates) {
    wanted.insert(wanted.end(), candidate.table.blocks.begin(), candidate.table.blocks.end());
  }
  delta::BlockSearch search(wanted);
  ScanRoot(other, search, progress);
  auto planned_root = plan;
  Reckoning reckoning(image.source.range_costs());
  for (auto& candidate : candidates) {
    const auto number = candidate.divided.chunk;
    const auto& chunk = image.chunks[number];
    auto planned = PlanChunk(std::move(candidate), search);
    const auto share = reckoning.ShareOf(planned, chunk.length);
    if (!reckoning.IsLess(share, chunk.packed_length)) {
      continue;
    }
    reckoning.Take();
    planned_root.chunks[number] = {.origin = ChunkOrigin::kFragments,
                                   .fragments = found.chunks.size()};
    planned_root.fetched -= chunk.packed_length - share.fetched;
    planned_root.unpacked -= chunk.length - share.unpacked;
    planned_root.copied += share.copied;
    found.chunks.push_back(std::move(planned));
  }
  plan = std::move(planned_root);
  return found;
}

}  // namespace ros::images
