#include "images/erofs_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "base/error.hpp"
#include "base/file.hpp"
#include "images/file_blob.hpp"
#include "images/text_rules.hpp"

namespace ros::images {
namespace {

constexpr Bytes kBlock = 4096;
constexpr Bytes kSuperOffset = 1024;
constexpr std::size_t kSuperSize = 128;
constexpr std::uint32_t kErofsMagic = 0xE0F5E1E2;
constexpr std::uint32_t kChunkedFile = 0x4;  // of feature_incompat
constexpr Bytes kInodeSlot = 32;
constexpr std::size_t kCompactInode = 32;
constexpr std::size_t kExtendedInode = 64;
constexpr std::size_t kDirentSize = 12;
constexpr Bytes kMaxDirectorySize = Bytes{256} << 20U;
constexpr std::size_t kMaxEntries = 8'000'000;
constexpr std::size_t kMaxPath = 4096;
constexpr std::size_t kMaxName = 255;
// Of all names that were seen in directories and are still to be visited, with their paths.
constexpr Bytes kMaxPending = Bytes{64} << 20U;
constexpr Bytes kPiece = Bytes{1} << 20U;
constexpr std::uint32_t kHole = 0xFFFFFFFF;

// i_format, bits 1 to 3.
enum class Layout : unsigned { kPlain = 0, kInline = 2, kChunks = 4 };

[[noreturn]] void Damaged(std::string_view path, std::string_view what) {
  throw Error(ErrorKind::kVerification,
              "the erofs image: /" + ShowText(path) + ": " + std::string(what));
}

std::string_view XattrPrefix(unsigned index, std::string_view path) {
  // EROFS_XATTR_INDEX_...
  constexpr std::array<std::string_view, 7> kPrefixes = {"",
                                                         "user.",
                                                         "system.posix_acl_access",
                                                         "system.posix_acl_default",
                                                         "trusted.",
                                                         "",
                                                         "security."};
  if (index >= kPrefixes.size() || kPrefixes.at(index).empty()) {
    Damaged(path, "an extended attribute of an unknown kind");
  }
  return kPrefixes.at(index);
}

// Memory of one inode as it is read.
struct Inode {
  ErofsEntry entry;
  unsigned layout = 0;
  std::uint32_t address = 0;  // i_u: a block, a device number or a chunk format
};

class Reader {
 public:
  explicit Reader(const ErofsBytes& image) : image_(image), size_(image.size) { ReadSuperblock(); }

  // Everything, or the one directory below the root that is named.
  void Walk(std::string_view below, const std::function<void(const ErofsEntry&)>& on_entry);

 private:
  struct Dirent {
    std::uint64_t nid = 0;
    std::string name;
  };

  struct Pending {
    std::uint64_t nid = 0;
    std::string path;
  };

  void ReadSuperblock();
  [[nodiscard]] std::string ReadAt(Bytes offset, Bytes length, std::string_view path) const;
  [[nodiscard]] Inode ReadInode(std::uint64_t nid, const std::string& path) const;
  void ReadXattrs(Bytes offset, unsigned count, Inode& inode) const;
  void AddXattr(ByteSpan area, Bytes& place, ErofsEntry& entry) const;
  void ReadBlocks(Inode& inode) const;
  void ReadChunks(Inode& inode) const;
  void AddBlocks(ErofsEntry& entry, std::uint64_t first, std::uint64_t count) const;
  [[nodiscard]] std::string ReadDirectory(const Inode& inode) const;
  [[nodiscard]] std::vector<Dirent> ParseDirectory(const Inode& inode) const;
  [[nodiscard]] Inode ReadEntry(const Pending& pending) const;
  [[nodiscard]] std::vector<Pending> ReadChildren(const Inode& directory,
                                                  std::string_view below) const;
  static Bytes LengthOfPaths(const std::vector<Pending>& entries);
  static void ParseDirents(ByteSpan block, std::string_view path, std::vector<Dirent>& dirents);

