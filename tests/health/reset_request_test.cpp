#include "health/reset_request.hpp"

#include <catch2/catch.hpp>

#include "base/file.hpp"

namespace ros::health {

TEST_CASE("ResetRequest: is there from its writing to its removal", "[health]") {
  const TempDirectory directory("ros-reset");
  CHECK_FALSE(ReadResetRequest(directory.path()));
  for (const auto scope : {ResetScope::kContent, ResetScope::kContentAndTrust}) {
    WriteResetRequest(directory.path(), scope);
    CHECK(ReadResetRequest(directory.path()) == scope);
    RemoveResetRequest(directory.path());
    CHECK_FALSE(ReadResetRequest(directory.path()));
  }
  RemoveResetRequest(directory.path());
}

TEST_CASE("ResetRequest: one that makes no sense asks for the less", "[health]") {
  const TempDirectory directory("ros-reset");
  WriteFileAtomically(directory.path() / "reset", AsBytes(std::string_view("content-and-tru")));
  CHECK(ReadResetRequest(directory.path()) == ResetScope::kContent);
}

}  // namespace ros::health
