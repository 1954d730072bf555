#pragma once

#include <string>
#include <vector>

namespace ros::init {

// Makes the file system at kRootDirectory the root of everything, itself the current directory, and
// leaves a child behind that frees the initrd's memory. /dev, /proc and /sys have been moved there
// before. Throws kFailed.
void SwitchRoot();

// The programs to try as init: `asked` alone where the command line names one, else the usual ones.
std::vector<std::string> InitCandidates(const std::string& asked);

// Becomes the OS's init, with the arguments that the kernel gave us (`argv`, ended by null).
// Returns only by throwing kFailed: no candidate could be executed, and why.
[[noreturn]] void ExecInit(const std::vector<std::string>& candidates, char** argv);

}  // namespace ros::init
