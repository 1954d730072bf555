#include "images/root_layer.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <thread>

#include "base/error.hpp"
#include "base/file.hpp"
#include "images/frame_packer.hpp"
#include "images/ordered_work.hpp"
#include "images/verity.hpp"

namespace ros::images {
namespace {

struct PackedChunk {
  keys::Digest digest;
  keys::Digest packed_digest;
  std::string frame;
  std::vector<keys::Digest> block_digests;
};

class Worker {
 public:
  Worker(const RootLayerInput& input, const std::vector<Bytes>& offsets)
      : input_(input),
        offsets_(offsets),
        fd_(OpenFile(input.image, O_RDONLY)),
        packer_(input.compression_level),
        hasher_(input.salt_hex) {}

  PackedChunk Pack(std::size_t number) {
    buffer_.resize(input_.lengths[number]);
    ReadFull(fd_.get(), offsets_[number], buffer_, input_.image.string());
    PackedChunk chunk;
    hash_.Update(buffer_);
    chunk.digest = hash_.Finish();
    chunk.frame = packer_.Pack(buffer_);
    chunk.packed_digest = keys::Sha256Of(AsBytes(chunk.frame));
    chunk.block_digests.resize(buffer_.size() / kBlockSize);
    hasher_.HashAll(buffer_, chunk.block_digests);
    return chunk;
  }

 private:
  const RootLayerInput& input_;
  const std::vector<Bytes>& offsets_;
  UniqueFd fd_;
  FramePacker packer_;
  VerityBlockHasher hasher_;
  keys::Sha256 hash_;
  std::vector<std::byte> buffer_;
};

std::vector<Bytes> OffsetsOf(const std::vector<std::uint32_t>& lengths) {
  std::vector<Bytes> offsets(lengths.size());
  std::exclusive_scan(lengths.begin(), lengths.end(), offsets.begin(), Bytes{0});
  return offsets;
}

}  // namespace

RootLayer PackRootLayer(const RootLayerInput& input,
                        const std::filesystem::path& output,
                        Progress& progress) {
  const auto offsets = OffsetsOf(input.lengths);
  const Bytes total = std::accumulate(input.lengths.begin(), input.lengths.end(), Bytes{0});
  progress.Begin("packing the root", total);
  UniqueFd fd = OpenFile(output, O_WRONLY | O_CREAT | O_EXCL, 0600);
  // The tree itself is of no use here: the device builds it again.
  VerityTree tree(total, input.salt_hex, [](Bytes /*offset*/, ByteSpan /*blocks*/) {});
  RootLayer layer;
  layer.chunks.reserve(input.lengths.size());
  keys::Sha256 hash;
  Bytes done = 0;
  const std::size_t threads =
      input.workers != 0 ? input.workers : std::max(1U, std::thread::hardware_concurrency());
  std::vector<PackedChunk> places(threads * 4);
  OrderedWork work(input.lengths.size(), places.size(), threads, [&]() -> OrderedWork::Job {
    auto worker = std::make_shared<Worker>(input, offsets);
    return [&places, worker](std::size_t number, std::size_t place) {
      places[place] = worker->Pack(number);
    };
  });
  for (const std::uint32_t length : input.lengths) {
    const PackedChunk& chunk = places[work.Next()];
    WriteFull(fd.get(), layer.size, AsBytes(chunk.frame), output.string());
    hash.Update(AsBytes(chunk.frame));
    tree.Add(chunk.block_digests);
    layer.size += chunk.frame.size();
    layer.chunks.push_back({.digest = chunk.digest,
                            .packed_digest = chunk.packed_digest,
                            .length = length,
                            .packed_length = static_cast<std::uint32_t>(chunk.frame.size())});
    work.Release();
    done += length;
    progress.Update(done);
  }
  fd.Close(output.string());
  layer.digest = hash.Finish();
  layer.verity_root_hash = tree.Finish();
  progress.End();
  return layer;
}

}  // namespace ros::images
