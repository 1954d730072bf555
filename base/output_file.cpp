#include "base/output_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/interrupt.hpp"

namespace ros {

namespace fs = std::filesystem;

fs::path ResolveOutput(const fs::path& path) {
  const auto refuse = [&](const char* why) {
    throw Error(ErrorKind::kUsage, "the output " + path.string() + " " + why);
  };
  std::error_code code;
  const auto status = fs::status(path, code);
  if (fs::is_directory(status) || !path.has_filename()) {
    refuse("is a directory; name a file in it");
  }
  if (fs::is_regular_file(status)) {
    return fs::canonical(path);
  }
  if (fs::exists(status)) {
    refuse("is a device or a pipe and would be replaced by a file; name a file");
  }
  if (fs::is_symlink(fs::symlink_status(path, code))) {
    refuse("is a symbolic link that leads nowhere; remove it or name a file");
  }
  const auto parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (!fs::is_directory(parent, code)) {
    refuse(("cannot be written: there is no directory " + parent.string()).c_str());
  }
  return parent / path.filename();
}

OutputFile::OutputFile(const fs::path& path) : target_(ResolveOutput(path)) {
  path_ = (target_.parent_path() / ("." + target_.filename().string() + ".XXXXXX")).string();
  fd_ = UniqueFd(::mkostemp(path_.data(), O_CLOEXEC));
  if (!fd_.valid()) {
    ThrowErrno("making a file in " + target_.parent_path().string());
  }
}

OutputFile::~OutputFile() {
  if (!path_.empty()) {
    ::unlink(path_.c_str());
  }
}

Bytes OutputFile::Commit(mode_t mode) {
  struct stat status {};

  if (::fchmod(fd_.get(), mode) != 0 || ::fstat(fd_.get(), &status) != 0 ||
      ::fsync(fd_.get()) != 0) {
    ThrowErrno("writing " + target_.string());
  }
  fd_.Close(target_.string());
  ThrowIfInterrupted();
  if (::rename(path_.c_str(), target_.c_str()) != 0) {
    ThrowErrno("replacing " + target_.string());
  }
  path_.clear();
  SyncDirectory(target_.parent_path());
  return static_cast<Bytes>(status.st_size);
}

mode_t OrdinaryMode() {
  // There is no call that only reads it.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666U & ~mask;
}

}  // namespace ros
