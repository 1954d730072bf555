#include "images/oci_archive.hpp"

#include <array>
#include <utility>

#include "base/error.hpp"
#include "images/oci_layout.hpp"
#include "images/refusal.hpp"
#include "images/text_rules.hpp"

namespace ros::images {
namespace {

// Headers are small; what libarchive reads ahead of them is thrown away at each skip.
constexpr std::size_t kReadSize = 4096;

// The headers of an archive; what is between them is passed over.
class HeaderInput final : public TarInput {
 public:
  HeaderInput(const Blob& file, const std::string& name) : file_(file), name_(name) {}

  ByteSpan Read() override {
    const auto length = std::min<Bytes>(buffer_.size(), file_.size() - position_);
    read_ += length;
    if (read_ > kMaxArchiveHeaders) {
      Refuse(name_, "its headers are longer than " + FormatBytes(kMaxArchiveHeaders));
    }
    const auto piece = MutableByteSpan(buffer_).first(length);
    file_.ReadAt(position_, piece);
    position_ += length;
    return piece;
  }

  Bytes Skip(Bytes length) override {
    const auto skipped = std::min(length, file_.size() - position_);
    position_ += skipped;
    return skipped;
  }

 private:
  const Blob& file_;
  const std::string& name_;
  std::array<std::byte, kReadSize> buffer_{};
  Bytes position_ = 0;
  Bytes read_ = 0;
};

std::string BlobEntryName(const keys::Digest& digest) {
  return "blobs/sha256/" + digest.Hex();
}

}  // namespace

ArchiveListing ListArchive(const ArchiveFile& file) {
  const auto size = file.size();
  const auto whole = file.Part(file.name(), {.offset = 0, .length = size});
  HeaderInput input(*whole, file.name());
  TarReader reader(input, file.name());
  ArchiveListing listing;
  while (auto entry = reader.Next()) {
    if (entry->data_offset > size || entry->size > size - entry->data_offset) {
      Refuse(file.name(),
             "entry \"" + ShowText(entry->name) + "\" of " + std::to_string(entry->size) +
                 " bytes is longer than the file; it was cut short");
    }
    listing.end = std::max(listing.end, entry->End());
    if (entry->is_file) {
      listing.files.push_back(std::move(*entry));
    }
  }
  return listing;
}

OciArchive::OciArchive(std::unique_ptr<const ArchiveFile> file)
    : file_(std::move(file)), name_(file_->name()) {
  for (auto& entry : ListArchive(*file_).files) {
    auto key = entry.name;
    entries_.emplace(std::move(key), std::move(entry));
  }
  CheckLayoutFile(ReadEntry(kLayoutFile, kMaxLayoutFileSize), name_);
}

std::string OciArchive::ReadIndex() const {
  return ReadEntry(kIndexFile, kMaxOciIndexSize);
}

std::unique_ptr<Blob> OciArchive::OpenBlob(const keys::Digest& digest) const {
  const auto found = entries_.find(BlobEntryName(digest));
  if (found == entries_.end()) {
    Refuse(name_, "blob " + digest.ToString() + " is missing");
  }
  const auto& entry = found->second;
  return file_->Part(name_ + ": " + entry.name,
                     {.offset = entry.data_offset, .length = entry.size});
}

bool OciArchive::HasBlob(const keys::Digest& digest) const {
  return entries_.contains(BlobEntryName(digest));
}

std::string OciArchive::ReadEntry(std::string_view entry_name, Bytes limit) const {
  const auto found = entries_.find(entry_name);
  if (found == entries_.end()) {
    Refuse(name_, "it has no " + std::string(entry_name) + "; this is not an OCI archive");
  }
  const auto& entry = found->second;
  if (entry.size > limit) {
    Refuse(name_, std::string(entry_name) + " is longer than " + FormatBytes(limit));
  }
  std::string text(entry.size, '\0');
  file_->Part(name_, {.offset = entry.data_offset, .length = entry.size})
      ->ReadAt(0, AsWritableBytes(text));
  return text;
}

}  // namespace ros::images
