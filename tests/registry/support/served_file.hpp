#pragma once

#include <algorithm>
#include <string>

#include "tests/registry/support/fault_server.hpp"

namespace ros::testing {

// What a static web server that knows ranges answers about one file.
inline ServedReply ServeFile(const ServedRequest& request, const std::string& content) {
  const auto range = request.Header("range");
  if (range.empty()) {
    return {.status = 200, .headers = {}, .body = content};
  }
  const auto dash = range.find('-');
  const auto first = std::stoull(range.substr(range.find('=') + 1));
  const auto last = std::min<std::size_t>(std::stoull(range.substr(dash + 1)), content.size() - 1);
  if (first >= content.size()) {
    return {.status = 416, .headers = {}, .body = {}};
  }
  return {.status = 206,
          .headers = {{"content-range",
                       "bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" +
                           std::to_string(content.size())}},
          .body = content.substr(first, last - first + 1)};
}

}  // namespace ros::testing
