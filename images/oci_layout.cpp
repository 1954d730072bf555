#include "images/oci_layout.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <tuple>

#include "base/error.hpp"
#include "base/file.hpp"
#include "images/file_blob.hpp"

namespace ros::images {
namespace {

constexpr std::string_view kLayoutVersion = "1.0.0";

// One step down, never through a link. O_NONBLOCK: opening a pipe must not wait.
UniqueFd OpenAt(int directory, const std::string& entry, int flags, const std::string& name) {
  UniqueFd fd(::openat(directory, entry.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (fd.valid()) {
    return fd;
  }
  switch (errno) {
    case ENOENT:
      throw Error(ErrorKind::kVerification,
                  name + ": " + entry + " is missing; this is not a whole OCI layout");
    case ELOOP:
    case ENOTDIR:
      throw Error(ErrorKind::kVerification, name + ": " + entry + " is a link or of another kind");
    default:
      ThrowErrno("opening " + entry + " in " + name);
  }
}

UniqueFd OpenFileAt(int directory, const std::string& entry, const std::string& name) {
  auto fd = OpenAt(directory, entry, O_RDONLY, name);

  struct stat status {};

  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw Error(ErrorKind::kVerification, name + ": " + entry + " is not a file");
  }
  return fd;
}

// What who reads a pipe has no use for.
bool ComesLast(const Descriptor& blob) {
  return blob.media_type == kDeltaType || blob.media_type == kKernelDeltaType ||
         blob.media_type == kInitrdDeltaType || blob.media_type == kFragmentsType;
}

auto PlaceOf(const Descriptor& blob) {
  return std::make_tuple(ComesLast(blob), blob.size, blob.digest);
}

}  // namespace

bool ComesBefore(const Descriptor& one, const Descriptor& other) {
  return PlaceOf(one) < PlaceOf(other);
}

void CheckLayoutFile(std::string_view raw, const std::string& name) {
  const auto where = name + ": " + std::string(kLayoutFile);
  const auto json = Json::Parse(raw, where);
  const auto& version = json.At("imageLayoutVersion", where).AsString(where);
  if (version != kLayoutVersion) {
    throw Error(ErrorKind::kVerification,
                where + ": imageLayoutVersion is not " + std::string(kLayoutVersion));
  }
}

OciLayout::OciLayout(UniqueFd directory, std::string name)
    : directory_(std::move(directory)), name_(std::move(name)) {
  CheckLayoutFile(ReadEntry(kLayoutFile, kMaxLayoutFileSize), name_);
  const auto blobs = OpenAt(directory_.get(), "blobs", O_RDONLY | O_DIRECTORY, name_);
  blobs_ = OpenAt(blobs.get(), "sha256", O_RDONLY | O_DIRECTORY, name_);
}

std::string OciLayout::ReadIndex() const {
  return ReadEntry(kIndexFile, kMaxOciIndexSize);
}

std::unique_ptr<Blob> OciLayout::OpenBlob(const keys::Digest& digest) const {
  if (!HasBlob(digest)) {
    throw Error(ErrorKind::kVerification, name_ + ": blob " + digest.ToString() + " is missing");
  }
  auto fd = OpenFileAt(blobs_.get(), digest.Hex(), name_);
  auto blob_name = name_ + ": blobs/sha256/" + digest.Hex();
  const auto size = RegularFileSize(fd.get(), blob_name);
  return std::make_unique<FileBlob>(
      std::make_shared<const UniqueFd>(std::move(fd)), std::move(blob_name), 0, size);
}

bool OciLayout::HasBlob(const keys::Digest& digest) const {
  struct stat status {};

  return ::fstatat(blobs_.get(), digest.Hex().c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

std::string OciLayout::ReadEntry(std::string_view file, Bytes limit) const {
  const auto fd = OpenFileAt(directory_.get(), std::string(file), name_);
  const auto file_name = name_ + ": " + std::string(file);
  const auto size = RegularFileSize(fd.get(), file_name);
  if (size > limit) {
    throw Error(ErrorKind::kVerification, file_name + " is longer than " + FormatBytes(limit));
  }
  std::string text(size, '\0');
  ReadFull(fd.get(), 0, AsWritableBytes(text), file_name);
  return text;
}

}  // namespace ros::images
