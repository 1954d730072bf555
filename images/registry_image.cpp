#include "images/registry_image.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "base/error.hpp"
#include "images/oci_index.hpp"
#include "images/registry_artifact.hpp"
#include "images/remote_blob.hpp"
#include "images/text_blob.hpp"

namespace ros::images {
namespace {

using registry::BodySink;
using registry::Connection;

// A connection that several threads take turns with.
struct SharedConnection {
  SharedConnection(const registry::ConnectionOptions& options, const registry::Reference& reference)
      : connection(options, reference) {}

  Connection connection;
  std::mutex mutex;
};

// Where blobs come from.
struct Origin {
  registry::Reference reference;
  registry::ConnectionOptions options;
  std::shared_ptr<SharedConnection> shared;
};

struct SizedBlob {
  keys::Digest digest;
  Bytes size = 0;
};

// Fills `into` by the connection that all share.
void Fetch(const Origin& origin, const SizedBlob& blob, Bytes offset, MutableByteSpan into) {
  const ByteRange range{.offset = offset, .length = into.size()};
  const std::lock_guard lock(origin.shared->mutex);
  auto& repository = origin.shared->connection.repository();
  if (into.size() == blob.size) {
    repository.ReadRight(
        blob.digest, blob.size, range, into, [&] { return keys::Sha256Of(into) == blob.digest; });
    return;
  }
  const auto take = [&, done = Bytes{0}](ByteSpan piece) mutable {
    std::ranges::copy(piece, into.subspan(done).begin());
    done += piece.size();
  };
  repository.ReadRanges(blob.digest, blob.size, std::span(&range, 1), take);
}

// The mirrors that a blob came from.
class Senders {
 public:
  // Before its first byte is handed on.
  void Add(const registry::Endpoint& mirror) {
    const std::lock_guard lock(mutex_);
    trusted_.try_emplace(mirror, true);
  }

  // All that were trusted are asked later from now on. False where there was none.
  bool Distrust(registry::Mirrors& mirrors, const keys::Digest& blob) {
    const std::lock_guard lock(mutex_);
    bool any = false;
    for (auto& [mirror, trusted] : trusted_) {
      if (std::exchange(trusted, false)) {
        any = true;
        mirrors.Fail(
            mirror,
            mirror.host + " has sent some of blob " + blob.ToString() + ", which came out damaged");
      }
    }
    return any;
  }

 private:
  std::mutex mutex_;
  std::map<registry::Endpoint, bool> trusted_;
};

bool HasMirrors(const Origin& origin) {
  const std::lock_guard lock(origin.shared->mutex);
  return origin.shared->connection.repository().HasMirrors();
}

// Small things by the connection that all share, what is announced by one of its own.
RemoteBytes BytesOf(const Origin& origin, const SizedBlob& blob) {
  const auto senders = std::make_shared<Senders>();
  RemoteBytes bytes{
      .name = origin.reference.ToString() + ": blob " + blob.digest.ToString(),
      .size = blob.size,
      .read = [origin, blob](Bytes offset,
                             MutableByteSpan into) { Fetch(origin, blob, offset, into); },
      .read_elsewhere = {},
      .distrust = {},
      .stream =
          [origin, blob, senders](const std::vector<ByteRange>& ranges,
                                  const std::function<bool()>& cancelled,
                                  const BodySink& sink) {
            Connection connection(origin.options, origin.reference, cancelled);
            connection.repository().ReadRanges(
                blob.digest, blob.size, ranges, sink, [&](const registry::Endpoint& mirror) {
                  senders->Add(mirror);
                });
          }};
  if (HasMirrors(origin)) {
    bytes.distrust = [origin, senders, blob] {
      return senders->Distrust(*origin.options.mirrors, blob.digest);
    };
    bytes.read_elsewhere = [origin, senders, blob](Bytes offset,
                                                   MutableByteSpan into,
                                                   const std::function<bool()>& is_right) {
      senders->Distrust(*origin.options.mirrors, blob.digest);
      const std::lock_guard lock(origin.shared->mutex);
      origin.shared->connection.repository().ReadRight(
          blob.digest, blob.size, {.offset = offset, .length = into.size()}, into, is_right);
      return true;
    };
  }
  return bytes;
}

class RegistryImage final : public ImageSource {
 public:
  RegistryImage(const registry::Reference& reference, const registry::ConnectionOptions& options)
      : name_(reference.ToString()),
        origin_{.reference = reference,
                .options = options,
                .shared = std::make_shared<SharedConnection>(options, reference)} {
    const auto artifact = FindArtifact(origin_.shared->connection.repository(), reference);
    texts_[artifact.manifest.descriptor.digest] = artifact.manifest.raw;
    const auto& companion = artifact.signatures ? artifact.signatures : artifact.referrers;
    if (companion) {
      texts_[companion->descriptor.digest] = companion->raw;
    }
    for (const auto& blob : artifact.blobs) {
      sizes_[blob.digest] = blob.size;
    }
    index_ = WriteOciIndex(artifact.manifest.descriptor,
                           reference.tag,
                           artifact.kind.artifact_type,
                           companion ? std::optional(companion->descriptor) : std::nullopt);
  }

  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] std::string ReadIndex() const override { return index_; }

  [[nodiscard]] std::unique_ptr<Blob> OpenBlob(const keys::Digest& digest) const override {
    if (const auto text = texts_.find(digest); text != texts_.end()) {
      return std::make_unique<TextBlob>(name_ + ": blob " + digest.ToString(),
                                        std::make_shared<const std::string>(text->second));
    }
    const auto size = sizes_.find(digest);
    if (size == sizes_.end()) {
      throw Error(ErrorKind::kVerification, name_ + ": blob " + digest.ToString() + " is missing");
    }
    return std::make_unique<RemoteBlob>(BytesOf(origin_, {.digest = digest, .size = size->second}));
  }

  [[nodiscard]] bool HasBlob(const keys::Digest& digest) const override {
    return texts_.contains(digest) || sizes_.contains(digest);
  }

  [[nodiscard]] bool is_remote() const override { return true; }

  [[nodiscard]] RangeCosts range_costs() const override { return CostsOf(origin_.options); }

 private:
  std::string name_;
  Origin origin_;
  std::map<keys::Digest, std::string> texts_;  // manifests
  std::map<keys::Digest, Bytes> sizes_;        // of the blobs that they name
  std::string index_;
};

}  // namespace

std::unique_ptr<ImageSource> OpenRegistryImage(const registry::Reference& reference,
                                               const registry::ConnectionOptions& options) {
  return std::make_unique<RegistryImage>(reference, options);
}

}  // namespace ros::images
