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
#include "registry/sources.hpp"
#include "registry/upload.hpp"

namespace ros::registry {

// Limits on what a registry may say.
inline constexpr Bytes kMaxManifest = Bytes{256} << 10U;  // what images::kMaxManifestSize allows
inline constexpr std::size_t kMaxTags = 10'000;

struct Manifest {
  std::string raw;
  std::string media_type;
  keys::Digest digest;  // of the raw bytes
};

// One repository of a registry, by the OCI distribution-spec 1.1. All digests are compared. What is
// read comes from its mirrors too (sources.hpp), what is written goes to the registry itself.
// Everything throws kNetwork naming host and repository, and kVerification where bytes do not have
// the digest that they were asked for by. For one thread.
class Repository {
 public:
  // The session outlives it. `name` is "team/myos".
  Repository(Session& session, std::string name);

  // As above, with mirrors of it; the sessions outlive it.
  Repository(Session& session, std::string name, Sources sources);

  // "registry.example/team/myos".
  [[nodiscard]] std::string Name() const { return session_.host() + "/" + name_; }

  // None where there is no such tag. Of a tag's the digest is compared with the one that the
  // registry says, where it says one (Docker-Content-Digest). A mirror may have kept what a tag
  // meant some time ago: with kRegistryFirst the registry is asked first, once where it is not
  // reached and there are mirrors; one that alone gives it then is warned of.
  std::optional<Manifest> FindManifest(const std::string& tag,
                                       Sources::Order order = Sources::Order::kMirrorsFirst);
  std::optional<Manifest> FindManifest(const keys::Digest& digest);

  // The list of what refers to this manifest (distribution-spec 1.1, "Listing Referrers"), an image
  // index as JSON; where the registry has no such lists the one under the tag "sha256-HEX", which
  // clients keep there. Its first page. None where there is neither.
  std::optional<Manifest> FindReferrers(const keys::Digest& digest);

  // Hands a blob of this size on, in order (download.hpp), each byte once, whatever source it comes
  // from. What was handed on is right only when this returns: the digest is known at its end. A
  // mirror that has sent some of a blob that is wrong counts as failed.
  void ReadBlob(const keys::Digest& digest, Bytes size, const BodySink& sink);

  // Hands these ranges of a blob of this size on (download.hpp), each byte once. Nothing is
  // compared with the digest: that is left to whoever knows the parts, and is told which mirrors
  // send them, each before its first byte.
  using MirrorSends = std::function<void(const Endpoint&)>;
  void ReadRanges(const keys::Digest& digest,
                  Bytes size,
                  std::span<const ByteRange> ranges,
                  const BodySink& sink,
                  const MirrorSends& mirror_sends = {});

  // Fills `into` with a part of a blob of this size: one source after the other is asked until
  // `is_right` says so of what came. Throws kVerification where no source has that.
  void ReadRight(const keys::Digest& digest,
                 Bytes size,
                 const ByteRange& part,
                 MutableByteSpan into,
                 const std::function<bool()>& is_right);

  [[nodiscard]] bool HasMirrors() const { return sources_.HasMirrors(); }

  // How many blobs were wrong until now of which a mirror had sent some: reading them again goes to
  // the other sources first.
  [[nodiscard]] int CountWrongBlobs() const { return wrong_blobs_; }

  [[nodiscard]] bool HasBlob(const keys::Digest& digest);

  // Uploads a blob (upload.hpp). Nothing is done where it is there already.
  void WriteBlob(const keys::Digest& digest,
                 const HttpBody& body,
                 const UploadOptions& options = {});

  // Puts a manifest under a tag or its digest.
  void WriteManifest(const std::string& name, const std::string& raw, const std::string& type);

  // All tags, as the registry orders them; of a mirror, which may know fewer, only where the
  // registry is not reached or out of order. Throws kNetwork beyond kMaxTags.
  std::vector<std::string> ListTags();

 private:
  std::optional<Manifest> GetManifest(const Source& source,
                                      const std::string& name,
                                      Sources::Order order = Sources::Order::kMirrorsFirst) const;
  std::optional<Manifest> GetReferrers(const Source& source, const keys::Digest& digest) const;
  std::vector<std::string> GetTags(const Source& source) const;
  [[nodiscard]] RemoteFile FileOf(const Source& source,
                                  const keys::Digest& digest,
                                  Bytes size) const;
  // A blob that is compared before anything of it is handed on, so that a wrong one costs nothing.
  void ReadSmallBlob(const keys::Digest& digest, Bytes size, const BodySink& sink);
  void ReadLargeBlob(const keys::Digest& digest, Bytes size, const BodySink& sink);
  [[nodiscard]] std::string Path(const std::string& rest) const;

  Session& session_;
  std::string name_;
  Sources sources_;
  int wrong_blobs_ = 0;
};

}  // namespace ros::registry
