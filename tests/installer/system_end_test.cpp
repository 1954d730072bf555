#include "installer/system_end.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <csignal>

#include "base/file.hpp"

namespace ros::installer {
namespace {

using std::chrono::milliseconds;

enum class OnTerminate { kEnd, kStay };

// A child that waits for signals.
class Sleeper {
 public:
  explicit Sleeper(OnTerminate on_terminate) {
    std::array<int, 2> ready{};
    REQUIRE(::pipe2(ready.data(), O_CLOEXEC) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      static_cast<void>(
          std::signal(SIGTERM, on_terminate == OnTerminate::kStay ? SIG_IGN : SIG_DFL));
      static_cast<void>(::write(ready[1], "x", 1));
      for (;;) {
        ::pause();
      }
    }
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
    ::close(ready[1]);
  }

  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  Sleeper(Sleeper&&) = delete;
  Sleeper& operator=(Sleeper&&) = delete;

  ~Sleeper() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }

  [[nodiscard]] pid_t pid() const { return pid_; }

  // Waits for its end; the signal that brought it.
  int EndedBy() {
    int status = 0;
    if (::waitpid(pid_, &status, 0) != pid_) {
      return 0;
    }
    pid_ = -1;
    return WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("EndProcesses: asks, then kills", "[installer]") {
  Sleeper polite(OnTerminate::kEnd);
  Sleeper stubborn(OnTerminate::kStay);
  EndProcesses({polite.pid(), stubborn.pid()}, milliseconds(200));
  CHECK(polite.EndedBy() == SIGTERM);
  CHECK(stubborn.EndedBy() == SIGKILL);
}

TEST_CASE("EndProcesses: returns as soon as all have ended", "[installer]") {
  Sleeper polite(OnTerminate::kEnd);
  const auto start = std::chrono::steady_clock::now();
  EndProcesses({polite.pid()}, std::chrono::minutes(10));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::minutes(1));
  CHECK(polite.EndedBy() == SIGTERM);
}

TEST_CASE("ListProcesses: programs alone, without process 1 and ourselves", "[installer]") {
  const Sleeper other(OnTerminate::kEnd);
  const auto real = ListProcesses();
  CHECK(std::find(real.begin(), real.end(), other.pid()) != real.end());
  CHECK(std::find(real.begin(), real.end(), ::getpid()) == real.end());
  CHECK(std::find(real.begin(), real.end(), 1) == real.end());

  const TempDirectory proc;
  for (const auto* name : {"1", "2", "77", "self", "7x"}) {
    std::filesystem::create_directory(proc.path() / name);
  }
  // 2 is a kernel thread: no program.
  for (const auto* name : {"1", "77", "self", "7x"}) {
    std::filesystem::create_symlink("/bin/sh", proc.path() / name / "exe");
  }
  CHECK(ListProcesses(proc.path()) == std::vector<pid_t>{77});
}

TEST_CASE("WritableMounts: devices and overlays, the last mounted first", "[installer]") {
  CHECK(WritableMounts("/dev/dm-0 / erofs ro,relatime 0 0\n"
                       "proc /proc proc rw 0 0\n"
                       "/dev/sda5 /ros ext4 rw,noatime 0 0\n"
                       "/dev/sda5 /var ext4 rw,noatime 0 0\n"
                       "overlay /etc overlay rw,lowerdir=/a 0 0\n"
                       "tmpfs /run tmpfs rw 0 0\n"
                       "/dev/sdb1 /mnt/a\\040disk\\134 ext4 rw 0 0\n"
                       "/dev/sdc1 /mnt/read-only ext4 ro,rw_hint 0 0\n"
                       "torn") ==
        std::vector<std::string>{"/mnt/a disk\\", "/etc", "/var", "/ros"});
  CHECK(WritableMounts("").empty());
}

}  // namespace ros::installer
