#include "images/root_fragments.hpp"

#include <fcntl.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "delta/block_search.hpp"
#include "images/ordered_work.hpp"

namespace ros::images {
namespace {

static_assert(delta::kSearchedBlock == kBlockSize);

struct ChunkParts {
  FragmentTable table;
  std::string fragments;  // in a row
};

// Divides chunks, one thread's worth.
class ChunkDivider {
 public:
  explicit ChunkDivider(const std::filesystem::path& root)
      : name_(root.string()), fd_(OpenFile(root, O_RDONLY)) {}

  ChunkParts Divide(Bytes offset, Bytes length) {
    content_.resize(length);
    ReadFull(fd_.get(), offset, content_, name_);
    const ByteSpan content(content_);
    ChunkParts chunk;
    for (Bytes at = 0; at < length; at += kBlockSize) {
      chunk.table.blocks.push_back(delta::NumberOfBlock(content.subspan(at, kBlockSize)));
    }
    for (const auto& packed : PackFragments(content)) {
      Try(AsBytes(packed), content, chunk.table.fragments.size());
      chunk.table.fragments.push_back({.digest = FragmentDigest(AsBytes(packed)),
                                       .packed_length = static_cast<std::uint16_t>(packed.size())});
      chunk.fragments += packed;
    }
    return chunk;
  }

 private:
  // No machine is to find out that a fragment does not do.
  void Try(ByteSpan packed, ByteSpan chunk, std::size_t fragment) {
    const auto at = fragment * kFragmentLength;
    made_.resize(FragmentLengthAt(fragment, chunk.size()));
    UnpackFragment(packed, chunk.first(at), made_);
    if (!std::ranges::equal(made_, chunk.subspan(at, made_.size()))) {
      throw Error(ErrorKind::kFailed, "a fragment does not make what it was made of");
    }
  }

  std::string name_;
  UniqueFd fd_;
  std::vector<std::byte> content_;
  std::vector<std::byte> made_;
};

// The chunks that are divided, and where they are in the root.
struct WantedChunks {
  FragmentIndex index;
  std::vector<Bytes> offsets;
  Bytes length = 0;
};

WantedChunks FindWanted(const std::vector<Chunk>& older, const std::vector<Chunk>& chunks) {
  std::set<keys::Digest> seen;
  for (const auto& chunk : older) {
    seen.insert(chunk.digest);
  }
  WantedChunks wanted;
  Bytes offset = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    if (!seen.contains(chunks[i].digest)) {
      wanted.index.push_back({.chunk = i});
      wanted.offsets.push_back(offset);
      wanted.length += chunks[i].length;
    }
    offset += chunks[i].length;
  }
  return wanted;
}

keys::Digest DigestOfFile(const std::filesystem::path& file, Bytes size) {
  constexpr Bytes kPiece = Bytes{1} << 20U;
  const auto fd = OpenFile(file, O_RDONLY);
  std::vector<std::byte> piece;
  keys::Sha256 hash;
  for (Bytes at = 0; at < size; at += piece.size()) {
    piece.resize(std::min(kPiece, size - at));
    ReadFull(fd.get(), at, piece, file.string());
    hash.Update(piece);
  }
  return hash.Finish();
}

}  // namespace

FragmentLayer MakeFragments(const std::vector<Chunk>& older,
                            const DeltaTarget& target,
                            const std::filesystem::path& output,
                            Progress& progress) {
  auto wanted = FindWanted(older, target.chunks);
  auto& index = wanted.index;
  PlaceFragments(index, target.chunks);
  auto fd = OpenFile(output, O_WRONLY | O_CREAT | O_EXCL, 0600);
  const auto threads = OrderedWork::DefaultThreads();
  std::vector<ChunkParts> places(2 * threads);
  progress.Begin("dividing what has changed", wanted.length);
  OrderedWork work(index.size(), places.size(), threads, [&]() -> OrderedWork::Job {
    auto divider = std::make_shared<ChunkDivider>(target.root);
    return [&, divider](std::size_t job, std::size_t place) {
      places[place] = divider->Divide(wanted.offsets[job], target.chunks[index[job].chunk].length);
    };
  });
  // Behind all tables.
  Bytes end = index.empty() ? 0 : index.front().fragments_offset;
  Bytes done = 0;
  for (auto& divided : index) {
    const auto& packed = places[work.Next()];
    const auto table = WriteFragmentTable(packed.table);
    divided.table_digest = keys::Sha256Of(AsBytes(table));
    divided.fragments_size = packed.fragments.size();
    WriteFull(fd.get(), divided.table_offset, AsBytes(table), output.string());
    WriteFull(fd.get(), end, AsBytes(packed.fragments), output.string());
    end += packed.fragments.size();
    work.Release();
    done += target.chunks[divided.chunk].length;
    progress.Update(done);
  }
  fd.Close(output.string());
  FragmentLayer layer{.size = PlaceFragments(index, target.chunks), .divided = wanted.length};
  layer.index = std::move(index);
  layer.digest = DigestOfFile(output, layer.size);
  progress.End();
  return layer;
}

}  // namespace ros::images
