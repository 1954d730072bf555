#pragma once

#include <string_view>

namespace ros::init {

// One line for the people who watch: into the kernel's log as "ros-init: TEXT", and onto
// /dev/console itself where the kernel would not show it there. Never throws.
void Say(std::string_view text);
// The same for what went wrong.
void Complain(std::string_view text);

}  // namespace ros::init