  const ErofsBytes& image_;
  Bytes size_ = 0;
  Bytes inodes_ = 0;  // where slot 0 is
  Bytes shared_xattrs_ = 0;
  std::uint64_t root_ = 0;
  std::int64_t build_time_ = 0;
};

std::string Reader::ReadAt(Bytes offset, Bytes length, std::string_view path) const {
  if (offset > size_ || length > size_ - offset) {
    Damaged(path, "points beyond the end of the image");
  }
  std::string data(length, '\0');
  image_.read(offset, AsWritableBytes(data));
  return data;
}

void Reader::ReadSuperblock() {
  const std::string raw = ReadAt(kSuperOffset, kSuperSize, "");
  const ByteSpan super = AsBytes(raw);
  if (LoadLe32(super, 0) != kErofsMagic) {
    throw Error(ErrorKind::kVerification, image_.name + " is not an erofs image");
  }
  if (raw[12] != 12) {
    throw Error(ErrorKind::kVerification, image_.name + ": the blocks are not of 4096 bytes");
  }
  if ((LoadLe32(super, 80) & ~kChunkedFile) != 0) {
    throw Error(ErrorKind::kVerification,
                image_.name + ": an erofs with features that are not expected");
  }
  root_ = LoadLe16(super, 14);
  build_time_ = static_cast<std::int64_t>(LoadLe64(super, 24));
  inodes_ = Bytes{LoadLe32(super, 40)} * kBlock;
  shared_xattrs_ = Bytes{LoadLe32(super, 44)} * kBlock;
}

Inode Reader::ReadInode(std::uint64_t nid, const std::string& path) const {
  if (nid > size_ / kInodeSlot) {
    Damaged(path, "its inode is beyond the end of the image");
  }
  const Bytes offset = inodes_ + nid * kInodeSlot;
  const std::string first = ReadAt(offset, kCompactInode, path);
  const unsigned format = LoadLe16(AsBytes(first), 0);
  const bool extended = (format & 1U) != 0;
  const std::size_t length = extended ? kExtendedInode : kCompactInode;
  const std::string raw = extended ? ReadAt(offset, length, path) : first;
  const ByteSpan bytes = AsBytes(raw);
  Inode inode;
  inode.layout = (format >> 1U) & 7U;
  inode.address = LoadLe32(bytes, 16);
  ErofsEntry& entry = inode.entry;
  entry.path = path;
  entry.inode = nid;
  entry.mode = LoadLe16(bytes, 4);
  entry.size = extended ? LoadLe64(bytes, 8) : LoadLe32(bytes, 8);
  entry.owner = extended ? LoadLe32(bytes, 24) : LoadLe16(bytes, 24);
  entry.group = extended ? LoadLe32(bytes, 28) : LoadLe16(bytes, 26);
  entry.links = extended ? LoadLe32(bytes, 44) : LoadLe16(bytes, 6);
  entry.modified = extended ? static_cast<std::int64_t>(LoadLe64(bytes, 32)) : build_time_;
  entry.modified_nanoseconds = extended ? LoadLe32(bytes, 40) : 0;
  ReadXattrs(offset + length, LoadLe16(bytes, 2), inode);
  return inode;
}

// After the inode: a header of 12 bytes with the number of shared attributes, their places, then
// the inode's own attributes. i_xattr_icount counts 4-byte words, the header as one.
void Reader::ReadXattrs(Bytes offset, unsigned count, Inode& inode) const {
  constexpr Bytes kHeader = 12;
  inode.entry.tail = offset;
  if (count == 0) {
    return;
  }
  const Bytes length = kHeader + Bytes{count - 1} * 4;
  inode.entry.tail = offset + length;
  const std::string raw = ReadAt(offset, length, inode.entry.path);
  const ByteSpan area = AsBytes(raw);
  const unsigned shared = std::to_integer<unsigned>(area[4]);
  Bytes place = kHeader + Bytes{shared} * 4;
  if (place > length) {
    Damaged(inode.entry.path, "its extended attributes are cut short");
  }
  constexpr Bytes kLargestXattr = 4 + 255 + 65536 + 4;
  for (unsigned i = 0; i < shared; ++i) {
    const Bytes where = shared_xattrs_ + Bytes{LoadLe32(area, kHeader + Bytes{i} * 4)} * 4;
    const Bytes left = where < size_ ? size_ - where : 0;
    const std::string one = ReadAt(where, std::min(left, kLargestXattr), inode.entry.path);
    Bytes begin = 0;
    AddXattr(AsBytes(one), begin, inode.entry);
  }
  while (length - place >= 4) {
    AddXattr(area, place, inode.entry);
  }
}

void Reader::AddXattr(ByteSpan area, Bytes& place, ErofsEntry& entry) const {
  if (area.size() - place < 4) {
    Damaged(entry.path, "an extended attribute is cut short");
  }
  const Bytes name_length = std::to_integer<unsigned>(area[place]);
  const unsigned index = std::to_integer<unsigned>(area[place + 1]);
  const Bytes value_length = LoadLe16(area, place + 2);
  if (index == 0 && name_length == 0 && value_length == 0) {
    place = area.size();  // padding
    return;
  }
  if (area.size() - place - 4 < name_length + value_length) {
    Damaged(entry.path, "an extended attribute is cut short");
  }
  const std::string_view text = AsText(area).substr(place + 4, name_length + value_length);
  entry.xattrs.emplace_back(
      std::string(XattrPrefix(index, entry.path)) + std::string(text.substr(0, name_length)),
      std::string(text.substr(name_length)));
  place = std::min(RoundUp(place + 4 + name_length + value_length, 4), Bytes{area.size()});
}

void Reader::AddBlocks(ErofsEntry& entry, std::uint64_t first, std::uint64_t count) const {
  const bool hole = first == kHoleBlock;
  if (!hole && (first > size_ / kBlock || count > size_ / kBlock - first)) {
    Damaged(entry.path, "its content is beyond the end of the image");
  }
  if (!entry.blocks.empty()) {
    auto& last = entry.blocks.back();
    const bool behind_hole = last.first == kHoleBlock;
    if (hole ? behind_hole : !behind_hole && last.first + last.count == first) {
      last.count += count;
      return;
    }
  }
  entry.blocks.push_back({first, count});
}

void Reader::ReadBlocks(Inode& inode) const {
  ErofsEntry& entry = inode.entry;
  if (entry.size == 0) {
    return;
  }
  if (inode.layout == static_cast<unsigned>(Layout::kChunks)) {
    ReadChunks(inode);
  } else if (inode.layout == static_cast<unsigned>(Layout::kPlain)) {
    AddBlocks(entry, inode.address, (entry.size - 1) / kBlock + 1);
  } else if (inode.layout == static_cast<unsigned>(Layout::kInline)) {
    // The last, incomplete block stands beside the inode.
    if (entry.size > kBlock) {
      AddBlocks(entry, inode.address, (entry.size - 1) / kBlock);
    }
  } else {
    Damaged(entry.path, "its content is stored in a way that is not expected");
  }
}

// i_u is the chunk format: bits 0-4 the size of a chunk in blocks (log2), bit 5 whether the list
// has entries of 8 bytes with the address in the upper 4, or addresses alone.
void Reader::ReadChunks(Inode& inode) const {
  constexpr unsigned kIndexes = 0x20;
  ErofsEntry& entry = inode.entry;
  const unsigned format = inode.address & 0xFFFFU;
  const unsigned block_bits = format & 0x1FU;
  const bool indexes = (format & kIndexes) != 0;
  const Bytes width = indexes ? 8 : 4;
  const Bytes blocks = (entry.size - 1) / kBlock + 1;
  const Bytes per_chunk = Bytes{1} << block_bits;
  const Bytes chunks = (blocks - 1) / per_chunk + 1;
  const std::string raw = ReadAt(RoundUp(entry.tail, width),
                                 CheckedMul(chunks, width, "a file of the erofs image"),
                                 entry.path);
  for (Bytes i = 0; i < chunks; ++i) {
    const std::uint32_t address = LoadLe32(AsBytes(raw), i * width + (indexes ? 4 : 0));
    AddBlocks(entry,
              address == kHole ? kHoleBlock : address,
              std::min(per_chunk, blocks - i * per_chunk));
  }
}

std::string Reader::ReadDirectory(const Inode& inode) const {
  const ErofsEntry& entry = inode.entry;
  // A list of chunks may name one block again and again; a directory that is sound does not.
  if (entry.size > std::min(kMaxDirectorySize, size_)) {
    Damaged(entry.path, "a directory that is too large");
  }
  std::string content;
  for (const auto& range : entry.blocks) {
    if (range.first == kHoleBlock) {
      Damaged(entry.path, "a directory with a hole");
    }
    content += ReadAt(range.first * kBlock, range.count * kBlock, entry.path);
  }
  if (content.size() > entry.size) {
    content.resize(entry.size);
  }
  if (content.size() < entry.size) {
    content += ReadAt(entry.tail, entry.size - content.size(), entry.path);
  }
  return content;
}

// One block of a directory: entries of 12 bytes (inode number, place of the name, type), then the
// names. The first name's place tells how many entries there are.
void Reader::ParseDirents(ByteSpan block, std::string_view path, std::vector<Dirent>& dirents) {
  if (block.size() < kDirentSize) {
    Damaged(path, "a directory that is cut short");
  }
  const std::size_t names = LoadLe16(block, 8);
  if (names % kDirentSize != 0 || names == 0 || names > block.size()) {
    Damaged(path, "a damaged directory");
  }
  const std::size_t count = names / kDirentSize;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = LoadLe16(block, i * kDirentSize + 8);
    const std::size_t end =
        i + 1 < count ? LoadLe16(block, (i + 1) * kDirentSize + 8) : block.size();
    if (begin < names || begin > end || end > block.size()) {
      Damaged(path, "a damaged directory");
    }
    std::string_view name = AsText(block).substr(begin, end - begin);
    name = name.substr(0, name.find('\0'));  // the last one may be padded
    if (name.empty() || name.size() > kMaxName || name.find('/') != std::string_view::npos) {
      Damaged(path, "a name that cannot be one");
    }
    if (name != "." && name != "..") {
      dirents.push_back({LoadLe64(block, i * kDirentSize), std::string(name)});
    }
  }
}

std::vector<Reader::Dirent> Reader::ParseDirectory(const Inode& inode) const {
  const std::string content = ReadDirectory(inode);
  std::vector<Dirent> dirents;
  for (Bytes offset = 0; offset < content.size(); offset += kBlock) {
    ParseDirents(AsBytes(content).subspan(offset, std::min(kBlock, content.size() - offset)),
                 inode.entry.path,
                 dirents);
  }
  return dirents;
}

Inode Reader::ReadEntry(const Pending& pending) const {
  Inode inode = ReadInode(pending.nid, pending.path);
  const auto mode = inode.entry.mode;
  if (S_ISDIR(mode) || S_ISREG(mode) || S_ISLNK(mode)) {
    ReadBlocks(inode);
  } else {
    inode.entry.device = inode.address;
  }
  return inode;
}

// What is in a directory, the last name first; of the root only `below`, where that is not empty.
std::vector<Reader::Pending> Reader::ReadChildren(const Inode& directory,
                                                  std::string_view below) const {
  const auto& path = directory.entry.path;
  const bool all = below.empty() || !path.empty();
  auto dirents = ParseDirectory(directory);
  std::vector<Pending> children;
  for (auto it = dirents.rbegin(); it != dirents.rend(); ++it) {
    if (all || it->name == below) {
      children.push_back({it->nid, path.empty() ? it->name : path + "/" + it->name});
    }
  }
  return children;
}

Bytes Reader::LengthOfPaths(const std::vector<Pending>& entries) {
  Bytes length = 0;
  for (const auto& entry : entries) {
    length += entry.path.size();
  }
  return length;
}

void Reader::Walk(std::string_view below, const std::function<void(const ErofsEntry&)>& on_entry) {
  std::vector<Pending> stack = {{root_, ""}};
  std::set<std::uint64_t> directories;
  std::size_t entries = 0;
  Bytes waiting = 0;
  while (!stack.empty()) {
    const Pending pending = std::move(stack.back());
    stack.pop_back();
    if (++entries > kMaxEntries || waiting > kMaxPending || pending.path.size() > kMaxPath) {
      Damaged(pending.path, "too many entries, or too deep");
    }
    waiting -= pending.path.size();
    Inode inode = ReadEntry(pending);
    if (S_ISDIR(inode.entry.mode)) {
      if (!directories.insert(pending.nid).second) {
        Damaged(pending.path, "a directory that is there twice");
      }
      auto children = ReadChildren(inode, below);
      waiting += LengthOfPaths(children);
      stack.insert(stack.end(), children.begin(), children.end());
      inode.entry.blocks.clear();
    }
    if (below.empty() || !pending.path.empty()) {
      on_entry(inode.entry);
    }
  }
}

}  // namespace

