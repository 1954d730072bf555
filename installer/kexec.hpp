#pragma once

#include <filesystem>
#include <string>

#include "installer/slot_kernel.hpp"

namespace ros::installer {

// Starts another kernel in the place of the running one, without firmware and boot loader
// (kexec). Tests bring one that only remembers.
class KernelStarter {
 public:
  KernelStarter() = default;
  KernelStarter(const KernelStarter&) = delete;
  KernelStarter& operator=(const KernelStarter&) = delete;
  KernelStarter(KernelStarter&&) = delete;
  KernelStarter& operator=(KernelStarter&&) = delete;
  virtual ~KernelStarter() = default;

  // Gives the kernel to the running one, which keeps it in memory until Start() or Forget(). Throws
  // kFailed with the reason where it does not take it.
  virtual void Load(const SlotKernel& kernel, const std::string& command_line) = 0;

  // Ends this system in good order and starts the kernel that was loaded. Returns only where
  // somebody else (systemd) does that from now on. Throws kFailed where the system goes on; once it
  // has ended, a kernel that does not start becomes an ordinary reboot.
  virtual void Start() = 0;

  // Nothing is loaded any more: a reboot goes through the firmware.
  virtual void Forget() noexcept = 0;
};

// The running kernel, by kexec_file_load(2) and reboot(2). Where systemd is process 1, it ends the
// system (`systemctl kexec`); elsewhere EndSystem() does.
class RunningKernel : public KernelStarter {
 public:
  void Load(const SlotKernel& kernel, const std::string& command_line) override;
  void Start() override;
  void Forget() noexcept override;
};

// Why this machine starts no kernel by kexec, as far as that can be told without trying one: the
// kernel was built without it, or it is switched off (`kernel.kexec_load_disabled`, which nobody
// can take back before a reboot), or the user may not. Empty where nothing is known against it; a
// kernel that wants signatures may still refuse in Load().
std::string KexecObstacle();

// What kexec_file_load(2) means by an error: "the running kernel is locked down and ...".
std::string KexecErrorText(int code);

}  // namespace ros::installer
