#pragma once

#include <memory>
#include <string>

#include "installer/command.hpp"
#include "installer/registries_file.hpp"
#include "registry/connection.hpp"

// What the commands that reach a registry have in common.
namespace ros::installer {

// What an option says that takes what LocateImage reads.
inline constexpr const char* kWhereImagesAre =
    "a file or directory, where it is in a registry, its https:// address, or - for standard input";

struct NetworkOptions {
  std::string ca_file;
  bool plain_http = false;
  // What one connection has seen of them, and of servers, all others of the command know.
  std::shared_ptr<registry::Mirrors> mirrors =
      std::make_shared<registry::Mirrors>(ReadRegistriesFile);
  std::shared_ptr<registry::RangeSupport> ranges = std::make_shared<registry::RangeSupport>();
};

// And WarnOfMirrors when the command has ended.
void AddNetworkOptions(CLI::App& command, NetworkOptions& options, CommandContext& context);

// Tells what is to be known of mirrors, each thing once.
void WarnOfMirrors(registry::Mirrors& mirrors, const Console& console);

// To read, from the mirrors that this machine has too.
registry::ConnectionOptions ConnectionOf(const NetworkOptions& options);

// To the registry itself: what is pushed, and what that is compared with, is no matter of mirrors.
registry::ConnectionOptions ConnectionToPush(const NetworkOptions& options);

}  // namespace ros::installer
