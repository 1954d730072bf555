#include "images/tar_reader.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <exception>
#include <filesystem>
#include <set>
#include <string_view>
#include <utility>

#include "base/c_ptr.hpp"
#include "base/error.hpp"
#include "images/image_source.hpp"
#include "images/refusal.hpp"
#include "images/text_rules.hpp"

namespace ros::images {
namespace {

using ArchiveHandle = CPtr<archive, archive_read_free>;

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

void RefuseCompressed(ByteSpan beginning, const std::string& name) {
  for (const auto& compression : kCompressions) {
    if (AsText(beginning).starts_with(compression.magic)) {
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

}  // namespace

Bytes ArchiveEntry::End() const {
  return RoundUp(data_offset + size, kTarBlock);
}

struct TarReader::State {
  State(TarInput& its_input, std::string its_name) : input(its_input), name(std::move(its_name)) {}

  // Nothing may be thrown through libarchive, so what the input throws waits here.
  template <typename Work>
  auto Guarded(Work work, decltype(work()) failed) -> decltype(work()) {
    try {
      return work();
    } catch (...) {
      thrown = std::current_exception();
      return failed;
    }
  }

  static la_ssize_t OnRead(archive* /*reader*/, void* self, const void** data) {
    auto& state = *static_cast<State*>(self);
    return state.Guarded(
        [&] {
          const auto piece = state.input.Read();
          if (!std::exchange(state.begun, true)) {
            if (piece.empty()) {
              Refuse(state.name, "it is empty");
            }
            RefuseCompressed(piece, state.name);
          }
          *data = piece.data();
          return static_cast<la_ssize_t>(piece.size());
        },
        la_ssize_t{ARCHIVE_FATAL});
  }

  static la_int64_t OnSkip(archive* /*reader*/, void* self, la_int64_t length) {
    auto& state = *static_cast<State*>(self);
    return state.Guarded(
        [&] {
          const auto wanted = static_cast<Bytes>(std::max<la_int64_t>(length, 0));
          return static_cast<la_int64_t>(state.input.Skip(wanted));
        },
        la_int64_t{ARCHIVE_FATAL});
  }

  void ThrowIfFailed() const {
    if (thrown) {
      std::rethrow_exception(thrown);
    }
  }

  [[noreturn]] void RefuseTar() const {
    const char* why = archive_error_string(reader.get());
    Refuse(name,
           "after " + std::to_string(seen.size()) + " entries it is not a sound tar archive: " +
               ShowText(why == nullptr ? "unknown error" : why));
  }

  [[nodiscard]] Bytes Position(la_int64_t position) const {
    if (position < 0) {
      Refuse(name, "it is not a sound tar archive");
    }
    return static_cast<Bytes>(position);
  }

  TarInput& input;
  std::string name;
  bool begun = false;
  std::exception_ptr thrown;
  std::set<std::string> seen;
  ArchiveHandle reader{archive_read_new()};  // the last member: it uses the others
};

TarReader::TarReader(TarInput& input, std::string name)
    : state_(std::make_unique<State>(input, std::move(name))) {
  auto& state = *state_;
  auto* const reader = state.reader.get();
  const bool opened =
      reader != nullptr && archive_read_support_format_tar(reader) == ARCHIVE_OK &&
      archive_read_open2(reader, &state, nullptr, &State::OnRead, &State::OnSkip, nullptr) ==
          ARCHIVE_OK;
  state.ThrowIfFailed();
  if (!opened) {
    Refuse(state.name, "it is not a tar archive");
  }
}

TarReader::~TarReader() = default;

std::optional<ArchiveEntry> TarReader::Next() {
  auto& state = *state_;
  archive_entry* raw = nullptr;
  const int result = archive_read_next_header(state.reader.get(), &raw);
  state.ThrowIfFailed();
  if (result == ARCHIVE_EOF && state.seen.empty()) {
    Refuse(state.name, "it is empty");
  }
  if (result == ARCHIVE_EOF) {
    return std::nullopt;
  }
  if (result != ARCHIVE_OK) {
    state.RefuseTar();
  }
  if (state.seen.size() == kMaxArchiveEntries) {
    Refuse(state.name, "more than " + std::to_string(kMaxArchiveEntries) + " entries");
  }
  ArchiveEntry entry;
  entry.name = CleanName(state.name, archive_entry_pathname(raw));
  entry.is_file = IsFile(state.name, raw, entry.name);
  entry.header_offset = state.Position(archive_read_header_position(state.reader.get()));
  // Right after a header, what the filter below has given out is all that is in front of the
  // entry's data; without compression that is the data's place in the file.
  entry.data_offset = state.Position(archive_filter_bytes(state.reader.get(), 0));
  entry.size = entry.is_file ? static_cast<Bytes>(archive_entry_size(raw)) : 0;
  if (!state.seen.insert(entry.name).second) {
    Refuse(state.name, "entry \"" + ShowText(entry.name) + "\" is there twice");
  }
  return entry;
}

void TarReader::Read(MutableByteSpan into) {
  auto& state = *state_;
  while (!into.empty()) {
    const auto length = archive_read_data(state.reader.get(), into.data(), into.size());
    state.ThrowIfFailed();
    if (length <= 0) {
      Refuse(state.name, "it ends within an entry; it was cut short");
    }
    into = into.subspan(static_cast<std::size_t>(length));
  }
}

}  // namespace ros::images
