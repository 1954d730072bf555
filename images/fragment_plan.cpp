#include "images/fragment_plan.hpp"

#include <algorithm>
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
// What a range of its own costs, about: what an answer has in front of it, and its share of a
// request.
constexpr Bytes kRangeCost = 200;
// Tables that come from elsewhere, each by a request of its own, where a source has them wrong.
constexpr std::size_t kMostMended = 8;

// A divided chunk that the plan has from the image, and its table.
struct Candidate {
  DividedChunk divided;
  FragmentTable table;
};

std::vector<DividedChunk> FindCandidates(const FragmentIndex& index,
                                         const std::vector<Chunk>& chunks,
                                         const RootPlan& plan) {
  std::vector<DividedChunk> candidates;
  Bytes length = 0;
  for (const auto& divided : index) {
    if (plan.chunks[divided.chunk].origin != ChunkOrigin::kImage) {
      continue;
    }
    length += chunks[divided.chunk].length;
    if (length > kMaxSearched) {
      break;
    }
    candidates.push_back(divided);
  }
  return candidates;
}

// Fetches the tables of chunks; those that are not what was signed are left out.
std::vector<Candidate> ReadTables(const FragmentedImage& image,
                                  const std::vector<DividedChunk>& wanted,
                                  Progress& progress) {
  const auto& chunks = image.chunks;
  const auto blob = image.source.OpenBlob(image.fragments.layer.digest);
  std::vector<ByteRange> ranges;
  for (const auto& divided : wanted) {
    AddRange(ranges,
             {.offset = divided.table_offset,
              .length = FragmentTableSize(chunks[divided.chunk].length)});
  }
  blob->Announce(ranges);
  const CheckedParts parts(*blob, kMostMended);
  std::vector<Candidate> candidates;
  std::vector<std::byte> raw;
  for (const auto& divided : wanted) {
    const auto length = chunks[divided.chunk].length;
    raw.resize(FragmentTableSize(length));
    if (parts.Read(divided.table_offset, raw, [&] {
          return keys::Sha256Of(raw) == divided.table_digest;
        })) {
      candidates.push_back(
          {.divided = divided, .table = ParseFragmentTable(raw, length, divided.fragments_size)});
    }
  }
  if (parts.damaged() > 0) {
    progress.Warn("tables of fragments of " + image.source.name() +
                  " that are not what was signed: " + std::to_string(parts.damaged()) +
                  "; more is fetched instead, and this copy of the image should be mended");
  }
  return candidates;
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
                           .fragments = std::move(candidate.table.fragments)};
  for (const auto number : candidate.table.blocks) {
    planned.places.push_back(search.Find(number).value_or(kNowhere));
  }
  return planned;
}

// What of a chunk comes from where, in a plan's terms.
struct Share {
  Bytes fetched = 0;
  std::size_t ranges = 0;  // that it is fetched by
  Bytes unpacked = 0;
  Bytes copied = 0;
};

Share ShareOf(const PlannedFragments& planned, Bytes chunk_length) {
  Share share;
  for (std::size_t i = 0; i < planned.fragments.size(); ++i) {
    const auto length = FragmentLengthAt(i, chunk_length);
    if (IsFetched(planned, i)) {
      share.ranges += i == 0 || !IsFetched(planned, i - 1) ? 1U : 0U;
      share.fetched += planned.fragments[i].packed_length;
      share.unpacked += length;
    } else {
      share.copied += length;
    }
  }
  return share;
}

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
  const auto raw = ReadBlob(source, layers.index, kMaxFragmentIndexSize);
  return {.layer = layers.fragments,
          .index = ParseFragmentIndex(AsBytes(raw), chunks, layers.fragments.size)};
}

FragmentPlan PlanFragments(const FragmentedImage& image,
                           const SearchedRoot& other,
                           RootPlan& plan,
                           Progress& progress) {
  FragmentPlan found{.layer = image.fragments.layer, .chunks = {}};
  const auto candidates = FindCandidates(image.fragments.index, image.chunks, plan);
  if (candidates.empty()) {
    return found;
  }
  auto tabled = ReadTables(image, candidates, progress);
  std::vector<std::uint64_t> wanted;
  for (const auto& candidate : tabled) {
    wanted.insert(wanted.end(), candidate.table.blocks.begin(), candidate.table.blocks.end());
  }
  delta::BlockSearch search(wanted);
  ScanRoot(other, search, progress);
  auto planned_root = plan;
  for (auto& candidate : tabled) {
    const auto number = candidate.divided.chunk;
    const auto& chunk = image.chunks[number];
    auto planned = PlanChunk(std::move(candidate), search);
    const auto share = ShareOf(planned, chunk.length);
    if (share.fetched + share.ranges * kRangeCost >= chunk.packed_length) {
      continue;
    }
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
