#pragma once

#include <functional>
#include <string>

#include "installer/console.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 is called so.
class App;
}

namespace ros::installer {

// What every command gets: where to talk, and where to leave its exit code when it is not 0 and
// nothing is thrown (`ros image verify --check`, ...).
struct CommandContext {
  Console& console;
  int exit_code = 0;
  // What to tell beside "interrupted", where a signal ends the command.
  std::string when_interrupted = "run it again to finish what it began";
  // Called when the command has ended, in whatever way, before its error is told.
  std::function<void()> before_end = [] {};
};

// Each adds one command with its options; the command runs in CLI11's callback and throws
// ros::Error. Implemented in commands/NAME_command.cpp.
void AddInstallCommand(CLI::App& app, CommandContext& context);
void AddUpgradeCommand(CLI::App& app, CommandContext& context);
void AddOsCommand(CLI::App& app, CommandContext& context);
// `ros os list` and `ros os version`.
void AddOsListCommands(CLI::App& os, CommandContext& context);
void AddResetCommand(CLI::App& app, CommandContext& context);
void AddRollbackCommand(CLI::App& app, CommandContext& context);
void AddStatusCommand(CLI::App& app, CommandContext& context);
void AddWhyCommand(CLI::App& app, CommandContext& context);
void AddHealthCommand(CLI::App& app, CommandContext& context);
void AddConfigCommand(CLI::App& app, CommandContext& context);
void AddKeysCommand(CLI::App& app, CommandContext& context);
// `ros keys list`, `trust` and `revoke`.
void AddTrustCommands(CLI::App& keys, CommandContext& context);
void AddImageCommand(CLI::App& app, CommandContext& context);
// `ros image pull`, `push` and `list`.
void AddImageCopyCommands(CLI::App& image, CommandContext& context);
void AddChannelCommand(CLI::App& app, CommandContext& context);

// --json for a command that has it.
void AddJsonFlag(CLI::App& command, CommandContext& context);

}  // namespace ros::installer