void ReadErofs(const ErofsBytes& image, const std::function<void(const ErofsEntry&)>& on_entry) {
  Reader(image).Walk("", on_entry);
}

void ReadErofs(const std::filesystem::path& image,
               const std::function<void(const ErofsEntry&)>& on_entry) {
  const auto fd = OpenFile(image, O_RDONLY);
  const auto name = image.string();
  ReadErofs(
      {.name = name,
       .size = RegularFileSize(fd.get(), name),
       .read = [&](Bytes offset, MutableByteSpan into) { ReadFull(fd.get(), offset, into, name); }},
      on_entry);
}

void ReadErofsBelow(const ErofsBytes& image,
                    std::string_view directory,
                    const std::function<void(const ErofsEntry&)>& on_entry) {
  Reader(image).Walk(directory, on_entry);
}

void ReadErofsContent(const ErofsBytes& image,
                      const ErofsEntry& entry,
                      const std::function<void(ByteSpan)>& on_piece) {
  std::vector<std::byte> buffer(std::min(entry.size, kPiece));
  Bytes left = entry.size;
  const auto hand_over = [&](bool stored, Bytes offset, Bytes length) {
    length = std::min(length, left);
    left -= length;
    if (stored && (offset > image.size || length > image.size - offset)) {
      Damaged(entry.path, "points beyond the end of the image");
    }
    while (length > 0) {
      const auto piece = std::span(buffer).first(std::min(length, kPiece));
      if (stored) {
        image.read(offset, piece);
      } else {
        std::ranges::fill(piece, std::byte{0});
      }
      on_piece(piece);
      offset += piece.size();
      length -= piece.size();
    }
  };
  for (const auto& range : entry.blocks) {
    const bool stored = range.first != kHoleBlock;
    hand_over(stored, stored ? range.first * kBlock : 0, range.count * kBlock);
  }
  hand_over(true, entry.tail, left);
}

}  // namespace ros::images
