// The `ros` command. Only this file turns exceptions into exit codes.
#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/memory.hpp"
#include "installer/command.hpp"
#include "installer/usage_error.hpp"

namespace {

using ros::installer::CommandContext;
using ros::installer::Console;

constexpr int kUsageExit = static_cast<int>(ros::ErrorKind::kUsage);
constexpr int kSignalExit = 128;  // as shells have it
constexpr int kFailedExit = static_cast<int>(ros::ErrorKind::kFailed);

void AddCommands(CLI::App& app, CommandContext& context) {
  using namespace ros::installer;  // NOLINT(google-build-using-namespace): a list of its names.
  AddInstallCommand(app, context);
  AddUpgradeCommand(app, context);
  AddRollbackCommand(app, context);
  AddResetCommand(app, context);
  AddStatusCommand(app, context);
  AddWhyCommand(app, context);
  AddHealthCommand(app, context);
  AddConfigCommand(app, context);
  AddImageCommand(app, context);
  AddChannelCommand(app, context);
  AddKeysCommand(app, context);
  AddOsCommand(app, context);
}

// Help and version are results too; other usage errors are told.
int EndParsing(const CLI::App& app, const CLI::ParseError& error, const Console& console) {
  if (error.get_exit_code() == 0) {
    return app.exit(error);
  }
  console.Fail(ros::installer::DescribeUsageError(app, error), kUsageExit);
  return kUsageExit;
}

// The exit code of the command that the arguments name.
int Parse(int argc, char** argv, CommandContext& context) {
  CLI::App app{"Installs and upgrades a container operating system in two slots.", "ros"};
  app.set_version_flag("--version", "ros " ROS_VERSION);
  app.require_subcommand(1);
  // The last of an option that is given twice wins, so that scripts can override; lists take all.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.footer("Manual: man ros. A command's options: ros COMMAND --help.");
  AddCommands(app, context);
  try {
    app.parse(argc, argv);
    return context.exit_code;
  } catch (const CLI::ParseError& error) {
    return EndParsing(app, error, context.console);
  }
}

int Run(int argc, char** argv) {
  Console console;
  CommandContext context{console};
  try {
    const int code = Parse(argc, argv, context);
    context.before_end();
    console.CheckPrinted();
    return code;
  } catch (const ros::Error& error) {
    context.before_end();
    if (const auto signal = ros::WaitingInterrupt()) {
      console.Fail("interrupted; " + context.when_interrupted, kSignalExit + *signal);
      return kSignalExit + *signal;
    }
    const int code = static_cast<int>(error.kind());
    console.Fail(error.message(), code);
    return code;
  } catch (const std::exception& error) {
    console.Fail(std::string("internal error: ") + error.what(), kFailedExit);
    return kFailedExit;
  }
}

}  // namespace

int main(int argc, char** argv) {
  ros::GiveLargeBuffersBack();
  // Both come back as an error of the write, which says what could not be written.
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  static_cast<void>(std::signal(SIGXFSZ, SIG_IGN));
  try {
    return Run(argc, argv);
  } catch (...) {
    return kFailedExit;
  }
}
