#include "images/oci_archive.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <exception>
#include <set>
#include <utility>

#include "base/c_ptr.hpp"
#include "base/error.hpp"
#include "images/oci_layout.hpp"
#include "images/text_rules.hpp"

namespace ros::images {
namespace {

using ArchiveReader = CPtr<archive, archive_read_free>;

// Headers are small; what libarchive reads ahead of them is thrown away at each skip.
constexpr std::size_t kReadSize = 4096;
constexpr Bytes kTarBlock = 512;
constexpr std::size_t kMaxEntryName = 1024;

struct Compression {
  std::string_view magic;
  std::string_view name;
};

constexpr std::array<Compression, 5> kCompressions = {{{"\x1f\x8b", "gzip"},
                                                       {"\x28\xb5\x2f\xfd", "zstd"},
                                                       {"\xfd"
                                                        "7zXZ",
                                                        "xz"},
                                                       {"BZh", "bzip2"},
                                                       {"\x04\x22\x4d\x18", "lz4"}}};

[[noreturn]] void Refuse(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kVerification, name + ": " + why);
}

void RefuseCompressed(const Blob& file, const std::string& name) {
  std::array<char, 8> head{};
  const auto length = std::min<Bytes>(head.size(), file.size());
  file.ReadAt(0, std::as_writable_bytes(std::span(head)).first(length));
  for (const auto& compression : kCompressions) {
    if (std::string_view(head.data(), length).starts_with(compression.magic)) {
      Refuse(name,
             "it is compressed (" + std::string(compression.name) +
                 "), but the blobs of an image are read in place; unpack it first");
    }
  }
}

// "a/b" for "./a/b/"; throws for a name that could lead outside.
std::string CleanName(const std::string& archive_name, const char* raw) {
  if (raw == nullptr) {
    Refuse(archive_name, "an entry has a name that cannot be read");
  }
  const std::string_view text(raw);
  if (text.size() > kMaxEntryName) {
    Refuse(archive_name, "an entry has a name of " + std::to_string(text.size()) + " characters");
  }
  if (text.starts_with('/')) {
    Refuse(archive_name, "entry \"" + ShowText(text) + "\": the name is absolute");
  }
  std::string clean;
  for (const auto& part : std::filesystem::path(text)) {
    if (part == "..") {
      Refuse(archive_name, "entry \"" + ShowText(text) + "\": the name leads outside");
    }
    if (!part.empty() && part != ".") {
      clean += (clean.empty() ? "" : "/") + part.string();
    }
  }
  return clean;
}

// Whether the entry is a regular file; throws for what an OCI layout never has.
bool IsFile(const std::string& archive_name, archive_entry* entry, const std::string& entry_name) {
  const auto where = archive_name + ": entry \"" + ShowText(entry_name) + "\"";
  if (archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr) {
    Refuse(where, "it is a link");
  }
  if (archive_entry_filetype(entry) == AE_IFDIR) {
    return false;
  }
  if (archive_entry_filetype(entry) != AE_IFREG) {
    Refuse(where, "it is neither a file nor a directory");
  }
  if (archive_entry_sparse_count(entry) > 0) {
    Refuse(where, "it is stored sparse, and cannot be read in place");
  }
  if (archive_entry_size_is_set(entry) == 0 || archive_entry_size(entry) < 0) {
    Refuse(where, "it has no size");
  }
  return true;
}

// Gives an archive to libarchive, which may read it but for the data that it skips.
class ArchiveInput {
 public:
  ArchiveInput(const Blob& file, const std::string& name) : file_(file), name_(name) {}

  int Open(archive* reader) {
    return archive_read_open2(reader, this, nullptr, &OnRead, &OnSkip, nullptr);
  }

  // What went wrong in a callback, through which nothing may be thrown.
  void ThrowIfFailed() const {
    if (thrown_) {
      std::rethrow_exception(thrown_);
    }
  }

 private:
  static la_ssize_t OnRead(archive* /*reader*/, void* self, const void** data) {
    auto& input = *static_cast<ArchiveInput*>(self);
    try {
      *data = input.buffer_.data();
      return input.Read();
    } catch (...) {
      input.thrown_ = std::current_exception();
      return ARCHIVE_FATAL;
    }
  }

  static la_int64_t OnSkip(archive* /*reader*/, void* self, la_int64_t length) {
    auto& input = *static_cast<ArchiveInput*>(self);
    const auto left = input.file_.size() - input.position_;
    const auto skipped = std::min<Bytes>(static_cast<Bytes>(std::max<la_int64_t>(length, 0)), left);
    input.position_ += skipped;
    return static_cast<la_int64_t>(skipped);
  }

