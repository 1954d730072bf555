#include "images/small_tar.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include "base/c_ptr.hpp"
#include "base/error.hpp"

namespace ros::images {
namespace {

using ArchiveWriter = CPtr<archive, archive_write_free>;
using Entry = CPtr<archive_entry, archive_entry_free>;

constexpr mode_t kEntryMode = 0644;

void Check(archive* writer, la_ssize_t result) {
  if (result < 0) {
    const char* why = archive_error_string(writer);
    throw Error(ErrorKind::kFailed,
                "writing a tar: " + std::string(why == nullptr ? "unknown error" : why));
  }
}

la_ssize_t AppendToString(archive* /*writer*/, void* text, const void* data, std::size_t length) {
  static_cast<std::string*>(text)->append(static_cast<const char*>(data), length);
  return static_cast<la_ssize_t>(length);
}

}  // namespace

std::string MakeSmallTar(const std::map<std::string, std::string>& files) {
  std::string tar;
  const ArchiveWriter writer(archive_write_new());
  auto* raw = writer.get();
  Check(raw, archive_write_set_format_ustar(raw));
  Check(raw, archive_write_set_bytes_in_last_block(raw, 1));
  Check(raw, archive_write_open(raw, &tar, nullptr, AppendToString, nullptr));
  for (const auto& [name, content] : files) {
    const Entry entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), kEntryMode);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
    archive_entry_set_mtime(entry.get(), 0, 0);
    Check(raw, archive_write_header(raw, entry.get()));
    Check(raw, archive_write_data(raw, content.data(), content.size()));
  }
  Check(raw, archive_write_close(raw));
  return tar;
}

}  // namespace ros::images
