#include "keys/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>

#include "base/error.hpp"

namespace ros::keys {
namespace {

constexpr std::size_t kGroupText = 4;
constexpr std::size_t kGroupBytes = 3;

// Longer texts do not fit OpenSSL's int; nothing of ours comes near.
constexpr std::size_t kLimit = std::size_t{1} << 24U;

bool IsDigit(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/';
}

[[noreturn]] void Refuse() {
  throw Error(ErrorKind::kVerification, "not base64");
}

std::size_t CountPadding(std::string_view text) {
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') {
    ++padding;
  }
  return padding;
}

}  // namespace

std::string EncodeBase64(ByteSpan data) {
  if (data.size() > kLimit) {
    throw Error(ErrorKind::kFailed, "too long for base64");
  }
  // OpenSSL ends the text with a zero byte.
  std::string text((data.size() + kGroupBytes - 1) / kGroupBytes * kGroupText + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(data.data()),
                                     static_cast<int>(data.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::string DecodeBase64(std::string_view text) {
  const auto padding = CountPadding(text);
  const auto digits = text.substr(0, text.size() - padding);
  if (text.size() % kGroupText != 0 || text.size() > kLimit ||
      !std::all_of(digits.begin(), digits.end(), IsDigit)) {
    Refuse();
  }
  std::string data(text.size() / kGroupText * kGroupBytes, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(data.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (length < 0) {
    Refuse();
  }
  // OpenSSL counts the padding as zero bytes.
  data.resize(static_cast<std::size_t>(length) - padding);
  // One text for one value: bits that the padding cuts off must be zero.
  if (EncodeBase64(AsBytes(data)) != text) {
    Refuse();
  }
  return data;
}

}  // namespace ros::keys
