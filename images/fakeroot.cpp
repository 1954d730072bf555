#include "images/fakeroot.hpp"

#include <cstdlib>

namespace ros::images {

bool NeedsFakeroot() {
  // fakeroot(1): set for all that runs in a session.
  return std::getenv("FAKEROOTKEY") == nullptr;
}

std::vector<std::string> FakerootCommand(const std::vector<std::string>& argv) {
  std::vector<std::string> command = {"fakeroot", "--"};
  command.insert(command.end(), argv.begin(), argv.end());
  return command;
}

}  // namespace ros::images
