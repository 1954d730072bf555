#include "images/registry_copy.hpp"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/output_file.hpp"
#include "images/channel_archive.hpp"
#include "images/oci_archive_writer.hpp"
#include "images/registry_artifact.hpp"
#include "images/signature.hpp"

namespace ros::images {
namespace {

using registry::Repository;

// Of one artifact, where mirrors have sent something wrong.
constexpr int kMaxPulls = 3;

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

ArchiveBlob FromRegistry(Repository& repository, const Descriptor& descriptor, Counter& counter) {
  BlobProducer produce = [&repository, &counter, descriptor](const auto& take) {
    repository.ReadBlob(descriptor.digest, descriptor.size, [&](ByteSpan piece) {
      take(piece);
      counter.Add(piece.size());
    });
  };
  return {.descriptor = descriptor, .content = std::move(produce)};
}

void UploadBlobs(const ImageSource& source,
                 Repository& repository,
                 const std::vector<Descriptor>& blobs,
                 const registry::UploadOptions& options,
                 Counter& counter) {
  for (const auto& descriptor : blobs) {
    const auto blob = source.OpenBlob(descriptor.digest);
    if (blob->size() != descriptor.size) {
      throw Error(ErrorKind::kVerification,
                  source.name() + ": blob " + descriptor.digest.ToString() + " has " +
                      std::to_string(blob->size()) + " bytes instead of " +
                      std::to_string(descriptor.size));
    }
    repository.WriteBlob(
        descriptor.digest,
        {.size = descriptor.size,
         .read = [&](Bytes offset, MutableByteSpan into) { blob->ReadAt(offset, into); }},
        options);
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

// What the layers of a signature manifest are: a payload, and the signature of it.
using SignedPayloads = std::set<std::pair<std::string, std::string>>;

SignedPayloads PayloadsIn(const std::string& raw, const std::string& where) {
  SignedPayloads payloads;
  const auto json = Json::Parse(raw, where);
  for (const auto& layer : json.At("layers", where).AsArray(where)) {
    const auto descriptor = ParseDescriptor(layer, where);
    const auto signature = descriptor.annotations.find(std::string(kSignatureAnnotation));
    payloads.emplace(descriptor.digest.ToString(),
                     signature == descriptor.annotations.end() ? std::string() : signature->second);
  }
  return payloads;
}

// Whether what is stored there would be lost.
bool LosesSignatures(const registry::Manifest& theirs, const StoredArtifact& artifact) {
  const auto& ours = artifact.signatures;
  if (!ours || theirs.digest == ours->descriptor.digest) {
    return !ours;
  }
  try {
    return !std::ranges::includes(PayloadsIn(ours->raw, "the signatures"),
                                  PayloadsIn(theirs.raw, "the signatures there"));
  } catch (const Error&) {
    return true;  // Whatever it is, it is no part of ours.
  }
}

void CheckOthers(Repository& repository, const StoredArtifact& artifact) {
  const auto theirs = repository.FindManifest(SignatureName(artifact.manifest.descriptor.digest));
  if (theirs && LosesSignatures(*theirs, artifact)) {
    throw Error(ErrorKind::kRefused,
                repository.Name() +
                    " has other signatures of it, which would be lost; `ros image "
                    "pull` it and sign that, or replace them with --force");
  }
}

StoredManifest ReadStored(const ImageSource& source, Descriptor descriptor) {
  auto raw = ReadBlob(source, descriptor, kMaxManifestSize);
  return {.descriptor = std::move(descriptor), .raw = std::move(raw)};
}

// The image of a source or, where there is none, its channel document.
StoredArtifact ReadArtifactOf(const ImageSource& source) {
  const auto images = ListIndex(source, kOsImage).images;
  const auto chosen =
      ChooseManifest(source, images.empty() ? kChannelKind : kOsImage, std::nullopt);
  auto signatures = SignaturesIn(source, chosen.digest);
  return ReadArtifact(
      ReadStored(source, chosen),
      signatures ? std::optional(ReadStored(source, *std::move(signatures))) : std::nullopt,
      source.name());
}

CopiedArtifact PullOnce(Repository& repository,
                        const registry::Reference& reference,
                        const std::filesystem::path& output,
                        Progress& progress) {
  OutputFile file(output);
  const auto artifact = FindArtifact(repository, reference);
  CopiedArtifact copied{.digest = artifact.manifest.descriptor.digest,
                        .size = SizeOf(artifact.blobs),
                        .is_signed = artifact.signatures.has_value(),
                        .called = std::string(artifact.kind.called)};
  Counter counter(progress, "pulling " + reference.ToString(), copied.size);
  ImageArchive archive{.manifest = {artifact.manifest.descriptor, artifact.manifest.raw},
                       .reference = reference.tag,
                       .blobs = {},
                       .signatures = {},
                       .artifact_type = artifact.kind.artifact_type};
  for (const auto& blob : artifact.blobs) {
    archive.blobs.push_back(FromRegistry(repository, blob, counter));
  }
  if (artifact.signatures) {
    archive.signatures = ArchiveBlob{artifact.signatures->descriptor, artifact.signatures->raw};
  }
  WriteOciArchive(archive, file);
  progress.End();
  return copied;
}

}  // namespace

CopiedArtifact PullArtifact(Repository& repository,
                            const registry::Reference& reference,
                            const std::filesystem::path& output,
                            Progress& progress) {
  for (int tries = 1;; ++tries) {
    const auto wrong = repository.CountWrongBlobs();
    try {
      return PullOnce(repository, reference, output, progress);
    } catch (const Error& error) {
      // A large blob is in the file when its digest is known to be wrong.
      if (tries == kMaxPulls || repository.CountWrongBlobs() == wrong) {
        throw;
      }
      progress.Warn(error.message() + "; it is fetched anew, from the other sources first");
    }
  }
}

CopiedArtifact PushArtifact(const ImageSource& source,
                            Repository& repository,
                            const std::string& tag,
                            const PushWishes& wishes,
                            Progress& progress) {
  const auto artifact = ReadArtifactOf(source);
  const auto& digest = artifact.manifest.descriptor.digest;
  if (wishes.others == PushWishes::OtherSignatures::kRefuse) {
    CheckOthers(repository, artifact);
  }
  CopiedArtifact copied{.digest = digest,
                        .size = SizeOf(artifact.blobs),
                        .is_signed = artifact.signatures.has_value(),
                        .called = std::string(artifact.kind.called)};
  Counter counter(progress, "pushing to " + repository.Name() + ":" + tag, copied.size);
  UploadBlobs(source, repository, artifact.blobs, {.mount_from = wishes.mount_from}, counter);
  const std::string type(kOciManifestType);
  repository.WriteManifest(digest.ToString(), artifact.manifest.raw, type);
  if (artifact.signatures) {
    repository.WriteManifest(SignatureName(digest), artifact.signatures->raw, type);
  }
  repository.WriteManifest(tag, artifact.manifest.raw, type);
  progress.End();
  return copied;
}

}  // namespace ros::images