  la_ssize_t Read() {
    const auto length = std::min<Bytes>(buffer_.size(), file_.size() - position_);
    read_ += length;
    if (read_ > kMaxArchiveHeaders) {
      Refuse(name_, "its headers are longer than " + FormatBytes(kMaxArchiveHeaders));
    }
    file_.ReadAt(position_, std::as_writable_bytes(std::span(buffer_)).first(length));
    position_ += length;
    return static_cast<la_ssize_t>(length);
  }

  const Blob& file_;
  const std::string& name_;
  std::array<char, kReadSize> buffer_{};
  Bytes position_ = 0;
  Bytes read_ = 0;
  std::exception_ptr thrown_;
};

// One walk over an archive's headers.
class Walk {
 public:
  explicit Walk(const ArchiveFile& file)
      : name_(file.name()),
        size_(file.size()),
        whole_(file.Part(name_, {.offset = 0, .length = size_})),
        input_(*whole_, name_) {
    if (size_ == 0) {
      Refuse(name_, "it is empty");
    }
    RefuseCompressed(*whole_, name_);
    if (!reader_ || archive_read_support_format_tar(reader_.get()) != ARCHIVE_OK) {
      Refuse(name_, "it is not a tar archive");
    }
    const bool opened = input_.Open(reader_.get()) == ARCHIVE_OK;
    input_.ThrowIfFailed();
    if (!opened) {
      Refuse(name_, "it is not a tar archive");
    }
  }

  ArchiveListing Run() {
    archive_entry* entry = nullptr;
    std::size_t count = 0;
    while (NextHeader(&entry)) {
      if (++count > kMaxArchiveEntries) {
        Refuse(name_, "more than " + std::to_string(kMaxArchiveEntries) + " entries");
      }
      Take(entry);
    }
    if (count == 0) {
      Refuse(name_, "it is empty");
    }
    return std::move(listing_);
  }

 private:
  bool NextHeader(archive_entry** entry) {
    const int result = archive_read_next_header(reader_.get(), entry);
    input_.ThrowIfFailed();
    if (result == ARCHIVE_EOF) {
      return false;
    }
    if (result != ARCHIVE_OK) {
      const char* why = archive_error_string(reader_.get());
      Refuse(name_,
             "after " + std::to_string(seen_.size()) + " entries it is not a sound tar archive: " +
                 ShowText(why == nullptr ? "unknown error" : why));
    }
    return true;
  }

  void Take(archive_entry* raw) {
    ArchiveEntry entry;
    entry.name = CleanName(name_, archive_entry_pathname(raw));
    const bool is_file = IsFile(name_, raw, entry.name);
    entry.header_offset = Position(archive_read_header_position(reader_.get()));
    // Right after a header, what the filter below has given out is all that is in front of the
    // entry's data; without compression that is the data's place in the file.
    entry.data_offset = Position(archive_filter_bytes(reader_.get(), 0));
    entry.size = is_file ? static_cast<Bytes>(archive_entry_size(raw)) : 0;
    if (entry.data_offset > size_ || entry.size > size_ - entry.data_offset) {
      Refuse(name_,
             "entry \"" + ShowText(entry.name) + "\" of " + std::to_string(entry.size) +
                 " bytes is longer than the file; it was cut short");
    }
    if (!seen_.insert(entry.name).second) {
      Refuse(name_, "entry \"" + ShowText(entry.name) + "\" is there twice");
    }
    listing_.end = std::max(listing_.end, RoundUp(entry.data_offset + entry.size, kTarBlock));
    if (is_file) {
      listing_.files.push_back(std::move(entry));
    }
  }

  [[nodiscard]] Bytes Position(la_int64_t position) const {
    if (position < 0) {
      Refuse(name_, "it is not a sound tar archive");
    }
    return static_cast<Bytes>(position);
  }

  std::string name_;
  Bytes size_;
  std::unique_ptr<Blob> whole_;
  ArchiveInput input_;
  ArchiveReader reader_{archive_read_new()};
  std::set<std::string> seen_;
  ArchiveListing listing_;
};

std::string BlobEntryName(const keys::Digest& digest) {
  return "blobs/sha256/" + digest.Hex();
}

}  // namespace

ArchiveListing ListArchive(const ArchiveFile& file) {
  return Walk(file).Run();
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
      ->ReadAt(0, std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace ros::images
