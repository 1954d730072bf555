#pragma once

#include <string>
#include <vector>

namespace ros::images {

// Whether this process still has to enter a fakeroot session before it builds an image. Everybody
// needs one: an ordinary user to give files to other owners and to make device nodes (a plain user
// namespace cannot make nodes); root too, because file systems list a file's extended attributes in
// an order of their own and mkfs.erofs keeps it, while fakeroot's order is the same everywhere. So
// the same input gives the same digest to every user on every file system.
bool NeedsFakeroot();

// Runs `argv` in a fakeroot session with this process's streams and returns its exit code: building
// an image is one session as a whole, because fakeroot forgets at its end who owns what. fakeroot
// is a script that a signal ends before it has ended its daemon, so SIGINT, SIGTERM and SIGHUP are
// handed to the program inside, and the session ends with it. Throws kFailed where fakeroot is not
// installed.
int RunInFakeroot(const std::vector<std::string>& argv);

}  // namespace ros::images
