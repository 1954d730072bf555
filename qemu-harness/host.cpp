#include "qemu-harness/host.hpp"

#include "qemu-harness/boot_setup.hpp"
#include "qemu-harness/places.hpp"

namespace ros::qemu {
namespace {

Command RosCommandLine(std::vector<std::string> arguments) {
  Command command;
  command.argv = std::move(arguments);
  command.argv.insert(command.argv.begin(), RosCommand().string());
  return command;
}

}  // namespace

ProcessResult Ros(std::vector<std::string> arguments) {
  return RunProcess(RosCommandLine(std::move(arguments)));
}

std::string MustRos(std::vector<std::string> arguments) {
  return RunTool(RosCommandLine(std::move(arguments)));
}

void InstallImage(std::string_view image,
                  const std::filesystem::path& target,
                  const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"install",
                                        "-d",
                                        target.string(),
                                        "-i",
                                        ImagePath(image).string(),
                                        "--key",
                                        KeyPath("release.pub").string(),
                                        "--no-reboot"};
  const std::string& type = Setup().loader->install_type;
  if (!type.empty()) {
    arguments.insert(arguments.end(), {"-t", type});
  }
  arguments.insert(arguments.end(), more.begin(), more.end());
  MustRos(std::move(arguments));
}

DiskImage NewDisk(std::string_view image, std::vector<std::string> more) {
  const TempDirectory directory(RunDirectory(), "install");
  const std::filesystem::path file = directory.path() / "new.img";
  more.insert(more.end(), {"--size", "2G", "--slot-size", "256M"});
  InstallImage(image, file, more);
  return DiskImage(file);
}

}  // namespace ros::qemu
