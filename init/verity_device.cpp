#include "init/verity_device.hpp"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string_view>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/unique_fd.hpp"

namespace ros::init {
namespace {

constexpr std::uint64_t kSectorsPerBlock = 8;

// One request to the device mapper: the header and room for a target with its parameters.
class Request {
 public:
  explicit Request(const std::string& name) {
    if (name.size() >= sizeof(dm_ioctl::name)) {
      throw Error(ErrorKind::kFailed, "the name " + name + " is too long for a device");
    }
    auto& header = Header();
    header.version[0] = DM_VERSION_MAJOR;
    header.data_size = static_cast<std::uint32_t>(buffer_.size());
    header.data_start = sizeof(dm_ioctl);
    std::memcpy(header.name, name.data(), name.size());
  }

  dm_ioctl& Header() { return *reinterpret_cast<dm_ioctl*>(buffer_.data()); }

  void SetTarget(std::uint64_t sectors, std::string_view type, std::string_view parameters) {
    auto& target = Target();
    char* text = buffer_.data() + kTextStart;
    if (type.size() >= sizeof target.target_type ||
        parameters.size() >= buffer_.size() - kTextStart) {
      throw Error(ErrorKind::kFailed, "the parameters of a device are too long");
    }
    target.length = sectors;
    std::memcpy(target.target_type, type.data(), type.size());
    std::memcpy(text, parameters.data(), parameters.size());
    Header().target_count = 1;
  }

  // The first target's status line, after DM_TABLE_STATUS.
  std::string_view Status() {
    const char* text = buffer_.data() + Header().data_start + sizeof(dm_target_spec);
    return {text, ::strnlen(text, 64)};
  }

  void Send(unsigned long command, std::string_view what) {
    const auto fd = OpenFile("/dev/mapper/control", O_RDWR);
    if (::ioctl(fd.get(), command, buffer_.data()) != 0) {
      ThrowErrno(what);
    }
  }

 private:
  static constexpr std::size_t kTextStart = sizeof(dm_ioctl) + sizeof(dm_target_spec);

  dm_target_spec& Target() {
    return *reinterpret_cast<dm_target_spec*>(buffer_.data() + sizeof(dm_ioctl));
  }

  alignas(8) std::array<char, 4096> buffer_{};
};

}  // namespace

std::string VerityParameters(const VerityTable& table) {
  const auto blocks = std::to_string(table.blocks);
  return "1 " + table.device + " " + table.device + " 4096 4096 " + blocks + " " + blocks +
         " sha256 " + table.root_hash + " " + (table.salt.empty() ? "-" : table.salt) +
         (table.on_corruption == OnCorruption::kRestart ? " 1 restart_on_corruption" : "");
}

std::string CreateVerityDevice(const std::string& name, const VerityTable& table) {
  Request create(name);
  create.Send(DM_DEV_CREATE, "creating the dm-verity device");
  const auto device = create.Header().dev;

  Request load(name);
  load.Header().flags = DM_READONLY_FLAG;
  load.SetTarget(table.blocks * kSectorsPerBlock, "verity", VerityParameters(table));
  load.Send(DM_TABLE_LOAD, "loading the dm-verity table");

  Request resume(name);  // without DM_SUSPEND_FLAG: resumes
  resume.Send(DM_DEV_SUSPEND, "starting the dm-verity device");
  return "/dev/dm-" + std::to_string(minor(static_cast<dev_t>(device)));
}

bool MatchesRootHash(const VerityTable& table) {
  constexpr const char* kProbe = "ros-probe";
  bool matches = false;
  try {
    const auto device = CreateVerityDevice(kProbe, table);
    std::array<std::byte, kSectorsPerBlock * 512> block{};
    const auto fd = OpenFile(device, O_RDONLY);
    matches =
        ::pread(fd.get(), block.data(), block.size(), 0) == static_cast<ssize_t>(block.size());
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): what cannot be read does not match
  }
  try {
    Request remove(kProbe);
    remove.Send(DM_DEV_REMOVE, "removing the dm-verity device");
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): it was not made
  }
  return matches;
}

bool IsCorrupted(const std::string& name) {
  try {
    Request status(name);
    status.Send(DM_TABLE_STATUS, "reading the dm-verity status");
    return status.Status().starts_with("C");
  } catch (const Error&) {
    return false;
  }
}

}  // namespace ros::init
