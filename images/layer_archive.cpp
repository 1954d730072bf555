#include "images/layer_archive.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <clocale>
#include <cstdint>

#include "base/c_ptr.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "images/text_rules.hpp"

namespace ros::images {
namespace {

using ArchiveReader = CPtr<archive, archive_read_free>;

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";

// libarchive translates the names of pax headers into the locale's encoding and gives up on names
// outside of it; in a UTF-8 locale all names pass as they are. For this thread, while it lives.
class Utf8Locale {
 public:
  Utf8Locale() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (locale_ != nullptr) {
      previous_ = ::uselocale(locale_);
    }
  }

  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;
  Utf8Locale(Utf8Locale&&) = delete;
  Utf8Locale& operator=(Utf8Locale&&) = delete;

  ~Utf8Locale() {
    if (locale_ != nullptr) {
      ::uselocale(previous_);
      ::freelocale(locale_);
    }
  }

 private:
  locale_t locale_;
  locale_t previous_ = nullptr;
};

[[noreturn]] void ThrowArchive(archive* reader, std::string_view name, std::string_view doing) {
  const char* const text = archive_error_string(reader);
  // libarchive's own limits and formats have no errno worth telling apart; a failed read has.
  const bool is_io = archive_errno(reader) == EIO;
  throw Error(is_io ? ErrorKind::kFailed : ErrorKind::kVerification,
              std::string(name) + ": " + std::string(doing) + ": " +
                  ShowText(text != nullptr ? text : "not a tar archive, plain, gzip or zstd"));
}

ArchiveReader OpenArchive(const LayerArchive& archive) {
  ArchiveReader reader(archive_read_new());
  if (!reader || archive_read_support_filter_gzip(reader.get()) != ARCHIVE_OK ||
      archive_read_support_filter_zstd(reader.get()) != ARCHIVE_OK ||
      archive_read_support_format_tar(reader.get()) != ARCHIVE_OK ||
      archive_read_support_format_empty(reader.get()) != ARCHIVE_OK) {
    throw Error(ErrorKind::kFailed, "libarchive cannot read tar, gzip and zstd");
  }
  if (archive_read_open_fd(reader.get(), archive.fd, std::size_t{1} << 20U) != ARCHIVE_OK) {
    ThrowArchive(reader.get(), archive.name, "opening");
  }
  return reader;
}

// The next entry, or null at the end. A warning (a name or attribute that libarchive could not
// take over whole) is an error to us: a root that lacks something is not the user's root.
archive_entry* NextEntry(archive* reader, std::string_view name) {
  archive_entry* entry = nullptr;
  const int result = archive_read_next_header(reader, &entry);
  if (result == ARCHIVE_EOF) {
    return nullptr;
  }
  if (result != ARCHIVE_OK) {
    ThrowArchive(reader, name, "reading an entry");
  }
  return entry;
}

std::string PathOf(archive_entry* entry, std::string_view name) {
  const char* const path = archive_entry_pathname(entry);
  if (path == nullptr) {
    throw Error(ErrorKind::kVerification,
                std::string(name) + ": an entry has a name that cannot be read");
  }
  return path;
}

// overlayfs's own bookkeeping means nothing outside of the directory it was made for.
bool IsKept(std::string_view xattr) {
  return !xattr.starts_with("trusted.overlay.") && !xattr.starts_with("user.overlay.");
}

FileAttributes AttributesOf(archive_entry* entry) {
  FileAttributes attributes;
  attributes.permissions = archive_entry_perm(entry);
  const auto owner = archive_entry_uid(entry);
  const auto group = archive_entry_gid(entry);
  if (owner < 0 || owner >= UINT32_MAX || group < 0 || group >= UINT32_MAX) {
    throw Error(ErrorKind::kVerification, "the owner is not a user or group number");
  }
  attributes.owner = static_cast<uid_t>(owner);
  attributes.group = static_cast<gid_t>(group);
  attributes.modified.tv_sec = archive_entry_mtime(entry);
  attributes.modified.tv_nsec = archive_entry_mtime_nsec(entry);
  Bytes size = 0;
  archive_entry_xattr_reset(entry);
  const char* key = nullptr;
  const void* value = nullptr;
  std::size_t length = 0;
  while (archive_entry_xattr_next(entry, &key, &value, &length) == ARCHIVE_OK) {
    size += length;
    if (size > StagedTree::kMaxXattrsSize) {
      throw Error(ErrorKind::kVerification, "the extended attributes are larger than 64 KiB");
    }
    if (IsKept(key)) {
      attributes.xattrs.emplace_back(key, std::string(static_cast<const char*>(value), length));
    }
  }
  std::sort(attributes.xattrs.begin(), attributes.xattrs.end());
  return attributes;
}

void CopyContent(archive* reader, archive_entry* entry, StagedTree& tree, int fd) {
  const void* data = nullptr;
  std::size_t length = 0;
  la_int64_t offset = 0;
  for (;;) {
    const int result = archive_read_data_block(reader, &data, &length, &offset);
    if (result == ARCHIVE_EOF) {
      break;
    }
    if (result != ARCHIVE_OK) {
      ThrowArchive(reader, "content", "reading");
    }
    tree.CountContent(length);
    WriteFull(fd,
              static_cast<Bytes>(offset),
              {static_cast<const std::byte*>(data), length},
              "the unpacked file");
  }
  // A hole at the end is no block. Holes count too: they are zeros in the root image.
  const la_int64_t size = archive_entry_size(entry);

  struct stat status {};

  if (::fstat(fd, &status) == 0 && status.st_size < size) {
    tree.CountContent(static_cast<Bytes>(size - status.st_size));
    if (::ftruncate(fd, size) != 0) {
      ThrowErrno("setting the file's length");
    }
  }
}

bool ApplyWhiteout(const std::string& path, StagedTree& tree) {
  const auto slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "" : path.substr(0, slash);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (!name.starts_with(kWhiteout)) {
    return false;
  }
  if (name == kOpaque) {
    tree.ClearLower(directory);
    return true;
  }
  const std::string hidden = name.substr(kWhiteout.size());
  // Others that begin with .wh..wh. are aufs's own bookkeeping.
  if (!hidden.starts_with(kWhiteout)) {
    tree.RemoveLower(directory.empty() ? hidden : directory + "/" + hidden);
  }
  return true;
}

void AddEntry(archive* reader, archive_entry* entry, const std::string& path, StagedTree& tree) {
  if (const char* const target = archive_entry_hardlink(entry); target != nullptr) {
    tree.AddHardLink(path, target);
    return;
  }
  const FileAttributes attributes = AttributesOf(entry);
  const mode_t type = archive_entry_filetype(entry);
  if (type == AE_IFDIR) {
    tree.AddDirectory(path, attributes);
  } else if (type == AE_IFREG) {
    tree.AddFile(path, attributes, [&](int fd) { CopyContent(reader, entry, tree, fd); });
  } else if (type == AE_IFLNK) {
    const char* const target = archive_entry_symlink(entry);
    tree.AddSymlink(path, target != nullptr ? target : "", attributes);
  } else if (type == AE_IFCHR || type == AE_IFBLK || type == AE_IFIFO) {
    tree.AddNode(path, {type, archive_entry_rdev(entry)}, attributes);
  } else {
    throw Error(ErrorKind::kVerification, "an entry of a kind that a root cannot hold");
  }
}

}  // namespace

void UnpackLayer(const LayerArchive& archive,
                 StagedTree& tree,
                 const std::function<void(Bytes)>& on_read) {
  const Utf8Locale locale;
  const ArchiveReader reader = OpenArchive(archive);
  tree.BeginLayer();
  while (archive_entry* const entry = NextEntry(reader.get(), archive.name)) {
    const std::string path = PathOf(entry, archive.name);
    InContext(archive.name + ": " + ShowText(path), [&] {
      if (archive.whiteouts == Whiteouts::kAsFiles || !ApplyWhiteout(path, tree)) {
        AddEntry(reader.get(), entry, path, tree);
      }
    });
    on_read(static_cast<Bytes>(archive_filter_bytes(reader.get(), -1)));
  }
}

FirstEntry ReadFirstEntry(const LayerArchive& archive) {
  const Utf8Locale locale;
  const ArchiveReader reader = OpenArchive(archive);
  while (archive_entry* const entry = NextEntry(reader.get(), archive.name)) {
    if (archive_entry_filetype(entry) != AE_IFDIR) {
      return {PathOf(entry, archive.name), archive_entry_filetype(entry) == AE_IFREG};
    }
  }
  return {};
}

}  // namespace ros::images
