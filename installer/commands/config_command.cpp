#include <CLI/CLI.hpp>

#include "installer/command.hpp"

namespace ros::installer {

void AddConfigCommand(CLI::App& app, CommandContext& /*context*/) {
  app.add_subcommand("config", "The machine's configuration");
}

}  // namespace ros::installer
