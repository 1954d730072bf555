#include "qemu-harness/machine.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>

#include "base/error.hpp"
#include "qemu-harness/accelerator.hpp"
#include "qemu-harness/places.hpp"

namespace ros::qemu {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Descriptors that QEMU inherits: console, shell, monitor.
constexpr int kFirstFd = 10;
constexpr int kPorts = 3;
constexpr const char* kOvmf = "/usr/share/OVMF/";

int SlowFactor() {
  const char* text = std::getenv("ROS_TEST_SLOW");
  const int factor = text == nullptr ? 1 : std::atoi(text);  // NOLINT(cert-err34-c)
  return std::max(factor, 1);
}

struct SocketPair {
  UniqueFd ours;
  UniqueFd theirs;
};

SocketPair MakeSocketPair() {
  std::array<int, 2> fds{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) {
    ThrowErrno("making a socket pair");
  }
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// The controller that a drive brings along; empty where it is a PCI device itself, or on the
// board's own.
std::string ControllerOf(DriveInterface interface) {
  switch (interface) {
    case DriveInterface::kAhci:
    case DriveInterface::kVirtio:
    case DriveInterface::kNvme:
      return {};
    case DriveInterface::kVirtioScsi:
      return "virtio-scsi-pci";
    case DriveInterface::kUsb:
      return "qemu-xhci";
    case DriveInterface::kSdCard:
      return "sdhci-pci";
  }
  return {};
}

std::string DeviceOn(DriveInterface interface, const std::string& bus, std::size_t number) {
  switch (interface) {
    case DriveInterface::kAhci:
      return "ide-hd,bus=ide." + std::to_string(number);
    case DriveInterface::kVirtio:
      return "virtio-blk-pci";
    case DriveInterface::kNvme:
      return "nvme";
    case DriveInterface::kVirtioScsi:
      return "scsi-hd,bus=" + bus + ".0";
    case DriveInterface::kUsb:
      return "usb-storage,bus=" + bus + ".0";
    case DriveInterface::kSdCard:
      return "sd-card,bus=sd-bus";
  }
  return {};
}

void AddDrive(std::vector<std::string>& argv,
              const Drive& drive,
              std::size_t number,
              BootOrder order) {
  const std::string id = "drive" + std::to_string(number);
  const std::string read_only = drive.access == DriveAccess::kReadOnly ? ",read-only=on" : "";
  std::string node = id + "-file";
  argv.insert(argv.end(),
              {"-blockdev",
               "driver=file,node-name=" + node + ",filename=" + drive.file.string() + read_only +
                   (read_only.empty() ? ",discard=unmap" : ",locking=off")});
  if (!drive.write_log.empty()) {
    argv.insert(
        argv.end(),
        {"-blockdev",
         "driver=file,node-name=" + id + "-log,filename=" + drive.write_log.string(),
         "-blockdev",
         "driver=blklogwrites,node-name=" + id + "-logged,file=" + node + ",log=" + id + "-log"});
    node = id + "-logged";
  }
  argv.insert(argv.end(),
              {"-blockdev", "driver=raw,node-name=" + id + ",file=" + node + read_only});
  const std::string bus = id + "-bus";
  if (const auto controller = ControllerOf(drive.interface); !controller.empty()) {
    argv.insert(argv.end(), {"-device", controller + ",id=" + bus});
  }
  auto device = DeviceOn(drive.interface, bus, number) + ",drive=" + id;
  if (drive.interface == DriveInterface::kSdCard) {
    // Neither a serial number nor a place in the firmware's order can be given to one.
    argv.insert(argv.end(), {"-device", device});
    return;
  }
  if (order == BootOrder::kDrives) {
    device += ",bootindex=" + std::to_string(number + 1);
  }
  if (drive.sector_size != 512) {
    const std::string size = std::to_string(drive.sector_size);
    device += ",logical_block_size=" + size + ",physical_block_size=" + size;
  }
  const std::string fallback = drive.interface == DriveInterface::kNvme ? id : "";
  const std::string serial = drive.serial.empty() ? fallback : drive.serial;
  argv.insert(argv.end(), {"-device", serial.empty() ? device : device + ",serial=" + serial});
}

bool HasSecureBoot(Firmware firmware) {
  return firmware == Firmware::kSecureUefi || firmware == Firmware::kOwnerUefi;
}

void AddUefi(std::vector<std::string>& argv, const MachineOptions& options) {
  const bool secure = HasSecureBoot(options.firmware);
  const std::string flash = "if=pflash,format=raw,file=";
  const std::string variables = options.variables.empty()
                                    ? FreshVariables(options.firmware).string() + ",snapshot=on"
                                    : options.variables.string();
  argv.insert(
      argv.end(),
      {"-drive",
       flash + kOvmf + (secure ? "OVMF_CODE_4M.secboot.fd" : "OVMF_CODE_4M.fd") + ",readonly=on",
       "-drive",
       flash + variables});
  if (secure) {
    // What runs may not write the variables around the firmware, and its SMM knows no sleep.
    argv.insert(argv.end(),
                {"-global",
                 "driver=cfi.pflash01,property=secure,value=on",
                 "-global",
                 "ICH9-LPC.disable_s3=1"});
  }
}

std::vector<std::string> PortArguments() {
  return {"-chardev",
          "socket,id=console,fd=" + std::to_string(kFirstFd),
          "-serial",
          "chardev:console",
          "-chardev",
          "socket,id=shell,fd=" + std::to_string(kFirstFd + 1),
          "-serial",
          "chardev:shell",
          "-chardev",
          "socket,id=monitor,fd=" + std::to_string(kFirstFd + 2),
          "-mon",
          "chardev=monitor,mode=control"};
}

}  // namespace

std::filesystem::path FreshVariables(Firmware firmware) {
  // Of the snakeoil one, OVMF's package has the private key too.
  return std::filesystem::path(kOvmf) / (firmware == Firmware::kSecureUefi ? "OVMF_VARS_4M.ms.fd"
                                         : firmware == Firmware::kOwnerUefi
                                             ? "OVMF_VARS_4M.snakeoil.fd"
                                             : "OVMF_VARS_4M.fd");
}

std::vector<std::string> QemuArguments(const MachineOptions& options) {
  std::vector<std::string> argv = {"qemu-system-x86_64",
                                   "-machine",
                                   HasSecureBoot(options.firmware) ? "q35,smm=on" : "q35",
                                   "-accel",
                                   AcceleratorName(ProbeAccelerator()),
                                   "-cpu",
                                   "max",
                                   "-smp",
                                   "1",
                                   "-m",
                                   std::to_string(options.memory_mib),
                                   "-nodefaults",
                                   "-vga",
                                   "std",
                                   "-display",
                                   "none",
                                   // Scenarios compare boots with each other, never with today.
                                   "-rtc",
                                   "base=utc"};
  if (options.firmware != Firmware::kBios) {
    AddUefi(argv, options);
  }
  if (options.watchdog) {
    argv.insert(argv.end(), {"-device", "i6300esb", "-action", "watchdog=reset"});
  }
  if (options.network) {
    // Without the card's ROM, which would ask the network for a system.
    argv.insert(argv.end(),
                {"-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="});
  }
  for (std::size_t n = 0; n < options.drives.size(); ++n) {
    AddDrive(argv, options.drives[n], n, options.boot_order);
  }
  if (options.kernel) {
    argv.insert(argv.end(),
                {"-kernel",
                 options.kernel->kernel.string(),
                 "-initrd",
                 options.kernel->initrd.string(),
                 "-append",
                 options.kernel->command_line});
  }
  return argv;
}

Machine::Machine(MachineOptions options)
    : options_(std::move(options)), log_(LogDirectory() / (options_.name + ".log")) {
  std::filesystem::create_directories(log_.parent_path());
  std::vector<std::string> argv = QemuArguments(options_);
  const std::vector<std::string> ports = PortArguments();
  argv.insert(argv.end(), ports.begin(), ports.end());

  std::array<SocketPair, kPorts> pairs = {MakeSocketPair(), MakeSocketPair(), MakeSocketPair()};
  Launch(argv, {pairs[0].theirs.get(), pairs[1].theirs.get(), pairs[2].theirs.get()});
  console_ = std::make_unique<Console>(std::move(pairs[0].ours), log_);
  shell_ = std::make_unique<Console>(std::move(pairs[1].ours),
                                     LogDirectory() / (options_.name + ".shell.log"));
  monitor_ = std::make_unique<Monitor>(std::move(pairs[2].ours));
}

Machine::~Machine() {
  Kill();
}

void Machine::Launch(const std::vector<std::string>& argv, const std::vector<int>& fds) {
  std::vector<char*> pointers;
  pointers.reserve(argv.size() + 1);
  for (const std::string& word : argv) {
    pointers.push_back(const_cast<char*>(word.c_str()));
  }
  pointers.push_back(nullptr);
  const UniqueFd errors(
      open((log_.string() + ".qemu").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  pid_ = fork();
  if (pid_ < 0) {
    ThrowErrno("starting QEMU");
  }
  if (pid_ > 0) {
    return;
  }
  // The child. A scenario that dies takes its machine along.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Out of the way first: what is to be one of these numbers may have another of them now.
  std::array<int, kPorts> high{};
  for (std::size_t n = 0; n < high.size(); ++n) {
    high.at(n) = fcntl(fds[n], F_DUPFD_CLOEXEC, kFirstFd + kPorts);
  }
  for (std::size_t n = 0; n < high.size(); ++n) {
    dup2(high.at(n), kFirstFd + static_cast<int>(n));
  }
  dup2(errors.get(), STDERR_FILENO);
  execvp(pointers[0], pointers.data());
  _exit(127);
}

void Machine::Reap(bool wait) {
  if (pid_ > 0 && waitpid(pid_, nullptr, wait ? 0 : WNOHANG) == pid_) {
    pid_ = -1;
  }
}

void Machine::Poll(milliseconds limit) {
  std::array<pollfd, kPorts> fds = {pollfd{console_->open() ? console_->fd() : -1, POLLIN, 0},
                                    pollfd{shell_->open() ? shell_->fd() : -1, POLLIN, 0},
                                    pollfd{monitor_->open() ? monitor_->fd() : -1, POLLIN, 0}};
  poll(fds.data(), fds.size(), static_cast<int>(limit.count()));
  console_->Receive();
  shell_->Receive();
  monitor_->Receive();
  if (!monitor_->open()) {
    // QEMU closes its ports when it ends.
    Reap(true);
  }
}

bool Machine::WaitUntil(const std::function<bool()>& done, milliseconds limit) {
  const auto deadline = steady_clock::now() + limit;
  while (!done()) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0 || !running()) {
      return done();
    }
    Poll(left);
  }
  return true;
}

void Machine::Require(const std::function<bool()>& done, Seconds limit, const std::string& what) {
  if (!WaitUntil(done, limit * SlowFactor())) {
    Fail("waited in vain for " + what);
  }
}

void Machine::Fail(const std::string& what) {
  const std::string state = running() ? "" : " (QEMU has ended)";
  throw Error(ErrorKind::kFailed,
              options_.name + ": " + what + state + "; the console, whole in " + log_.string() +
                  ", ends in\n" + console_->Tail(30) + "\nand the shell in\n" + shell_->Tail(10));
}

std::vector<std::string> Machine::WaitForConsole(const std::string& pattern, Seconds limit) {
  std::optional<std::vector<std::string>> match;
  Require(
      [&] {
        match = console_->Take(pattern);
        return match.has_value();
      },
      limit,
      "\"" + pattern + "\" on the console");
  return *match;
}

void Machine::WaitForShell(const std::string& version, Seconds limit) {
  const std::string hello = "harness-shell ready " + version + "\\.";
  Require(
      [&] { return shell_->Take(hello).has_value(); }, limit, "the OS's shell (\"" + hello + "\")");
}

GuestResult Machine::Run(std::string_view command, Seconds limit) {
  const std::string id = "run" + std::to_string(++commands_);
  shell_->Skip();
  const std::size_t start = shell_->text().size();
  // The marks are put together by printf, so that an echo of this very line does not match. The
  // output takes the way through a file, for the command shall not find itself on a terminal.
  shell_->Send("{ " + std::string(command) +
               "\n} </dev/null >/run/output 2>&1; code=$?; printf '<<%s\\n' " + id +
               "; cat /run/output; printf '\\n%s %d>>\\n' " + id + " $code\n");
  std::optional<std::vector<std::string>> match;
  Require(
      [&] {
        match = shell_->Take(id + " ([0-9]+)>>");
        return match.has_value();
      },
      limit,
      "the end of `" + std::string(command) + "`");
  const std::string said = shell_->text().substr(start);
  const std::string head = "<<" + id + "\n";
  const std::size_t begin = said.find(head);
  const std::size_t end = said.rfind("\n" + id + " ");
  if (begin == std::string::npos || end == std::string::npos || end < begin + head.size()) {
    Fail("no sense in the output of `" + std::string(command) + "`: " + said);
  }
  const std::size_t first = begin + head.size();
  return {std::stoi(match->at(1)), said.substr(first, end - first)};
}

std::string Machine::MustRun(std::string_view command, Seconds limit) {
  const GuestResult result = Run(command, limit);
  if (result.exit_code != 0) {
    Fail("`" + std::string(command) + "` failed (exit " + std::to_string(result.exit_code) +
         "): " + result.output);
  }
  return result.output;
}

void Machine::Start(std::string_view command) {
  shell_->Skip();
  shell_->Send(std::string(command) + "\n");
}

void Machine::RestartBy(std::string_view command, Seconds limit) {
  const int before = resets();
  Start("{ " + std::string(command) + "\n} </dev/null 2>&1; printf '<<ended %d>>\\n' $?");
  bool failed = false;
  Require(
      [&] {
        failed = failed || shell_->Take("<<ended [1-9][0-9]*>>").has_value();
        return failed || resets() > before;
      },
      limit,
      "the reset by `" + std::string(command) + "`");
  if (failed) {
    Fail("`" + std::string(command) + "` failed");
  }
}

void Machine::WaitForPowerOff(Seconds limit) {
  Require([&] { return !running(); }, limit, "the machine to power off");
}

void Machine::Reset() {
  monitor_->Send("system_reset");
}

void Machine::Kill() {
  if (running()) {
    kill(pid_, SIGKILL);
    Reap(true);
  }
}

}  // namespace ros::qemu
