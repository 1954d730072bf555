#include "images/fragment_index.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>

#include "base/error.hpp"
#include "delta/numbers.hpp"
#include "images/index_header.hpp"
#include "images/refusal.hpp"

namespace ros::images {
namespace {

constexpr std::string_view kFragmentMagic = "ROSFRAGS";
constexpr std::size_t kFragmentLayerOffset = 16;

constexpr Bytes kBlockEntrySize = 8;
constexpr Bytes kFragmentEntrySize = 2 + std::tuple_size_v<decltype(Fragment::digest)>;

// Entries of an index, in turn.
class EntryReader {
 public:
  EntryReader(std::string_view text, const std::vector<Chunk>& chunks)
      : numbers_(text), chunks_(chunks) {}

  FragmentIndex Read(Bytes layer_size) {
    FragmentIndex index;
    Bytes total = 0;
    while (!numbers_.empty()) {
      const auto entry = ReadEntry();
      const auto table = FragmentTableSize(chunks_[entry.chunk].length);
      if (table > layer_size - total || entry.fragments_size > layer_size - total - table) {
        Refuse("its chunks have more than the layer's " + std::to_string(layer_size) + " bytes");
      }
      total += table + entry.fragments_size;
      index.push_back(entry);
    }
    if (PlaceFragments(index, chunks_) != layer_size) {
      Refuse("its chunks have " + std::to_string(total) + " bytes together and not " +
             std::to_string(layer_size));
    }
    return index;
  }

 private:
  DividedChunk ReadEntry() {
    DividedChunk divided;
    const auto skipped = numbers_.Next();
    if (skipped >= chunks_.size() - next_) {
      Refuse("a chunk that the root index does not have");
    }
    divided.chunk = next_ + skipped;
    next_ = divided.chunk + 1;
    divided.fragments_size = numbers_.Next();
    const auto digest = numbers_.TakeBytes(divided.table_digest.bytes.size());
    std::ranges::copy(AsBytes(digest), divided.table_digest.bytes.begin());
    return divided;
  }

  delta::NumberReader numbers_;
  const std::vector<Chunk>& chunks_;
  std::size_t next_ = 0;
};

}  // namespace

Bytes MaxFragmentIndexSize(std::size_t chunks) {
  constexpr Bytes kMostOfEntry = 2 * delta::kMaxNumberSize + sizeof(keys::Digest::bytes);
  return kFragmentHeaderSize + chunks * kMostOfEntry;
}

Bytes FragmentTableSize(Bytes chunk_length) {
  return chunk_length / kBlockSize * kBlockEntrySize +
         FragmentCount(chunk_length) * kFragmentEntrySize;
}

std::string WriteFragmentTable(const FragmentTable& table) {
  std::string raw(
      table.blocks.size() * kBlockEntrySize + table.fragments.size() * kFragmentEntrySize, '\0');
  const auto bytes = AsWritableBytes(raw);
  std::size_t at = 0;
  for (const auto number : table.blocks) {
    StoreLe64(bytes, at, number);
    at += kBlockEntrySize;
  }
  for (const auto& fragment : table.fragments) {
    StoreLe16(bytes, at, fragment.packed_length);
    std::ranges::copy(fragment.digest, bytes.begin() + static_cast<std::ptrdiff_t>(at) + 2);
    at += kFragmentEntrySize;
  }
  return raw;
}

FragmentTable ParseFragmentTable(ByteSpan raw, Bytes chunk_length, Bytes fragments_size) {
  return InContext("the table of fragments", [&] {
    if (raw.size() != FragmentTableSize(chunk_length)) {
      Refuse("it has " + std::to_string(raw.size()) + " bytes");
    }
    FragmentTable table;
    std::size_t at = 0;
    for (Bytes block = 0; block < chunk_length; block += kBlockSize) {
      table.blocks.push_back(LoadLe64(raw, at));
      at += kBlockEntrySize;
    }
    Bytes total = 0;
    for (std::size_t i = 0; i < FragmentCount(chunk_length); ++i) {
      Fragment fragment{.packed_length = LoadLe16(raw, at)};
      std::ranges::copy(raw.subspan(at + 2, fragment.digest.size()), fragment.digest.begin());
      if (fragment.packed_length == 0 ||
          fragment.packed_length > FragmentLengthAt(i, chunk_length)) {
        Refuse("a fragment of " + std::to_string(fragment.packed_length) + " bytes");
      }
      total += fragment.packed_length;
      table.fragments.push_back(fragment);
      at += kFragmentEntrySize;
    }
    if (total != fragments_size) {
      Refuse("its fragments have " + std::to_string(total) + " bytes together and not " +
             std::to_string(fragments_size));
    }
    return table;
  });
}

Bytes PlaceFragments(FragmentIndex& index, const std::vector<Chunk>& chunks) {
  Bytes end = 0;
  for (auto& divided : index) {
    divided.table_offset = end;
    end += FragmentTableSize(chunks[divided.chunk].length);
  }
  for (auto& divided : index) {
    divided.fragments_offset = end;
    end += divided.fragments_size;
  }
  return end;
}

std::string WriteFragmentIndex(const FragmentIndex& index, const std::vector<Chunk>& chunks) {
  std::string entries;
  std::size_t next = 0;
  for (const auto& divided : index) {
    delta::AppendNumber(entries, divided.chunk - next);
    delta::AppendNumber(entries, divided.fragments_size);
    entries.append(AsText(divided.table_digest.bytes));
    next = divided.chunk + 1;
  }
  auto placed = index;
  const auto layer_size = PlaceFragments(placed, chunks);
  auto raw = MakeIndexHeader(kFragmentMagic, chunks.size(), kFragmentHeaderSize);
  StoreLe64(AsWritableBytes(raw), kFragmentLayerOffset, layer_size);
  return raw + entries;
}

FragmentIndex ParseFragmentIndex(ByteSpan raw, const std::vector<Chunk>& chunks, Bytes layer_size) {
  return InContext("the index of fragments", [&] {
    if (ReadIndexHeader(raw, kFragmentMagic, kFragmentHeaderSize) != chunks.size() ||
        LoadLe64(raw, kFragmentLayerOffset) != layer_size) {
      Refuse("it is of something else");
    }
    return EntryReader(AsText(raw.subspan(kFragmentHeaderSize)), chunks).Read(layer_size);
  });
}

}  // namespace ros::images
