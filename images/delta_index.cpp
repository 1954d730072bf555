#include "images/delta_index.hpp"

#include <algorithm>
#include <string_view>

#include "base/error.hpp"
#include "delta/numbers.hpp"
#include "images/index_header.hpp"
#include "images/refusal.hpp"

namespace ros::images {
namespace {

constexpr std::string_view kDeltaMagic = "ROSDELTA";
constexpr std::size_t kBaseSizeOffset = 16;
constexpr std::size_t kPatchesSizeOffset = 24;

// What the next chunks are, before a number of them.
enum Tag : std::uint64_t { kFramesTag = 0, kCopiesTag = 1, kPatchTag = 2 };

void CheckRange(const ByteRange& range, Bytes base_size) {
  if (range.length == 0 || range.length > base_size || range.offset > base_size - range.length ||
      range.offset % kBlockSize != 0 || range.length % kBlockSize != 0) {
    Refuse("a range is not of whole blocks of a base of " + std::to_string(base_size) + " bytes");
  }
}

void CheckPatch(const DeltaPatch& patch, Bytes base_size) {
  if (patch.base.empty() || patch.base.size() > kMaxBaseRanges) {
    Refuse("a patch of " + std::to_string(patch.base.size()) + " ranges; 1 to " +
           std::to_string(kMaxBaseRanges) + " are taken");
  }
  Bytes total = 0;
  for (const auto& range : patch.base) {
    CheckRange(range, base_size);
    total += std::min(range.length, delta::kMaxBase + 1);
  }
  if (total > delta::kMaxBase) {
    Refuse("a patch needs more than " + FormatBytes(delta::kMaxBase) + " of the base");
  }
  if (patch.packed_length == 0 || patch.packed_length > kMaxPackedLength) {
    Refuse("a patch of " + std::to_string(patch.packed_length) + " bytes");
  }
}

// Throws where an index does not fit what it is of.
void CheckIndex(const DeltaIndex& index, const std::vector<Chunk>& chunks, Bytes patches_size) {
  if (index.chunks.size() != chunks.size()) {
    Refuse("it is of " + std::to_string(index.chunks.size()) + " chunks, and the root index of " +
           std::to_string(chunks.size()));
  }
  if (index.base_size > kMaxRootBlobSize) {
    Refuse("its base is longer than " + FormatBytes(kMaxRootBlobSize));
  }
  std::size_t patched = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const auto& chunk = index.chunks[i];
    patched += chunk.kind == DeltaChunk::Kind::kPatch ? 1U : 0U;
    if (chunk.kind == DeltaChunk::Kind::kCopy) {
      CheckRange({.offset = chunk.offset, .length = chunks[i].length}, index.base_size);
    }
  }
  Bytes total = 0;
  for (const auto& patch : index.patches) {
    CheckPatch(patch, index.base_size);
    total += patch.packed_length;
  }
  if (patched != index.patches.size() || total != patches_size) {
    Refuse("its patches have " + std::to_string(total) + " bytes together and not " +
           std::to_string(patches_size));
  }
}

// Writes runs of chunks; places are told from where the last range ended.
class IndexWriter {
 public:
  IndexWriter(const DeltaIndex& index, const std::vector<Chunk>& chunks)
      : index_(index), chunks_(chunks) {}

  std::string Write() {
    std::size_t patch = 0;
    for (std::size_t i = 0; i < chunks_.size();) {
      const auto run = RunFrom(i);
      switch (index_.chunks[i].kind) {
        case DeltaChunk::Kind::kFrame:
          Number(kFramesTag);
          Number(run);
          break;
        case DeltaChunk::Kind::kCopy:
          Number(kCopiesTag);
          Number(run);
          Place({.offset = index_.chunks[i].offset, .length = LengthOf(i, run)});
          break;
        case DeltaChunk::Kind::kPatch:
          Patch(index_.patches[patch++]);
          break;
      }
      i += run;
    }
    return std::move(text_);
  }

 private:
  // How many chunks one entry tells of.
  [[nodiscard]] std::size_t RunFrom(std::size_t first) const {
    const auto& begin = index_.chunks[first];
    if (begin.kind == DeltaChunk::Kind::kPatch) {
      return 1;
    }
    std::size_t run = 1;
    auto end = begin.offset + chunks_[first].length;
    for (; first + run < chunks_.size() && index_.chunks[first + run].kind == begin.kind; ++run) {
      if (begin.kind == DeltaChunk::Kind::kCopy && index_.chunks[first + run].offset != end) {
        break;
      }
      end += chunks_[first + run].length;
    }
    return run;
  }

  [[nodiscard]] Bytes LengthOf(std::size_t first, std::size_t run) const {
    Bytes length = 0;
    for (std::size_t i = first; i < first + run; ++i) {
      length += chunks_[i].length;
    }
    return length;
  }

  void Number(std::uint64_t number) { delta::AppendNumber(text_, number); }

  void Place(const ByteRange& range) {
    delta::AppendSigned(
        text_,
        static_cast<std::int64_t>(range.offset / kBlockSize) - static_cast<std::int64_t>(block_));
    block_ = range.End() / kBlockSize;
  }

  void Patch(const DeltaPatch& patch) {
    Number(kPatchTag);
    Number(patch.base.size());
    for (const auto& range : patch.base) {
      Place(range);
      Number(range.length / kBlockSize);
    }
    Number(patch.packed_length);
    text_.append(AsText(patch.packed_digest.bytes));
  }

