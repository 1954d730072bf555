#pragma once

#include <string>

#include "installer/command.hpp"
#include "registry/connection.hpp"

// What the commands that reach a registry have in common.
namespace ros::installer {

struct NetworkOptions {
  std::string ca_file;
  bool plain_http = false;
};

void AddNetworkOptions(CLI::App& command, NetworkOptions& options);

registry::ConnectionOptions ConnectionOf(const NetworkOptions& options);

}  // namespace ros::installer
