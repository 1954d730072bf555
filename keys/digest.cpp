#include "keys/digest.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

#include "base/c_ptr.hpp"
#include "base/error.hpp"

namespace ros::keys {
namespace {

constexpr std::string_view kPrefix = "sha256:";
// A message shows no more than this of a text that came from outside.
constexpr std::size_t kShownLength = 100;

bool IsLowerHex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

[[noreturn]] void ThrowNotADigest(std::string_view text) {
  std::string shown(text.substr(0, kShownLength));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  throw Error(ErrorKind::kVerification,
              "\"" + shown + "\" is not a digest of the form sha256:<64 hex digits>");
}

void Check(int result) {
  if (result != 1) {
    throw Error(ErrorKind::kFailed, "OpenSSL cannot compute SHA-256");
  }
}

}  // namespace

Digest Digest::Parse(std::string_view text) {
  if (!text.starts_with(kPrefix)) {
    ThrowNotADigest(text);
  }
  return ParseHex(text.substr(kPrefix.size()));
}

Digest Digest::ParseHex(std::string_view hex) {
  Digest digest;
  if (hex.size() != 2 * digest.bytes.size() || !std::all_of(hex.begin(), hex.end(), IsLowerHex)) {
    ThrowNotADigest(hex);
  }
  const std::string raw = ros::ParseHex(hex);
  std::memcpy(digest.bytes.data(), raw.data(), digest.bytes.size());
  return digest;
}

std::string Digest::ToString() const {
  return std::string(kPrefix) + Hex();
}

std::string Digest::Hex() const {
  return ToHex(bytes);
}

struct Sha256::State {
  CPtr<EVP_MD_CTX, EVP_MD_CTX_free> context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  Check(state_->context ? 1 : 0);
  Check(EVP_DigestInit_ex2(state_->context.get(), EVP_sha256(), nullptr));
}

Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::Update(ByteSpan data) {
  Check(EVP_DigestUpdate(state_->context.get(), data.data(), data.size()));
}

Digest Sha256::Finish() {
  Digest digest;
  Check(EVP_DigestFinal_ex(
      state_->context.get(), reinterpret_cast<unsigned char*>(digest.bytes.data()), nullptr));
  // Without a type the context keeps the one it has, and nothing is looked up or allocated.
  Check(EVP_DigestInit_ex2(state_->context.get(), nullptr, nullptr));
  return digest;
}

Digest Sha256Of(ByteSpan data) {
  Sha256 hash;
  hash.Update(data);
  return hash.Finish();
}

}  // namespace ros::keys
