#pragma once

#include <string>

#include "base/error.hpp"

// The message of the kUsage error that `work` throws; "" when it throws none.
template <typename Work>
std::string UsageErrorOf(Work&& work) {
  try {
    work();
  } catch (const ros::Error& error) {
    return error.kind() == ros::ErrorKind::kUsage ? error.message()
                                                  : "not kUsage: " + error.message();
  }
  return "";
}
