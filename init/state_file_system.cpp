#include "init/state_file_system.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "init/mount_plan.hpp"
#include "partitions/ext4_superblock.hpp"

namespace ros::init {
namespace {

using partitions::kExt4Magic;
using partitions::kExt4MagicPlace;
using partitions::kExt4StatePlace;

// Bits of e2fsck's exit code.
constexpr int kUncorrected = 4;
constexpr int kOperationalError = 8;
// Where an ext4 with blocks of 4096 bytes, as ours, has the first copy of its superblock.
constexpr const char* kFirstBackup = "32768";

constexpr auto kCheckLimit = std::chrono::minutes(30);
constexpr std::size_t kSaidLimit = 4096;

Ext4Health Inspect(const std::string& device) {
  std::array<std::byte, 1024> superblock{};
  const auto fd = OpenFile(device, O_RDONLY);
  ReadFull(fd.get(), superblock.size(), superblock, device);
  return InspectSuperblock(superblock);
}

std::string FindE2fsck() {
  for (const char* path : {"/usr/sbin/e2fsck", "/sbin/e2fsck", "/usr/bin/e2fsck"}) {
    if (::access((kRootDirectory + std::string(path)).c_str(), X_OK) == 0) {
      return path;
    }
  }
  return {};
}

// A bind mount that lasts as long as the object.
class BindMount {
 public:
  explicit BindMount(const std::string& path) : target_(kRootDirectory + path) {
    if (::mount(path.c_str(), target_.c_str(), nullptr, MS_BIND, nullptr) != 0) {
      ThrowErrno("mounting " + target_);
    }
  }

  BindMount(const BindMount&) = delete;
  BindMount& operator=(const BindMount&) = delete;
  BindMount(BindMount&&) = delete;
  BindMount& operator=(BindMount&&) = delete;

  ~BindMount() { ::umount2(target_.c_str(), MNT_DETACH); }

 private:
  std::string target_;
};

// The child: e2fsck of the new root, seeing that root alone.
[[noreturn]] void ExecE2fsck(std::vector<std::string> words, int output) {
  std::vector<char*> argv(words.size() + 1);  // the last one is null
  std::ranges::transform(words, argv.begin(), [](std::string& word) { return word.data(); });
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::close(STDIN_FILENO);  // it has nobody to ask
  // NOLINTNEXTLINE(android-cloexec-open): it becomes the program's standard input.
  static_cast<void>(::open("/dev/null", O_RDONLY));
  if (::chroot(kRootDirectory) == 0 && ::chdir("/") == 0) {
    ::execv(argv[0], argv.data());
  }
  ::_exit(127);
}

// What the kernel counts of a process (proc(5), /proc/PID/stat): the same text as long as it does
// not move.
std::string CountsOf(pid_t pid) {
  try {
    return ReadFile("/proc/" + std::to_string(pid) + "/stat", 4096);
  } catch (const Error&) {
    return {};
  }
}

// Takes what a child says until it closes its output. A large file system takes its time; the guard
// is told that work goes on while the child moves. False when even the limit has passed.
bool Listen(pid_t pid, int output, std::string& said, const std::function<void()>& tick) {
  const auto end = std::chrono::steady_clock::now() + kCheckLimit;
  std::array<char, 1024> buffer{};
  std::string counts;
  while (std::chrono::steady_clock::now() < end) {
    if (auto now = CountsOf(pid); now != counts) {
      counts = std::move(now);
      tick();
    }
    pollfd poll_fd{output, POLLIN, 0};
    if (::poll(&poll_fd, 1, 1000) <= 0) {
      continue;
    }
    const ssize_t got = ::read(output, buffer.data(), buffer.size());
    if (got <= 0) {
      return true;
    }
    if (said.size() < kSaidLimit) {
      said.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }
  return false;
}

// Runs the image's own e2fsck inside of the image. Returns its exit code and what it said.
int RunE2fsck(const std::vector<std::string>& argv,
              std::string& said,
              const std::function<void()>& tick) {
  const BindMount dev("/dev");
  const BindMount proc("/proc");
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
    ThrowErrno("making a pipe");
  }
  const UniqueFd read_end(pipe[0]);
  UniqueFd write_end(pipe[1]);
  const pid_t pid = ::fork();
  if (pid < 0) {
    ThrowErrno("starting e2fsck");
  }
  if (pid == 0) {
    ExecE2fsck(argv, write_end.get());
  }
  write_end = UniqueFd();
  if (!Listen(pid, read_end.get(), said, tick)) {
    ::kill(pid, SIGKILL);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string OneLine(std::string text) {
  while (!text.empty() && text.back() == '\n') {
    text.pop_back();
  }
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text.substr(0, 200);
}

std::string Repair(const std::string& device, const std::function<void()>& tick) {
  const auto program = FindE2fsck();
  if (program.empty()) {
    return "needs a check, and the image has no e2fsck";
  }
  std::string how = "e2fsck -p";
  std::string said;
  int code = RunE2fsck({program, "-p", device}, said, tick);
  if (code == kOperationalError) {
    // As a rule a superblock that cannot be read; a copy of it may be whole.
    how += std::string(" -b ") + kFirstBackup;
    said.clear();
    code = RunE2fsck({program, "-p", "-b", kFirstBackup, "-B", "4096", device}, said, tick);
  }
  if (code >= kUncorrected) {
    throw Error(ErrorKind::kFailed,
                device + " is damaged and " + how + " could not repair it (exit " +
                    std::to_string(code) + "): " + OneLine(said));
  }
  return how + " (exit " + std::to_string(code) + "): " + OneLine(said);
}

void MountIt(const std::string& device) {
  MountDevice(device, kStateDirectory, "ext4", MS_NOATIME, "errors=remount-ro");
}

}  // namespace

Ext4Health InspectSuperblock(ByteSpan superblock) {
  if (superblock.size() < 1024 || LoadLe16(superblock, kExt4MagicPlace) != kExt4Magic) {
    return Ext4Health::kUnknown;
  }
  const unsigned state = LoadLe16(superblock, kExt4StatePlace);
  const bool fine =
      (state & partitions::kExt4Valid) != 0 && (state & partitions::kExt4HasErrors) == 0;
  return fine ? Ext4Health::kFine : Ext4Health::kErrors;
}

std::string MountState(const std::string& device, const std::function<void()>& tick) {
  return InContext("the state file system", [&] {
    std::string repaired;
    if (Inspect(device) != Ext4Health::kFine) {
      repaired = Repair(device, tick);
    }
    try {
      MountIt(device);
    } catch (const Error& error) {
      if (!repaired.empty()) {
        throw error.WithContext(repaired);
      }
      repaired = Repair(device, tick);
      MountIt(device);
    }
    return repaired;
  });
}

}  // namespace ros::init
