#pragma once

#include <string>

#include "tests/registry/support/fault_server.hpp"

namespace ros::testing {

// What a server that knows one and more ranges answers about one file.
ServedReply ServeFile(const ServedRequest& request, const std::string& content);

}  // namespace ros::testing
