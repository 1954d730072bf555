#include "init/state_file_system.hpp"

#include <fcntl.h>
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
#include "init/child_output.hpp"
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
  if (!Listen({.pid = pid, .output = read_end.get(), .limit = kCheckLimit}, said, tick)) {
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
