#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/file.hpp"

namespace ros::testing {

// Compares with tests/data/NAME; ROS_ACCEPT=1 rewrites that file instead.
inline void CheckGolden(const std::string& name, const std::string& text) {
  constexpr Bytes kLimit = Bytes{1} << 20U;
  const auto path = std::filesystem::path(ROS_TEST_DATA) / name;
  const char* accept = std::getenv("ROS_ACCEPT");  // NOLINT(concurrency-mt-unsafe)
  if (accept != nullptr && std::string_view(accept) == "1") {
    std::filesystem::create_directories(path.parent_path());
    WriteFileAtomically(path, AsBytes(text));
    WARN("skipped: rewrote " << path);
    return;
  }
  CHECK(text == ReadFile(path, kLimit));
}

}  // namespace ros::testing
