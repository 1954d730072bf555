#include "bootloader/efi_variables.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::bootloader {
namespace {

constexpr Bytes kLargestVariable = Bytes{64} << 10U;
constexpr std::size_t kAttributesSize = 4;

// Takes the immutable flag off a file for as long as this lives. A file system that knows no flags
// needs none of it.
class MutableMeanwhile {
 public:
  explicit MutableMeanwhile(const std::filesystem::path& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (!fd_.valid() || ::ioctl(fd_.get(), FS_IOC_GETFLAGS, &flags_) != 0 ||
        (flags_ & FS_IMMUTABLE_FL) == 0) {
      return;
    }
    const int without = flags_ & ~FS_IMMUTABLE_FL;
    if (::ioctl(fd_.get(), FS_IOC_SETFLAGS, &without) != 0) {
      ThrowErrno("making " + path.string() + " writable");
    }
    taken_off_ = true;
  }

  MutableMeanwhile(const MutableMeanwhile&) = delete;
  MutableMeanwhile& operator=(const MutableMeanwhile&) = delete;
  MutableMeanwhile(MutableMeanwhile&&) = delete;
  MutableMeanwhile& operator=(MutableMeanwhile&&) = delete;

  ~MutableMeanwhile() {
    if (taken_off_) {
      ::ioctl(fd_.get(), FS_IOC_SETFLAGS, &flags_);
    }
  }

 private:
  UniqueFd fd_;
  int flags_ = 0;
  bool taken_off_ = false;
};

}  // namespace

std::filesystem::path EfiVariables::PathOf(std::string_view name, std::string_view vendor) const {
  return directory_ / (std::string(name) + "-" + std::string(vendor));
}

std::optional<EfiVariable> EfiVariables::Read(std::string_view name,
                                              std::string_view vendor) const {
  const auto path = PathOf(name, vendor);
  if (!std::filesystem::exists(path)) {
    return std::nullopt;
  }
  const auto content = ReadFile(path, kLargestVariable);
  if (content.size() < kAttributesSize) {
    throw Error(ErrorKind::kFailed, path.string() + " has no attributes");
  }
  return EfiVariable{.attributes = LoadLe32(AsBytes(content), 0),
                     .data = content.substr(kAttributesSize)};
}

std::vector<std::string> EfiVariables::List(std::string_view vendor) const {
  const auto ending = "-" + std::string(vendor);
  std::vector<std::string> names;
  for (const auto& file : ListDirectory(directory_)) {
    if (file.ends_with(ending)) {
      names.push_back(file.substr(0, file.size() - ending.size()));
    }
  }
  return names;
}

bool EfiVariables::IsWritable() const {
  // Without an efivarfs there is an empty directory, and firmware always has variables.
  return !ListDirectory(directory_).empty() && ::access(directory_.c_str(), W_OK) == 0;
}

void EfiVariables::Write(std::string_view name,
                         const EfiVariable& variable,
                         std::string_view vendor) {
  const auto path = PathOf(name, vendor);
  std::string content(kAttributesSize, '\0');
  StoreLe32(AsWritableBytes(content), 0, variable.attributes);
  content += variable.data;
  const bool is_new = !std::filesystem::exists(path);
  const MutableMeanwhile writable(path);
  auto fd = OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC);
  const auto written = ::write(fd.get(), content.data(), content.size());
  if (written < 0) {
    const int code = errno;
    if (is_new) {
      // efivarfs keeps an empty file for a variable that the firmware did not take.
      ::unlink(path.c_str());
    }
    ThrowErrno("writing " + path.string(), code);
  }
  if (static_cast<std::size_t>(written) != content.size()) {
    throw Error(ErrorKind::kFailed, path.string() + " was written in part");
  }
  fd.Close(path.string());
}

}  // namespace ros::bootloader
