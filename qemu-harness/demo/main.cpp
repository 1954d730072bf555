// The demo: from a container's root to a machine that upgrades and comes back, told step by step.
//
//   ros_demo DIRECTORY      where root-1.tar, root-2.tar and root-3.tar (the broken one) are

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "base/error.hpp"
#include "qemu-harness/demo/narrator.hpp"
#include "qemu-harness/disk_image.hpp"
#include "qemu-harness/host.hpp"
#include "qemu-harness/machine.hpp"

namespace {

using ros::qemu::DiskImage;
using ros::qemu::Drive;
using ros::qemu::DriveAccess;
using ros::qemu::DriveInterface;
using ros::qemu::Machine;
using ros::qemu::MachineOptions;
using ros::qemu::Narrator;

class Demo {
 public:
  explicit Demo(std::filesystem::path directory) : directory_(std::move(directory)) {}

  void Run() {
    MakeImages();
    Install();
    Machine machine(Options());
    FirstBoot(machine);
    GoodUpgrade(machine);
    BadUpgrade(machine);
    machine.Start("poweroff -f");
    machine.WaitForPowerOff();
    narrator_.End();
  }

 private:
  // A `ros` command of the host, shown with its answer.
  void Host(const std::vector<std::string>& arguments) {
    std::string line = "ros";
    for (const std::string& argument : arguments) {
      line += ' ' + argument;
    }
    narrator_.Command("host", line);
    const ros::ProcessResult result = ros::qemu::Ros(arguments);
    narrator_.Answer(result.err + result.out);
    if (result.exit_code != 0) {
      throw ros::Error(ros::ErrorKind::kFailed, "`" + line + "` failed");
    }
  }

  // A command of the machine, shown with its answer; the gate is through before.
  void Guest(Machine& machine, const std::string& line) {
    machine.MustRun("cat /run/services 2>/dev/null; true", std::chrono::seconds(600));
    narrator_.Command("machine", line);
    narrator_.Answer(machine.MustRun(line, std::chrono::seconds(900)));
  }

  // As a person would name it from here.
  [[nodiscard]] std::string File(const std::string& name) const {
    return (directory_ / name).lexically_proximate(std::filesystem::current_path()).string();
  }

  void MakeImages() {
    narrator_.Step("Make a key pair, and three images: two good ones, and a third that is broken");
    std::filesystem::remove(directory_ / "release.key");
    std::filesystem::remove(directory_ / "release.pub");
    Host({"keys", "generate", File("release")});
    for (const std::string version : {"1", "2", "3"}) {
      const std::string image = File("myos-" + version + ".oci");
      std::filesystem::remove(image);
      Host({"image",
            "build",
            "--root",
            File("root-" + version + ".tar"),
            "--name",
            "myos",
            "--version",
            version,
            "--append",
            "console=ttyS0,115200 quiet no_timer_check",
            "--watchdog",
            "60",
            "--compress-level",
            "6",
            "-o",
            image});
      Host({"image", "sign", "--key", File("release.key"), image});
    }
    Host({"image", "inspect", File("myos-1.oci")});
  }

  void Install() {
    narrator_.Step("Install version 1 on a disk image");
    std::filesystem::remove(directory_ / "disk.img");
    Host({"install",
          "-d",
          File("disk.img"),
          "--size",
          "4G",
          "-i",
          File("myos-1.oci"),
          "--key",
          File("release.pub"),
          "--no-reboot"});
    const DiskImage files =
        ros::qemu::MakeFileDisk({directory_ / "myos-2.oci", directory_ / "myos-3.oci"});
    std::filesystem::copy_file(
        files.path(), directory_ / "files.img", std::filesystem::copy_options::overwrite_existing);
  }

  [[nodiscard]] MachineOptions Options() const {
    MachineOptions options;
    options.name = "demo";
    options.memory_mib = 768;
    options.drives.push_back(Drive{directory_ / "disk.img"});
    options.drives.push_back(
        Drive{directory_ / "files.img", DriveInterface::kVirtio, DriveAccess::kReadOnly, "images"});
    return options;
  }

  void FirstBoot(Machine& machine) {
    narrator_.Step("Boot it in QEMU: firmware, GRUB, kernel, ros-init, the OS");
    machine.WaitForShell("1");
    Guest(machine, "cat /etc/ros-release");
    Guest(machine, "ros status");
  }

  void GoodUpgrade(Machine& machine) {
    narrator_.Step("Upgrade it to version 2, in place; the command restarts the machine");
    narrator_.Command("machine", "ros upgrade -i /run/images/myos-2.oci");
    machine.RestartBy("ros upgrade -i /run/images/myos-2.oci");
    narrator_.Step("Version 2 boots on trial; the gate asks the health checks and commits it");
    machine.WaitForShell("2");
    Guest(machine, "cat /etc/ros-release");
    Guest(machine, "ros why");
    Guest(machine, "ros status");
  }

  void BadUpgrade(Machine& machine) {
    narrator_.Step("Upgrade it to version 3, whose health check fails");
    narrator_.Command("machine", "ros upgrade -i /run/images/myos-3.oci");
    machine.RestartBy("ros upgrade -i /run/images/myos-3.oci");
    narrator_.Step(
        "Version 3 boots on trial, fails its check, and the machine comes back by itself");
    machine.WaitForShell("2", std::chrono::seconds(900));
    Guest(machine, "cat /etc/ros-release");
    Guest(machine, "ros why");
    Guest(machine, "ros status");
    narrator_.Tell("It will not try that image again unless it is told to:");
    narrator_.Command("machine", "ros upgrade -i /run/images/myos-3.oci");
    narrator_.Answer(machine.Run("ros upgrade -i /run/images/myos-3.oci").output);
  }

  std::filesystem::path directory_;
  Narrator narrator_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: ros_demo DIRECTORY\n";
    return EXIT_FAILURE;
  }
  try {
    Demo(std::filesystem::absolute(argv[1])).Run();
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::cerr << "demo: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
}
