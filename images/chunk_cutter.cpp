#include "images/chunk_cutter.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <set>

#include "base/error.hpp"
#include "base/file.hpp"
#include "images/chunk_index.hpp"
#include "images/erofs_reader.hpp"

namespace ros::images {
namespace {

constexpr std::uint32_t kNoFile = 0;

Bytes ImageSize(int fd, const std::filesystem::path& image) {
  struct stat status {};

  if (::fstat(fd, &status) != 0) {
    ThrowErrno("reading " + image.string());
  }
  const auto size = static_cast<Bytes>(status.st_size);
  if (size == 0 || size % kBlockSize != 0) {
    throw Error(ErrorKind::kFailed, image.string() + " is not a whole number of blocks");
  }
  return size;
}

// A hole is in no block.
void Own(const BlockRange& range, std::uint32_t file, std::vector<std::uint32_t>& owners) {
  if (range.first == kHoleBlock) {
    return;
  }
  for (std::uint64_t block = range.first; block < range.first + range.count; ++block) {
    if (owners.at(block) == kNoFile) {
      owners[block] = file;
    }
  }
}

// For each block the file that brought it into the image. mkfs.erofs stores equal blocks once;
// files come in the order in which it wrote them, so the first one that names a block is the one.
std::vector<std::uint32_t> FindOwners(const std::filesystem::path& image, std::uint64_t blocks) {
  std::vector<std::uint32_t> owners(blocks, kNoFile);
  std::set<std::uint64_t> seen;
  std::uint32_t file = kNoFile;
  ReadErofs(image, [&](const ErofsEntry& entry) {
    if (!S_ISREG(entry.mode) || (entry.links > 1 && !seen.insert(entry.inode).second)) {
      return;
    }
    ++file;
    for (const auto& range : entry.blocks) {
      Own(range, file, owners);
    }
  });
  return owners;
}

class Cutter {
 public:
  explicit Cutter(const std::vector<bool>& marks) : marks_(marks) {}

  void Add(const ImageSpan& span) {
    const bool is_large = span.kind == ImageSpan::Kind::kMetadata || span.count > kMaxChunkBlocks;
    if (is_large) {
      AddLarge(span);
    } else {
      AddSmall(span);
    }
  }

  std::vector<std::uint32_t> Finish() {
    Cut();
    return std::move(lengths_);
  }

 private:
  void Cut() {
    if (length_ != 0) {
      lengths_.push_back(static_cast<std::uint32_t>(length_ * kBlockSize));
      length_ = 0;
    }
  }

  // A small file is never divided. The chunk ends after the first marked file beyond the least
  // length.
  void AddSmall(const ImageSpan& span) {
    if (length_ + span.count > kMaxChunkBlocks) {
      Cut();
    }
    length_ += span.count;
    bool marked = false;
    for (std::uint64_t i = 0; i < span.count; ++i) {
      marked = marked || marks_.at(span.first + i);
    }
    if (length_ >= kMinChunkBlocks && marked) {
      Cut();
    }
  }

  // A large file shares no chunk with others.
  void AddLarge(const ImageSpan& span) {
    Cut();
    for (std::uint64_t i = 0; i < span.count; ++i) {
      ++length_;
      const std::uint64_t rest = span.count - i - 1;
      const bool would_leave_crumbs = rest < kMinChunkBlocks && length_ + rest <= kMaxChunkBlocks;
      const bool marked = length_ >= kMinChunkBlocks && marks_.at(span.first + i);
      if (length_ == kMaxChunkBlocks || (marked && !would_leave_crumbs)) {
        Cut();
      }
    }
    Cut();
  }

  const std::vector<bool>& marks_;
  std::uint64_t length_ = 0;
  std::vector<std::uint32_t> lengths_;
};

}  // namespace

std::vector<ImageSpan> MapSpans(const std::filesystem::path& erofs_image) {
  const UniqueFd fd = OpenFile(erofs_image, O_RDONLY);
  const auto owners = FindOwners(erofs_image, ImageSize(fd.get(), erofs_image) / kBlockSize);
  std::vector<ImageSpan> spans;
  std::uint32_t previous = std::numeric_limits<std::uint32_t>::max();
  for (std::uint64_t block = 0; block < owners.size(); ++block) {
    if (owners[block] == previous) {
      ++spans.back().count;
      continue;
    }
    previous = owners[block];
    spans.push_back(
        {block, 1, previous == kNoFile ? ImageSpan::Kind::kMetadata : ImageSpan::Kind::kFile});
  }
  return spans;
}

bool IsMarked(ByteSpan block) {
  // Multiply and rotate over 64-bit words: not a strong hash, but it need only look random for
  // content that nobody chose. The constants are arbitrary and odd; changing them costs reuse
  // between images made before and after.
  constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15U;
  constexpr unsigned kMarkBits = 5;
  std::uint64_t hash = 0x243F6A8885A308D3U;
  for (std::size_t offset = 0; offset + 8 <= block.size(); offset += 8) {
    hash = std::rotl((hash ^ LoadLe64(block, offset)) * kMultiplier, 29);
  }
  hash ^= hash >> 32U;
  hash *= kMultiplier;
  return hash >> (64U - kMarkBits) == 0;
}

ImageScan ScanImage(const std::filesystem::path& image) {
  const UniqueFd fd = OpenFile(image, O_RDONLY);
  const Bytes size = ImageSize(fd.get(), image);
  ImageScan scan;
  scan.marks.reserve(size / kBlockSize);
  keys::Sha256 hash;
  std::vector<std::byte> buffer(std::size_t{1} << 20U);
  for (Bytes offset = 0; offset < size; offset += buffer.size()) {
    const auto piece = MutableByteSpan(buffer).first(std::min<Bytes>(buffer.size(), size - offset));
    ReadFull(fd.get(), offset, piece, image.string());
    hash.Update(piece);
    for (std::size_t place = 0; place < piece.size(); place += kBlockSize) {
      scan.marks.push_back(IsMarked(piece.subspan(place, kBlockSize)));
    }
  }
  scan.digest = hash.Finish();
  return scan;
}

std::vector<std::uint32_t> CutChunks(const std::vector<ImageSpan>& spans,
                                     const std::vector<bool>& marks) {
  Cutter cutter(marks);
  for (const auto& span : spans) {
    cutter.Add(span);
  }
  return cutter.Finish();
}

}  // namespace ros::images
