#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "tests/registry/support/fault_server.hpp"
#include "tests/registry/support/served_repository.hpp"

namespace ros::testing {

using Fault = std::function<void(const ServedRequest&, ServedReply&)>;

// A real server of one repository that is sound but for a fault: a registry, or a mirror of one.
struct FaultyServer {
  explicit FaultyServer(const std::string& name = "team/os", Fault its_fault = {})
      : fault(std::move(its_fault)), served(name) {}

  [[nodiscard]] std::string Url(const std::string& path = "") const {
    return "http://" + server.host() + path;
  }

  Fault fault;
  ServedRepository served;
  FaultServer server{[this](const ServedRequest& request) {
    auto reply = served.Answer(request);
    if (fault) {
      fault(request, reply);
    }
    return reply;
  }};
};

// Bytes that repeat at no power of two.
inline std::string Content(std::size_t size) {
  std::string content(size, '\0');
  for (std::size_t at = 0; at < size; ++at) {
    content[at] = static_cast<char>(at * 7 % 251);
  }
  return content;
}

}  // namespace ros::testing
