#include "images/system_call_filter.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <exception>
#include <thread>

namespace ros::images {
namespace {

#if defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#endif

// For this thread and all that it starts. A failure leaves things as they are.
void RefuseCopyFileRange() {
  constexpr auto kLoad = BPF_LD | BPF_W | BPF_ABS;
  constexpr auto kIfEqual = BPF_JMP | BPF_JEQ | BPF_K;
  constexpr auto kReturn = BPF_RET | BPF_K;
  // A jump says how many instructions to pass over: if it is equal, if not.
  std::array<sock_filter, 6> program = {
      {{kLoad, 0, 0, offsetof(seccomp_data, arch)},
       {kIfEqual, 0, 3, kArchitecture},
       {kLoad, 0, 0, offsetof(seccomp_data, nr)},
       {kIfEqual, 0, 1, SYS_copy_file_range},
       {kReturn, 0, 0, SECCOMP_RET_ERRNO | (ENOSYS & SECCOMP_RET_DATA)},
       {kReturn, 0, 0, SECCOMP_RET_ALLOW}}};
  const sock_fprog filter = {static_cast<unsigned short>(program.size()), program.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
    static_cast<void>(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
  }
}

}  // namespace

void WithoutCopyFileRange(const std::function<void()>& work) {
  std::exception_ptr failure;
  std::thread([&] {
    RefuseCopyFileRange();
    try {
      work();
    } catch (...) {  // a thread's end, as main is the program's
      failure = std::current_exception();
    }
  }).join();
  if (failure) {
    std::rethrow_exception(failure);
  }
}

}  // namespace ros::images
