#include "installer/commands/network_options.hpp"

#include <CLI/CLI.hpp>

namespace ros::installer {

void AddNetworkOptions(CLI::App& command, NetworkOptions& options, CommandContext& context) {
  command.add_option("--ca", options.ca_file, "Certificates to trust instead of the system's, PEM")
      ->check([](const std::string& file) {
        return file.empty() ? std::string() : CLI::ExistingFile(file);
      })
      ->type_name("FILE");
  command.add_flag(
      "--plain-http", options.plain_http, "Reach the registry or web server without encryption");
  command.preparse_callback([&context, mirrors = options.mirrors](std::size_t /*arguments*/) {
    context.before_end = [&context, mirrors] { WarnOfMirrors(*mirrors, context.console); };
  });
}

void WarnOfMirrors(registry::Mirrors& mirrors, const Console& console) {
  for (const auto& warning : mirrors.TakeWarnings()) {
    console.Warn(warning);
  }
}

registry::ConnectionOptions ConnectionOf(const NetworkOptions& options) {
  return {.ca_file = options.ca_file,
          .plain_http = options.plain_http,
          .mirrors = options.mirrors,
          .ranges = options.ranges};
}

registry::ConnectionOptions ConnectionToPush(const NetworkOptions& options) {
  return {.ca_file = options.ca_file,
          .plain_http = options.plain_http,
          .mirrors = nullptr,
          .ranges = options.ranges};
}

}  // namespace ros::installer
