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

// To read, from the mirrors that this machine has too.
registry::ConnectionOptions ConnectionOf(const NetworkOptions& options);

// To the registry itself: what is pushed, and what that is compared with, is no matter of mirrors.
registry::ConnectionOptions ConnectionToPush(const NetworkOptions& options);

}  // namespace ros::installer
