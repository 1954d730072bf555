#include "keys/key_pair.hpp"

#include <system_error>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::keys {
namespace {

constexpr mode_t kPrivateMode = 0600;
constexpr mode_t kPublicMode = 0644;

}  // namespace

void WriteKeyPair(const std::filesystem::path& stem,
                  const PublicKey& public_key,
                  const Secret& private_pem) {
  const std::filesystem::path private_path = stem.string() + ".key";
  const std::filesystem::path public_path = stem.string() + ".pub";
  if (std::filesystem::exists(std::filesystem::symlink_status(public_path))) {
    throw Error(ErrorKind::kRefused, public_path.string() + " exists already");
  }
  CreateFileDurably(private_path, AsBytes(private_pem.view()), kPrivateMode);
  try {
    CreateFileDurably(public_path, AsBytes(public_key.ToPem()), kPublicMode);
  } catch (const Error&) {
    // A key without its public half is no pair, and would block the next try.
    std::error_code ignored;
    std::filesystem::remove(private_path, ignored);
    throw;
  }
}

void WriteKeyPair(const std::filesystem::path& stem, const PrivateKey& key) {
  WriteKeyPair(stem, key.Public(), key.ToPem());
}

}  // namespace ros::keys
