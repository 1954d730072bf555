#include "images/registry_copy.hpp"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/output_file.hpp"
#include "images/channel_archive.hpp"
#include "images/oci_archive_writer.hpp"
#include "images/signature.hpp"

namespace ros::images {
namespace {

using registry::Manifest;
using registry::Repository;

// What a manifest names: its config and layers, each once.
struct Content {
  ArtifactKind kind = kOsImage;
  std::vector<Descriptor> blobs;
};

std::vector<Descriptor> BlobsOf(const Json& manifest, const std::string& where) {
  std::vector<Descriptor> blobs = {
      ParseDescriptor(manifest.At("config", where), where + ": config")};
  const auto& layers = manifest.At("layers", where).AsArray(where + ": layers");
  if (layers.size() > kMaxLayers) {
    throw Error(ErrorKind::kVerification,
                where + ": more than " + std::to_string(kMaxLayers) + " layers");
  }
  std::set<keys::Digest> seen = {blobs.front().digest};
  for (const auto& layer : layers) {
    auto blob = ParseDescriptor(layer, where + ": layers");
    if (blob.size > kMaxRootBlobSize) {
      throw Error(ErrorKind::kVerification, where + ": a layer that is longer than any may be");
    }
    if (seen.insert(blob.digest).second) {
      blobs.push_back(std::move(blob));
    }
  }
  return blobs;
}

Content ReadContent(std::string_view raw, const std::string& where) {
  const auto json = Json::Parse(raw, where);
  Content content;
  const auto* type = json.Find("artifactType", where);
  if (type != nullptr && type->AsString(where) == kChannelArtifactType) {
    content.kind = kChannelKind;
  }
  ExpectKind(json, content.kind, where);
  content.blobs = BlobsOf(json, where);
  return content;
}

Bytes SizeOf(const std::vector<Descriptor>& blobs) {
  Bytes size = 0;
  for (const auto& blob : blobs) {
    size += blob.size;
  }
  return size;
}

// Counts over all blobs of a copy.
class Counter {
 public:
  Counter(Progress& progress, const std::string& step, Bytes total) : progress_(progress) {
    progress_.Begin(step, total);
  }

  void Add(Bytes bytes) {
    done_ += bytes;
    progress_.Update(done_);
  }

