#pragma once

#include <curl/curl.h>

#include "base/c_ptr.hpp"

namespace ros::registry {

// The functions of libcurl that this folder calls. The library is loaded when the first of them is
// wanted: most runs of `ros` reach no network, at boot above all, and should not wait for the two
// dozen libraries that come with it; and a machine without libcurl still takes images from files.
struct CurlLibrary {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_reset) easy_reset = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
  decltype(&curl_url) url = nullptr;
  decltype(&curl_url_cleanup) url_cleanup = nullptr;
  decltype(&curl_url_set) url_set = nullptr;
  decltype(&curl_url_get) url_get = nullptr;
  decltype(&curl_free) free = nullptr;
};

// Loads the library, once for the program. Throws kFailed saying what to install where it is not
// there, or is too old.
const CurlLibrary& Curl();

namespace curl_library {

inline void FreeEasy(CURL* easy) {
  Curl().easy_cleanup(easy);
}

inline void FreeList(curl_slist* list) {
  Curl().slist_free_all(list);
}

inline void FreeUrl(CURLU* url) {
  Curl().url_cleanup(url);
}

inline void FreeText(char* text) {
  Curl().free(text);
}

}  // namespace curl_library

using CurlEasy = CPtr<CURL, curl_library::FreeEasy>;
using CurlList = CPtr<curl_slist, curl_library::FreeList>;
using CurlUrl = CPtr<CURLU, curl_library::FreeUrl>;
using CurlText = CPtr<char, curl_library::FreeText>;

}  // namespace ros::registry
