#pragma once

namespace ros::installer {

// Waits until a terminal has a line to be read. An interrupt that a guard holds back ends this as
// ThrowIfInterrupted does. Throws kFailed.
void WaitForLine(int terminal);

}  // namespace ros::installer
