#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "keys/public_key.hpp"

namespace ros::keys {

// Limits of a trust store.
inline constexpr std::size_t kMaxTrustedKeys = 64;
inline constexpr Bytes kMaxKeyFileSize = Bytes{64} << 10U;

// The public keys whose signatures are believed. A value; nothing is read again later.
class TrustStore {
 public:
  TrustStore() = default;

  // All *.pub and *.pem files of a directory, in the order of their names; other names are passed
  // over. A directory that does not exist is an empty store; a file that is not a public key throws
  // kUsage naming it (a trust store is never read in part).
  static TrustStore LoadDirectory(const std::filesystem::path& directory);
  // These files; throws as above, also when one does not exist.
  static TrustStore FromFiles(const std::vector<std::filesystem::path>& files);

  // Adds a key; the same key twice counts once. Throws kUsage beyond kMaxTrustedKeys.
  void Add(PublicKey key);

  [[nodiscard]] const std::vector<PublicKey>& keys() const { return keys_; }

  [[nodiscard]] bool empty() const { return keys_.empty(); }

  // "release.pub (ecdsa 0123456789abcdef), ...": for messages.
  [[nodiscard]] std::string Describe() const;

 private:
  std::vector<PublicKey> keys_;
};

}  // namespace ros::keys
