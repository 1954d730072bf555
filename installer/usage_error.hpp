#pragma once

#include <string>

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 is called so.
class App;
class ParseError;
}  // namespace CLI

namespace ros::installer {

// What is wrong with a command line that `app` did not take, and whose help to read:
//   unknown command "instal" (did you mean "install"?); see ros --help
std::string DescribeUsageError(const CLI::App& app, const CLI::ParseError& error);

}  // namespace ros::installer
