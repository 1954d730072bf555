#include "qemu-harness/host.hpp"

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

}  // namespace ros::qemu
