#pragma once

namespace ros::registry {

// The address of a function of libcurl. The library is loaded when the first of them is wanted, and
// stays: most runs of `ros` reach no network, at boot above all, and should not wait for the two
// dozen libraries that come with it; and a machine without libcurl still takes images from files.
// Throws kFailed saying what to install where it is not there, or is too old.
void* FindCurlFunction(const char* name);

// Sets a pointer to it, whose type is that of the function's declaration in <curl/curl.h>.
template <typename Function>
void FindCurlFunction(const char* name, Function& function) {
  function = reinterpret_cast<Function>(FindCurlFunction(name));
}

}  // namespace ros::registry
