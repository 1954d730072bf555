#include "qemu-harness/accelerator.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "qemu-harness/places.hpp"

namespace ros::qemu {

namespace {

// Made by the fixture: a kernel, and an initrd that works a little, says "kvm-probe-ok", resets.
bool KvmBoots() {
  const std::filesystem::path probe = HarnessDirectory() / "probe";
  if (access("/dev/kvm", R_OK | W_OK) != 0 || !std::filesystem::exists(probe / "initrd")) {
    return false;
  }
  Command command;
  command.argv = {"qemu-system-x86_64",
                  "-machine",
                  "q35",
                  "-accel",
                  "kvm",
                  "-cpu",
                  "max",
                  "-m",
                  "256",
                  "-nodefaults",
                  "-display",
                  "none",
                  "-serial",
                  "stdio",
                  "-no-reboot",
                  "-kernel",
                  (probe / "kernel").string(),
                  "-initrd",
                  (probe / "initrd").string(),
                  "-append",
                  "console=ttyS0 quiet no_timer_check panic=1"};
  command.timeout = std::chrono::seconds(20);
  try {
    const ProcessResult result = RunProcess(command);
    return result.exit_code == 0 && result.out.find("kvm-probe-ok") != std::string::npos;
  } catch (const Error&) {
    return false;  // it hung, or there is no QEMU: the next start of a machine says so
  }
}

Accelerator Parse(std::string_view text) {
  return text.substr(0, 3) == "kvm" ? Accelerator::kKvm : Accelerator::kTcg;
}

}  // namespace

std::string AcceleratorName(Accelerator accelerator) {
  return accelerator == Accelerator::kKvm ? "kvm" : "tcg";
}

Accelerator ProbeAccelerator() {
  if (const char* forced = std::getenv("ROS_ACCELERATOR"); forced != nullptr) {
    return Parse(forced);
  }
  const std::filesystem::path answer = HarnessDirectory() / "accelerator";
  if (std::filesystem::exists(answer)) {
    return Parse(ReadFile(answer, 16));
  }
  const Accelerator found = KvmBoots() ? Accelerator::kKvm : Accelerator::kTcg;
  WriteFileAtomically(answer, AsBytes(AcceleratorName(found) + "\n"));
  return found;
}

}  // namespace ros::qemu
