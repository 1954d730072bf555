#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "keys/digest.hpp"
#include "registry/download.hpp"
#include "registry/session.hpp"
#include "registry/upload.hpp"

namespace ros::registry {

// Limits on what a registry may say.
inline constexpr Bytes kMaxManifest = Bytes{4} << 20U;  // distribution-spec, "Pushing Manifests"
inline constexpr std::size_t kMaxTags = 10'000;

struct Manifest {
  std::string raw;
  std::string media_type;
  keys::Digest digest;  // of the raw bytes
};

// One repository of a registry, by the OCI distribution-spec 1.1. All digests are compared.
// Everything throws kNetwork naming host and repository, and kVerification where bytes do not have
// the digest that they were asked for by. For one thread.
class Repository {
 public:
  // The session outlives it. `name` is "team/myos".
  Repository(Session& session, std::string name);

  // "registry.example/team/myos".
  [[nodiscard]] std::string Name() const { return session_.host() + "/" + name_; }

  // None where there is no such tag. Of a tag's the digest is compared with the one that the
  // registry says, where it says one (Docker-Content-Digest).
  std::optional<Manifest> FindManifest(const std::string& tag);
  std::optional<Manifest> FindManifest(const keys::Digest& digest);

  // Hands a blob of this size on, in order (download.hpp). What was handed on is right only when
  // this returns: the digest is known at its end.
  void ReadBlob(const keys::Digest& digest, Bytes size, const BodySink& sink);

  // Hands these ranges of a blob of this size on (download.hpp). Nothing is compared with the
  // digest: that is left to whoever knows the parts.
  void ReadRanges(const keys::Digest& digest,
                  Bytes size,
                  std::span<const ByteRange> ranges,
                  const BodySink& sink);

  [[nodiscard]] bool HasBlob(const keys::Digest& digest);

  // Uploads a blob (upload.hpp). Nothing is done where it is there already.
  void WriteBlob(const keys::Digest& digest,
                 const HttpBody& body,
                 const UploadOptions& options = {});

  // Puts a manifest under a tag or its digest.
  void WriteManifest(const std::string& name, const std::string& raw, const std::string& type);

  // All tags, as the registry orders them. Throws kNetwork beyond kMaxTags.
  std::vector<std::string> ListTags();

 private:
  std::optional<Manifest> GetManifest(const std::string& name);
  [[nodiscard]] RemoteFile FileOf(const keys::Digest& digest, Bytes size) const;
  [[nodiscard]] std::string Path(const std::string& rest) const;

  Session& session_;
  std::string name_;
};

}  // namespace ros::registry
