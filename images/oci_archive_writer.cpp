#include "images/oci_archive_writer.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/c_ptr.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/interrupt.hpp"
#include "images/oci_index.hpp"
#include "images/oci_layout.hpp"

namespace ros::images {
namespace {

using ArchiveWriter = CPtr<archive, archive_write_free>;
using Entry = CPtr<archive_entry, archive_entry_free>;

class TarWriter {
 public:
  explicit TarWriter(int fd) : writer_(archive_write_new()) {
    // Plain ustar, with a pax header only for what it cannot hold (a blob of 8 GiB and more).
    Check(archive_write_set_format_pax_restricted(writer_.get()));
    Check(archive_write_set_bytes_per_block(writer_.get(), 1 << 20));
    Check(archive_write_set_bytes_in_last_block(writer_.get(), 512));
    Check(archive_write_open_fd(writer_.get(), fd));
  }

  void AddText(const std::string& path, const std::string& content) {
    AddHeader(path, content.size());
    AddData(AsBytes(content));
  }

  void AddBlob(const ArchiveBlob& blob) {
    const std::string path = "blobs/sha256/" + blob.descriptor.digest.Hex();
    if (const auto* const text = std::get_if<std::string>(&blob.content); text != nullptr) {
      AddText(path, *text);
      return;
    }
    if (const auto* const produce = std::get_if<BlobProducer>(&blob.content); produce != nullptr) {
      AddProduced(path, blob.descriptor.size, *produce);
      return;
    }
    const auto& file = std::get<std::filesystem::path>(blob.content);
    const UniqueFd fd = OpenFile(file, O_RDONLY);
    AddHeader(path, blob.descriptor.size);
    std::vector<std::byte> buffer(std::size_t{1} << 20U);
    for (Bytes offset = 0; offset < blob.descriptor.size; offset += buffer.size()) {
      const auto piece = MutableByteSpan(buffer).first(
          std::min<Bytes>(buffer.size(), blob.descriptor.size - offset));
      ThrowIfInterrupted();
      ReadFull(fd.get(), offset, piece, file.string());
      AddData(piece);
    }
  }

  void Finish() { Check(archive_write_close(writer_.get())); }

 private:
  void AddHeader(const std::string& path, Bytes size) {
    const Entry entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), path.c_str());
    archive_entry_set_mode(entry.get(), S_IFREG | 0644);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
    archive_entry_set_mtime(entry.get(), 0, 0);
    Check(archive_write_header(writer_.get(), entry.get()));
  }

  void AddProduced(const std::string& path, Bytes size, const BlobProducer& produce) {
    AddHeader(path, size);
    Bytes left = size;
    produce([&](ByteSpan piece) {
      if (piece.size() > left) {
        throw Error(ErrorKind::kFailed, path + " is longer than was said");
      }
      left -= piece.size();
      AddData(piece);
    });
    if (left > 0) {
      throw Error(ErrorKind::kFailed, path + " is shorter than was said");
    }
  }

  void AddData(ByteSpan data) {
    if (archive_write_data(writer_.get(), data.data(), data.size()) !=
        static_cast<la_ssize_t>(data.size())) {
      Check(ARCHIVE_FATAL);
    }
  }

  void Check(int result) const {
    if (result != ARCHIVE_OK) {
      const int code = archive_errno(writer_.get());
      const char* const text = archive_error_string(writer_.get());
      // Of a write that fails its text says no more than that.
      const char* const why = code > 0 ? ::strerrordesc_np(code) : text;
      throw Error(code == ENOSPC ? ErrorKind::kDoesNotFit : ErrorKind::kFailed,
                  why != nullptr ? why : "libarchive failed");
    }
  }

  ArchiveWriter writer_;
};

}  // namespace

ArchiveBlob MakeBlob(std::string_view media_type, std::string content) {
  Descriptor descriptor{
      std::string(media_type), keys::Sha256Of(AsBytes(content)), content.size(), {}};
  return {std::move(descriptor), std::move(content)};
}

Bytes WriteOciArchive(const ImageArchive& archive, OutputFile& output) {
  std::vector<const ArchiveBlob*> blobs;
  for (const auto& blob : archive.blobs) {
    blobs.push_back(&blob);
  }
  std::ranges::sort(blobs, [](const auto* a, const auto* b) {
    return ComesBefore(a->descriptor, b->descriptor);
  });
  return InContext("writing " + output.target().string(), [&] {
    TarWriter tar(output.fd());
    tar.AddText("oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    tar.AddText("index.json",
                WriteOciIndex(archive.manifest.descriptor,
                              archive.reference,
                              archive.artifact_type,
                              archive.signatures ? std::optional(archive.signatures->descriptor)
                                                 : std::nullopt));
    tar.AddBlob(archive.manifest);
    if (archive.signatures) {
      tar.AddBlob(*archive.signatures);
    }
    for (const auto* blob : blobs) {
      tar.AddBlob(*blob);
    }
    tar.Finish();
    return output.Commit(OrdinaryMode());
  });
}

}  // namespace ros::images