  const DeltaIndex& index_;
  const std::vector<Chunk>& chunks_;
  std::string text_;
  std::uint64_t block_ = 0;  // behind the last range
};

// Reads what IndexWriter writes. Ranges are judged later, as a whole.
class IndexReader {
 public:
  IndexReader(std::string_view text, const std::vector<Chunk>& chunks)
      : numbers_(text), chunks_(chunks) {}

  void ReadInto(DeltaIndex& index) {
    while (index.chunks.size() < chunks_.size()) {
      const auto tag = numbers_.Next();
      if (tag == kPatchTag) {
        index.chunks.push_back({.kind = DeltaChunk::Kind::kPatch});
        index.patches.push_back(ReadPatch());
      } else if (tag == kFramesTag) {
        index.chunks.resize(index.chunks.size() + ReadRun(index));
      } else if (tag == kCopiesTag) {
        ReadCopies(index);
      } else {
        Refuse("a chunk of an unknown kind");
      }
    }
    if (!numbers_.empty()) {
      Refuse("there is something behind its last chunk");
    }
  }

 private:
  std::uint64_t ReadRun(const DeltaIndex& index) {
    const auto run = numbers_.Next();
    if (run == 0 || run > chunks_.size() - index.chunks.size()) {
      Refuse("a run of " + std::to_string(run) + " chunks; there are " +
             std::to_string(chunks_.size()) + " in all");
    }
    return run;
  }

  void ReadCopies(DeltaIndex& index) {
    const auto run = ReadRun(index);
    auto offset = ReadPlace();
    for (std::uint64_t i = 0; i < run; ++i) {
      const auto length = chunks_[index.chunks.size()].length;
      index.chunks.push_back({.kind = DeltaChunk::Kind::kCopy, .offset = offset});
      offset += length;
    }
    block_ = offset / kBlockSize;
  }

  DeltaPatch ReadPatch() {
    DeltaPatch patch;
    const auto ranges = numbers_.Next();
    if (ranges == 0 || ranges > kMaxBaseRanges) {
      Refuse("a patch of " + std::to_string(ranges) + " ranges");
    }
    for (std::uint64_t i = 0; i < ranges; ++i) {
      const auto offset = ReadPlace();
      const auto blocks = numbers_.Next();
      if (blocks > delta::kMaxBase / kBlockSize) {
        Refuse("a patch needs more than " + FormatBytes(delta::kMaxBase) + " of the base");
      }
      patch.base.push_back({.offset = offset, .length = blocks * kBlockSize});
      block_ = patch.base.back().End() / kBlockSize;
    }
    const auto length = numbers_.Next();
    if (length > kMaxPackedLength) {
      Refuse("a patch of " + std::to_string(length) + " bytes");
    }
    patch.packed_length = static_cast<std::uint32_t>(length);
    const auto digest = numbers_.TakeBytes(patch.packed_digest.bytes.size());
    std::ranges::copy(AsBytes(digest), patch.packed_digest.bytes.begin());
    return patch;
  }

  Bytes ReadPlace() {
    const auto block = block_ + static_cast<std::uint64_t>(numbers_.NextSigned());
    if (block > kMaxRootBlobSize / kBlockSize) {
      Refuse("a place beyond any root");
    }
    return block * kBlockSize;
  }

  delta::NumberReader numbers_;
  const std::vector<Chunk>& chunks_;
  std::uint64_t block_ = 0;
};

}  // namespace

Bytes BaseLength(const DeltaPatch& patch) {
  Bytes length = 0;
  for (const auto& range : patch.base) {
    length += range.length;
  }
  return length;
}

std::string WriteDeltaIndex(const DeltaIndex& index, const std::vector<Chunk>& chunks) {
  Bytes patches_size = 0;
  for (const auto& patch : index.patches) {
    patches_size += patch.packed_length;
  }
  try {
    CheckIndex(index, chunks, patches_size);
  } catch (const Error& error) {
    throw Error(ErrorKind::kFailed, "the delta index: " + error.message());
  }
  auto raw = MakeIndexHeader(kDeltaMagic, chunks.size(), kDeltaHeaderSize);
  const auto header = AsWritableBytes(raw);
  StoreLe64(header, kBaseSizeOffset, index.base_size);
  StoreLe64(header, kPatchesSizeOffset, patches_size);
  return raw + IndexWriter(index, chunks).Write();
}

std::uint32_t DeltaChunkCount(ByteSpan raw) {
  return InContext("the delta index",
                   [&] { return ReadIndexHeader(raw, kDeltaMagic, kDeltaHeaderSize); });
}

DeltaIndex ParseDeltaIndex(ByteSpan raw, const std::vector<Chunk>& chunks, Bytes patches_size) {
  const auto count = DeltaChunkCount(raw);
  return InContext("the delta index", [&] {
    if (count != chunks.size() || LoadLe64(raw, kPatchesSizeOffset) != patches_size) {
      Refuse("it is of something else");
    }
    DeltaIndex index;
    index.base_size = LoadLe64(raw, kBaseSizeOffset);
    index.chunks.reserve(chunks.size());
    IndexReader(AsText(raw.subspan(kDeltaHeaderSize)), chunks).ReadInto(index);
    CheckIndex(index, chunks, patches_size);
    return index;
  });
}

}  // namespace ros::images
