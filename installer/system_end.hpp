#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ros::installer {

// The end of a running system whose init cannot be asked for one that keeps a loaded kernel: what
// comes before a reboot by kexec.

// Processes that are to end with the system: all but process 1, the caller, and the kernel's own.
std::vector<pid_t> ListProcesses(const std::filesystem::path& proc = "/proc");

// Asks them to end (SIGTERM), and kills (SIGKILL) those that have not after `patience`. Returns
// when all have ended; a process that the kernel holds is not waited for longer than `patience`
// again.
void EndProcesses(const std::vector<pid_t>& processes, std::chrono::milliseconds patience);

// Mount points of file systems on devices that are mounted for writing, the last mounted first, out
// of the text of /proc/mounts (fstab(5)). Overlays are among them: they hold those below.
std::vector<std::string> WritableMounts(std::string_view mounts);

// Ends all processes, writes everything to the disks, and makes the file systems read-only as far
// as they can be (their journals make up for the rest). Waits ten seconds at most for each kind of
// signal. Process 1 is told to start nothing anew (SIGTSTP, which busybox and sysvinit know); what
// another one starts is killed once more. Nothing is left to go on with afterwards but reboot(2).
void EndSystem();

}  // namespace ros::installer
