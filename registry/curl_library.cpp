#include "registry/curl_library.hpp"

#include <curl/curl.h>
#include <dlfcn.h>

#include <string>

#include "base/error.hpp"

namespace ros::registry {
namespace {

// The name that has not changed since 2006 (libcurl's ABI number).
constexpr const char* kLibrary = "libcurl.so.4";

void* Find(void* library, const char* name) {
  void* const function = ::dlsym(library, name);
  if (function == nullptr) {
    throw Error(
        ErrorKind::kFailed,
        std::string(kLibrary) + " of this machine does not have " + name + "; upgrade libcurl");
  }
  return function;
}

void* Load() {
  // Never closed: what it has started may still be used when the program ends.
  void* const library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw Error(ErrorKind::kFailed,
                std::string("registries are reached by ") + kLibrary +
                    ", which this machine does not have (Debian: libcurl4); an image in a file "
                    "needs none");
  }
  const auto start =
      reinterpret_cast<decltype(&curl_global_init)>(Find(library, "curl_global_init"));
  if (start(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    throw Error(ErrorKind::kFailed, "libcurl does not start");
  }
  return library;
}

}  // namespace

void* FindCurlFunction(const char* name) {
  static void* const library = Load();
  return Find(library, name);
}

}  // namespace ros::registry
