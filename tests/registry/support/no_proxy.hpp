#pragma once

#include <cstdlib>

namespace ros::testing {

// No proxy of whoever runs the tests stands between them and their server.
class NoProxy {
 public:
  NoProxy() {
    for (const auto* name :
         {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) {
      ::unsetenv(name);
    }
  }
};

}  // namespace ros::testing
