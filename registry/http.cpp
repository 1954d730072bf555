#include "registry/http.hpp"

#include <curl/curl.h>

#include <algorithm>

#include "base/c_ptr.hpp"
#include "base/error.hpp"
#include "base/shown_text.hpp"
#include "registry/curl_library.hpp"

namespace ros::registry {
namespace {

// The functions of libcurl that read URLs.
struct CurlUrlLibrary {
  CurlUrlLibrary() {
    FindCurlFunction("curl_url", url);
    FindCurlFunction("curl_url_cleanup", url_cleanup);
    FindCurlFunction("curl_url_set", url_set);
    FindCurlFunction("curl_url_get", url_get);
    FindCurlFunction("curl_free", free);
  }

  decltype(&curl_url) url = nullptr;
  decltype(&curl_url_cleanup) url_cleanup = nullptr;
  decltype(&curl_url_set) url_set = nullptr;
  decltype(&curl_url_get) url_get = nullptr;
  decltype(&curl_free) free = nullptr;
};

const CurlUrlLibrary& CurlUrls() {
  static const CurlUrlLibrary curl;
  return curl;
}

void FreeUrl(CURLU* url) {
  CurlUrls().url_cleanup(url);
}

void FreeText(char* text) {
  CurlUrls().free(text);
}

using CurlUrl = CPtr<CURLU, FreeUrl>;
using CurlText = CPtr<char, FreeText>;

void Set(const CurlUrl& url, const std::string& text) {
  if (CurlUrls().url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    throw Error(ErrorKind::kNetwork, "\"" + ShowText(WithoutQuery(text)) + "\" is no URL");
  }
}

std::string Get(const CurlUrl& url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (CurlUrls().url_get(url.get(), part, &text, flags) != CURLUE_OK) {
    return {};
  }
  const CurlText owned(text);
  return owned.get();
}

}  // namespace

std::optional<std::string> HttpResponse::Header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &HttpHeader::name);
  return found == headers.end() ? std::nullopt : std::optional(found->value);
}

std::string ResolveUrl(const std::string& base, const std::string& location) {
  const CurlUrl url(CurlUrls().url());
  Set(url, base);
  Set(url, location);
  return Get(url, CURLUPART_URL);
}

std::string OriginOf(const std::string& text) {
  const CurlUrl url(CurlUrls().url());
  Set(url, text);
  return Get(url, CURLUPART_SCHEME) + "://" + Get(url, CURLUPART_HOST) + ":" +
         Get(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
}

std::string WithoutQuery(std::string_view url) {
  return std::string(url.substr(0, url.find('?')));
}

std::string PercentEncode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain) {
      encoded += c;
    } else {
      encoded += {'%', kHex[byte >> 4U], kHex[byte & 0xfU]};
    }
  }
  return encoded;
}

}  // namespace ros::registry
