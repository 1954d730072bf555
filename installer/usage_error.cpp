#include "installer/usage_error.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "base/nearest_name.hpp"

namespace ros::installer {
namespace {

// The command that the words led to.
const CLI::App& Deepest(const CLI::App& app) {
  const auto named = app.get_subcommands();
  return named.empty() ? app : Deepest(*named.back());
}

std::string FullName(const CLI::App& app) {
  const auto* parent = app.get_parent();
  return (parent == nullptr ? "" : FullName(*parent) + " ") + app.get_name();
}

std::string DescribeMissingCommand(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands([](const CLI::App* /*all*/) { return true; })) {
    names.push_back(command->get_name());
  }
  const auto words = app.remaining();
  if (words.empty()) {
    std::string list;
    for (const auto& name : names) {
      list += (list.empty() ? "" : ", ") + name;
    }
    return "a command is missing: " + list;
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  const auto nearest = NearestName(words.front(), known);
  return std::string(words.front().starts_with('-') ? "unknown option" : "unknown command") +
         " \"" + words.front() + "\"" +
         (nearest.empty() ? "" : " (did you mean \"" + std::string(nearest) + "\"?)");
}

// The first word that the command does not know, an option before anything else; empty where it
// knows all. What is missing is often what was misspelt.
std::string DescribeUnknownWord(const CLI::App& command) {
  auto words = command.remaining();
  // What is behind that mark is no option, and the mark no word.
  const auto mark = std::find(words.begin(), words.end(), "--");
  const auto option =
      std::find_if(words.begin(), mark, [](const auto& word) { return word.starts_with('-'); });
  if (option == mark) {
    std::erase(words, "--");
    return words.empty() ? "" : "\"" + words.front() + "\" is one word too many";
  }
  std::vector<std::string> names;
  for (const auto* listed : command.get_options()) {
    for (const auto& name : listed->get_lnames()) {
      names.push_back("--" + name);
    }
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  const auto name = option->substr(0, option->find('='));
  const auto nearest = NearestName(name, known);
  return "unknown option \"" + name + "\"" +
         (nearest.empty() ? "" : " (did you mean \"" + std::string(nearest) + "\"?)");
}

}  // namespace

std::string DescribeUsageError(const CLI::App& app, const CLI::ParseError& error) {
  const auto& command = Deepest(app);
  const bool wants_command = command.get_require_subcommand_min() > 0;
  const auto unknown =
      wants_command ? DescribeMissingCommand(command) : DescribeUnknownWord(command);
  return (unknown.empty() ? std::string(error.what()) : unknown) + "; see " + FullName(command) +
         " --help";
}

}  // namespace ros::installer
