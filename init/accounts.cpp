#include "init/accounts.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

namespace ros::init {
namespace {

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// The first field; empty for a line that is no account.
std::string_view Key(std::string_view line) {
  const auto end = line.find(':');
  return end == std::string_view::npos ? std::string_view() : line.substr(0, end);
}

// The machine's line with the members that only the image's line has (the last field).
std::string AddMembers(std::string_view machine, std::string_view image) {
  const auto members = [](std::string_view line) {
    return Split(line.substr(line.rfind(':') + 1), ',');
  };
  const auto known = members(machine);
  std::string line(machine);
  for (const auto& member : members(image)) {
    if (std::find(known.begin(), known.end(), member) == known.end()) {
      line += line.ends_with(':') ? "" : ",";
      line += member;
    }
  }
  return line;
}

}  // namespace

std::string MergeAccounts(AccountFile kind, std::string_view machine, std::string_view image) {
  std::map<std::string_view, std::string_view> offered;
  for (const auto& line : Split(image, '\n')) {
    if (!Key(line).empty()) {
      offered.emplace(Key(line), line);
    }
  }
  std::set<std::string_view> known;
  std::string merged;
  for (const auto& line : Split(machine, '\n')) {
    const auto at = offered.find(Key(line));
    known.insert(Key(line));
    merged += kind == AccountFile::kGroups && at != offered.end() ? AddMembers(line, at->second)
                                                                  : std::string(line);
    merged += '\n';
  }
  for (const auto& line : Split(image, '\n')) {
    if (!Key(line).empty() && known.insert(Key(line)).second) {
      merged.append(line) += '\n';
    }
  }
  return merged;
}

}  // namespace ros::init
