#include "installer/command.hpp"

#include <CLI/CLI.hpp>

namespace ros::installer {

void AddJsonFlag(CLI::App& command, CommandContext& context) {
  command.add_flag_callback(
      "--json",
      [&context] { context.console.set_format(OutputFormat::kJson); },
      "Write JSON to standard output");
}

}  // namespace ros::installer
