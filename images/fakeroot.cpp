#include "images/fakeroot.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.hpp"

namespace ros::images {
namespace {

// Root in a container without CAP_MKNOD is no root for us.
bool CanMakeNodes() {
  const TempDirectory directory("ros-node");
  const auto node = directory.path() / "null";
  // No driver has the number 0:0.
  return ::mknod(node.c_str(), S_IFBLK | 0600, makedev(0, 0)) == 0;
}

}  // namespace

bool NeedsFakeroot() {
  return ::geteuid() != 0 || !CanMakeNodes();
}

std::vector<std::string> FakerootCommand(const std::vector<std::string>& argv) {
  std::vector<std::string> command = {"fakeroot", "--"};
  command.insert(command.end(), argv.begin(), argv.end());
  return command;
}

}  // namespace ros::images
