#include "registry/curl_library.hpp"

#include <dlfcn.h>

#include <string>

#include "base/error.hpp"

namespace ros::registry {
namespace {

// The name that has not changed since 2006 (libcurl's ABI number).
constexpr const char* kLibrary = "libcurl.so.4";

template <typename Function>
void Find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr) {
    throw Error(
        ErrorKind::kFailed,
        std::string(kLibrary) + " of this machine does not have " + name + "; upgrade libcurl");
  }
}

CurlLibrary Load() {
  // Never closed: what it has started may still be used when the program ends.
  void* const library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw Error(ErrorKind::kFailed,
                std::string("registries are reached by ") + kLibrary +
                    ", which this machine does not have (Debian: libcurl4); an image in a file "
                    "needs none");
  }
  CurlLibrary curl;
  Find(library, "curl_global_init", curl.global_init);
  Find(library, "curl_easy_init", curl.easy_init);
  Find(library, "curl_easy_cleanup", curl.easy_cleanup);
  Find(library, "curl_easy_reset", curl.easy_reset);
  Find(library, "curl_easy_setopt", curl.easy_setopt);
  Find(library, "curl_easy_getinfo", curl.easy_getinfo);
  Find(library, "curl_easy_perform", curl.easy_perform);
  Find(library, "curl_easy_strerror", curl.easy_strerror);
  Find(library, "curl_slist_append", curl.slist_append);
  Find(library, "curl_slist_free_all", curl.slist_free_all);
  Find(library, "curl_url", curl.url);
  Find(library, "curl_url_cleanup", curl.url_cleanup);
  Find(library, "curl_url_set", curl.url_set);
  Find(library, "curl_url_get", curl.url_get);
  Find(library, "curl_free", curl.free);
  if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    throw Error(ErrorKind::kFailed, "libcurl does not start");
  }
  return curl;
}

}  // namespace

const CurlLibrary& Curl() {
  static const CurlLibrary curl = Load();
  return curl;
}

}  // namespace ros::registry
