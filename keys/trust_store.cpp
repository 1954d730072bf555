#include "keys/trust_store.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::keys {

TrustStore TrustStore::LoadDirectory(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& name : ListDirectory(directory)) {
    const auto extension = std::filesystem::path(name).extension();
    if (extension == ".pub" || extension == ".pem") {
      files.push_back(directory / name);
    }
  }
  return FromFiles(files);
}

TrustStore TrustStore::FromFiles(const std::vector<std::filesystem::path>& files) {
  TrustStore store;
  for (const auto& file : files) {
    store.Add(PublicKey::FromPem(ReadFile(file, kMaxKeyFileSize), file.string()));
  }
  return store;
}

void TrustStore::Add(PublicKey key) {
  const auto fingerprint = key.Fingerprint();
  const bool known = std::any_of(keys_.begin(), keys_.end(), [&](const PublicKey& other) {
    return other.Fingerprint() == fingerprint;
  });
  if (known) {
    return;
  }
  if (keys_.size() >= kMaxTrustedKeys) {
    throw Error(ErrorKind::kUsage,
                key.name() + ": more than " + std::to_string(kMaxTrustedKeys) +
                    " trusted keys are not supported");
  }
  keys_.push_back(std::move(key));
}

std::string TrustStore::Describe() const {
  std::string text;
  for (const auto& key : keys_) {
    text += (text.empty() ? "" : ", ") + key.name() + " (" + std::string(Name(key.type())) + " " +
            key.Fingerprint() + ")";
  }
  return text;
}

}  // namespace ros::keys
