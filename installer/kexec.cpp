#include "installer/kexec.hpp"

#include <linux/kexec.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "installer/machine.hpp"
#include "installer/system_end.hpp"

namespace ros::installer {
namespace {

constexpr int kNoFile = -1;

// The C library has no function for it. `command_line` counts with its terminating zero.
long KexecFileLoad(int kernel, int initrd, const std::string& command_line, unsigned long flags) {
  return ::syscall(
      SYS_kexec_file_load, kernel, initrd, command_line.size() + 1, command_line.c_str(), flags);
}

// sd_booted(3).
bool IsSystemd() {
  std::error_code ignored;
  return std::filesystem::is_directory("/run/systemd/system", ignored);
}

// systemd starts the kernel that it finds loaded; no kexec-tools are needed for that.
void AskSystemd() {
  const auto told = RunProcess({.argv = {"systemctl", "kexec"},
                                .timeout = std::chrono::minutes(1),
                                .is_interruptible = false});
  if (!WasTold(told)) {
    throw Error(
        ErrorKind::kFailed,
        "systemctl kexec failed (exit " + std::to_string(told.exit_code) + "): " + told.err);
  }
}

}  // namespace

void RunningKernel::Load(const SlotKernel& kernel, const std::string& command_line) {
  if (KexecFileLoad(kernel.kernel.get(), kernel.initrd.get(), command_line, 0) != 0) {
    throw Error(ErrorKind::kFailed, KexecErrorText(errno));
  }
}

void RunningKernel::Start() {
  if (IsSystemd()) {
    AskSystemd();
    return;
  }
  EndSystem();
  ::reboot(RB_KEXEC);
  // It was not started, and nothing runs any more that could tell somebody.
  ::reboot(RB_AUTOBOOT);
  ThrowErrno("rebooting");
}

void RunningKernel::Forget() noexcept {
  static_cast<void>(KexecFileLoad(kNoFile, kNoFile, "", KEXEC_FILE_UNLOAD));
}

std::string KexecObstacle() {
  // Flags that no kernel knows: refused as such only after the user and the switch were found in
  // order, and before anything is done.
  constexpr unsigned long kNoSuchFlags = ~0UL;
  const long result = KexecFileLoad(kNoFile, kNoFile, "", kNoSuchFlags);
  return result == 0 || errno == EINVAL ? std::string() : KexecErrorText(errno);
}

std::string KexecErrorText(int code) {
  switch (code) {
    case ENOSYS:
      return "the running kernel was built without kexec";
    case EPERM:
      return "the running kernel may start no other one (kernel.kexec_load_disabled, or locked "
             "down "
             "by Secure Boot)";
    case EKEYREJECTED:
    case ENOKEY:
    case EBADMSG:
    case ENODATA:
    case ENOPKG:
      return std::string("the running kernel starts only kernels whose signature it trusts (") +
             ::strerrordesc_np(code) + ")";
    default:
      return std::string("the running kernel does not take the new one: ") +
             ::strerrordesc_np(code);
  }
}

}  // namespace ros::installer