 private:
  Progress& progress_;
  Bytes done_ = 0;
};

Descriptor DescriptorOf(const Manifest& manifest) {
  return {.media_type = std::string(kOciManifestType),
          .digest = manifest.digest,
          .size = manifest.raw.size(),
          .annotations = {}};
}

Manifest FindWanted(Repository& repository, const registry::Reference& reference) {
  auto manifest = reference.digest ? repository.FindManifest(*reference.digest)
                                   : repository.FindManifest(reference.tag);
  if (!manifest) {
    throw Error(ErrorKind::kNetwork,
                "there is no " + (reference.digest ? reference.digest->ToString() : reference.tag) +
                    " in " + repository.Name() + "; `ros image list " + repository.Name() +
                    "` lists what there is");
  }
  return *std::move(manifest);
}

ArchiveBlob FromRegistry(Repository& repository, const Descriptor& descriptor, Counter& counter) {
  BlobProducer produce = [&repository, &counter, descriptor](const auto& take) {
    repository.ReadBlob(descriptor.digest, descriptor.size, [&](ByteSpan piece) {
      take(piece);
      counter.Add(piece.size());
    });
  };
  return {.descriptor = descriptor, .content = std::move(produce)};
}

// The blobs of both, each once: an archive holds no entry twice.
std::vector<Descriptor> Together(std::vector<Descriptor> blobs,
                                 const std::vector<Descriptor>& more) {
  for (const auto& blob : more) {
    if (std::ranges::find(blobs, blob.digest, &Descriptor::digest) == blobs.end()) {
      blobs.push_back(blob);
    }
  }
  return blobs;
}

void UploadBlobs(const ImageSource& source,
                 Repository& repository,
                 const std::vector<Descriptor>& blobs,
                 Counter& counter) {
  for (const auto& descriptor : blobs) {
    const auto blob = source.OpenBlob(descriptor.digest);
    if (blob->size() != descriptor.size) {
      throw Error(ErrorKind::kVerification,
                  source.name() + ": blob " + descriptor.digest.ToString() + " has " +
                      std::to_string(blob->size()) + " bytes instead of " +
                      std::to_string(descriptor.size));
    }
    repository.WriteBlob(descriptor.digest,
                         {.size = descriptor.size, .read = [&](Bytes offset, MutableByteSpan into) {
                            blob->ReadAt(offset, into);
                          }});
    counter.Add(descriptor.size);
  }
}

// The manifest of the signatures that the source has of this digest; none where it has none.
std::optional<Descriptor> SignaturesIn(const ImageSource& source, const keys::Digest& digest) {
  const auto signatures = ListIndex(source).signatures;
  const auto found = std::ranges::find_if(signatures, [&](const Descriptor& one) {
    return one.annotations.at(std::string(kRefNameAnnotation)) == SignatureName(digest);
  });
  return found == signatures.end() ? std::nullopt : std::optional(*found);
}

void CheckOthers(Repository& repository, const keys::Digest& digest, const Descriptor* ours) {
  const auto theirs = repository.FindManifest(SignatureName(digest));
  if (theirs && (ours == nullptr || theirs->digest != ours->digest)) {
    throw Error(ErrorKind::kRefused,
                repository.Name() +
                    " has other signatures of it, which would be lost; `ros image "
                    "pull` it and sign that, or replace them with --force");
  }
}

// Of an image or, where there is none, of a channel document.
Descriptor ChooseArtifact(const ImageSource& source) {
  const auto images = ListIndex(source, kOsImage).images;
  return ChooseManifest(source, images.empty() ? kChannelKind : kOsImage, std::nullopt);
}

}  // namespace

CopiedArtifact PullArtifact(Repository& repository,
                            const registry::Reference& reference,
                            const std::filesystem::path& output,
                            Progress& progress) {
  OutputFile file(output);
  const auto where = reference.ToString();
  const auto manifest = FindWanted(repository, reference);
  const auto content = ReadContent(manifest.raw, where);
  const auto signatures = repository.FindManifest(SignatureName(manifest.digest));
  auto blobs = content.blobs;
  if (signatures) {
    const auto signed_by = where + ": its signatures";
    blobs = Together(blobs, BlobsOf(Json::Parse(signatures->raw, signed_by), signed_by));
  }
  CopiedArtifact copied{.digest = manifest.digest,
                        .size = SizeOf(blobs),
                        .is_signed = signatures.has_value(),
                        .called = std::string(content.kind.called)};
  Counter counter(progress, "pulling " + where, copied.size);
  ImageArchive archive{.manifest = {DescriptorOf(manifest), manifest.raw},
                       .reference = reference.tag,
                       .blobs = {},
                       .signatures = {},
                       .artifact_type = content.kind.artifact_type};
  for (const auto& blob : blobs) {
    archive.blobs.push_back(FromRegistry(repository, blob, counter));
  }
  if (signatures) {
    auto descriptor = DescriptorOf(*signatures);
    descriptor.annotations[std::string(kRefNameAnnotation)] = SignatureName(manifest.digest);
    archive.signatures = ArchiveBlob{std::move(descriptor), signatures->raw};
  }
  WriteOciArchive(archive, file);
  progress.End();
  return copied;
}

CopiedArtifact PushArtifact(const ImageSource& source,
                            Repository& repository,
                            const std::string& tag,
                            OtherSignatures others,
                            Progress& progress) {
  const auto chosen = ChooseArtifact(source);
  const auto raw = ReadBlob(source, chosen, kMaxManifestSize);
  const auto content = ReadContent(raw, source.name());
  const auto signatures = SignaturesIn(source, chosen.digest);
  if (others == OtherSignatures::kRefuse) {
    CheckOthers(repository, chosen.digest, signatures ? &*signatures : nullptr);
  }
  auto blobs = content.blobs;
  std::string raw_signatures;
  if (signatures) {
    raw_signatures = ReadBlob(source, *signatures, kMaxManifestSize);
    const auto where = source.name() + ": its signatures";
    blobs = Together(blobs, BlobsOf(Json::Parse(raw_signatures, where), where));
  }
  CopiedArtifact copied{.digest = chosen.digest,
                        .size = SizeOf(blobs),
                        .is_signed = signatures.has_value(),
                        .called = std::string(content.kind.called)};
  Counter counter(progress, "pushing to " + repository.Name() + ":" + tag, copied.size);
  UploadBlobs(source, repository, blobs, counter);
  const std::string type(kOciManifestType);
  repository.WriteManifest(chosen.digest.ToString(), raw, type);
  if (signatures) {
    repository.WriteManifest(SignatureName(chosen.digest), raw_signatures, type);
  }
  repository.WriteManifest(tag, raw, type);
  progress.End();
  return copied;
}

}  // namespace ros::images
