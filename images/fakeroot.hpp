#pragma once

#include <string>
#include <vector>

namespace ros::images {

// Whether this process can give files to other owners and make device nodes, or believes so because
// it runs in a fakeroot session. A plain user namespace is no help: it cannot make nodes.
bool NeedsFakeroot();

// The command that runs `argv` in a fakeroot session, to be executed in place of this process:
// building an image is one session as a whole, because fakeroot forgets at its end who owns what.
std::vector<std::string> FakerootCommand(const std::vector<std::string>& argv);

}  // namespace ros::images
