#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace ros::keys {

// A SHA-256 digest, the only kind that `ros` knows.
struct Digest {
  std::array<std::byte, 32> bytes{};

  // Parses "sha256:" and 64 lower-case hex digits (the OCI form). Throws kVerification naming the
  // text for anything else, another algorithm included.
  static Digest Parse(std::string_view text);
  // Parses the 64 hex digits alone, in lower case. Throws as above.
  static Digest ParseHex(std::string_view hex);

  // "sha256:<hex>" and "<hex>".
  [[nodiscard]] std::string ToString() const;
  [[nodiscard]] std::string Hex() const;

  auto operator<=>(const Digest&) const = default;
};

// SHA-256 of bytes that come in pieces. May be used again after Finish(), which costs less than a
// new one.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  ~Sha256();

  void Update(ByteSpan data);
  // The digest of all bytes since the beginning; begins anew.
  Digest Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest Sha256Of(ByteSpan data);

}  // namespace ros::keys
