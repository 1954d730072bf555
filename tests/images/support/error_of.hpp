#pragma once

#include <catch2/catch.hpp>

#include "base/error.hpp"

namespace ros::images::fakes {

// The Error that `work` throws; fails the test when there is none.
template <typename Work>
Error ErrorOf(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  FAIL("nothing was thrown");
  return {ErrorKind::kFailed, ""};
}

// Checks kind and a part of the message of what `work` throws.
template <typename Work>
void CheckError(ErrorKind kind, std::string_view part, Work work) {
  const auto error = ErrorOf(work);
  INFO(error.message());
  CHECK(error.kind() == kind);
  CHECK_THAT(error.message(), Catch::Contains(std::string(part)));
  CHECK(error.message().find('\n') == std::string::npos);
}

}  // namespace ros::images::fakes
