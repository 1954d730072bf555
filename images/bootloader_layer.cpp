#include "images/bootloader_layer.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <array>

#include "base/c_ptr.hpp"
#include "base/error.hpp"
#include "images/small_tar.hpp"
#include "images/text_rules.hpp"

namespace ros::images {
namespace {

using ReadArchive = CPtr<archive, archive_read_free>;

[[noreturn]] void Fail(const std::string& why) {
  throw Error(ErrorKind::kVerification, "the boot loader layer: " + why);
}

std::string LibraryError(archive* from) {
  const char* text = archive_error_string(from);
  return text == nullptr ? "not a tar" : text;
}

// `most` is what the archive can still hold: it is neither compressed nor sparse.
std::string ReadEntry(archive* from, archive_entry* entry, const std::string& name, Bytes most) {
  if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr) {
    Fail("\"" + name + "\" is not a regular file");
  }
  const auto size = archive_entry_size(entry);
  if (size < 0 || static_cast<Bytes>(size) > kMaxBootloaderFileSize) {
    Fail("\"" + name + "\" is larger than " + FormatBytes(kMaxBootloaderFileSize));
  }
  if (archive_entry_sparse_count(entry) > 0) {
    Fail("\"" + name + "\" is stored sparse");
  }
  if (static_cast<Bytes>(size) > most) {
    Fail("\"" + name + "\" is cut short");
  }
  std::string content(static_cast<std::size_t>(size), '\0');
  std::size_t have = 0;
  while (have < content.size()) {
    const auto got = archive_read_data(from, content.data() + have, content.size() - have);
    if (got <= 0) {
      Fail("\"" + name + "\" is cut short");
    }
    have += static_cast<std::size_t>(got);
  }
  return content;
}

}  // namespace

std::string PackBootloader(const std::map<std::string, std::string>& files) {
  return InContext("packing the boot loader", [&] { return MakeSmallTar(files); });
}

std::map<std::string, std::string> UnpackBootloader(std::string_view tar) {
  const ReadArchive from(archive_read_new());
  archive_read_support_format_tar(from.get());
  if (archive_read_open_memory(from.get(), tar.data(), tar.size()) != ARCHIVE_OK) {
    Fail(LibraryError(from.get()));
  }
  std::map<std::string, std::string> files;
  Bytes left = tar.size();
  archive_entry* entry = nullptr;
  for (;;) {
    const int result = archive_read_next_header(from.get(), &entry);
    if (result == ARCHIVE_EOF) {
      return files;
    }
    if (result != ARCHIVE_OK) {
      Fail(LibraryError(from.get()));
    }
    const char* path = archive_entry_pathname(entry);
    const std::string name = path == nullptr ? "" : path;
    CheckPrintable("the boot loader layer: the name of a file", name);
    if (files.size() >= kMaxBootloaderFiles) {
      Fail("more than " + std::to_string(kMaxBootloaderFiles) + " files");
    }
    auto content = ReadEntry(from.get(), entry, name, left);
    left -= content.size();
    if (!files.emplace(name, std::move(content)).second) {
      Fail("\"" + name + "\" is there twice");
    }
  }
}

}  // namespace ros::images
