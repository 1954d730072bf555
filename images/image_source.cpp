#include "images/image_source.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.hpp"
#include "images/bundle.hpp"
#include "images/oci_archive.hpp"
#include "images/oci_layout.hpp"
#include "images/refusal.hpp"
#include "images/text_rules.hpp"

namespace ros::images {
namespace {

constexpr std::size_t kMaxIndexEntries = 256;
constexpr std::size_t kSignatureNameLength = 75;  // sha256-, 64 digits, .sig

bool IsSignatureName(std::string_view name) {
  return name.size() == kSignatureNameLength && name.starts_with("sha256-") &&
         name.ends_with(".sig");
}

std::string RefName(const Descriptor& descriptor) {
  const auto found = descriptor.annotations.find(std::string(kRefNameAnnotation));
  return found == descriptor.annotations.end() ? "" : found->second;
}

// A descriptor may say what kind of artifact it is of (image-spec 1.1); many tools leave that out.
bool IsOtherArtifact(const Json& json, const ArtifactKind& kind, const std::string& where) {
  const auto* type = json.Find("artifactType", where);
  return type != nullptr && type->AsString(where + ".artifactType") != kind.artifact_type;
}

std::string NamesOf(const std::vector<Descriptor>& images) {
  std::string names;
  for (const auto& image : images) {
    const auto name = RefName(image);
    names +=
        (names.empty() ? "" : ", ") + (name.empty() ? image.digest.ToString() : ShowText(name));
  }
  return names;
}

void CheckSize(const Blob& blob, const Descriptor& descriptor, const std::string& name) {
  if (blob.size() != descriptor.size) {
    Refuse(name,
           "blob " + descriptor.digest.ToString() + " has " + std::to_string(blob.size()) +
               " bytes instead of " + std::to_string(descriptor.size));
  }
}

}  // namespace

std::unique_ptr<ImageSource> OpenImage(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid() && errno == ENOENT) {
    throw Error(ErrorKind::kUsage, path.string() + ": there is no such file");
  }
  if (!fd.valid()) {
    ThrowErrno("opening " + path.string());
  }

  struct stat status {};

  if (::fstat(fd.get(), &status) != 0) {
    ThrowErrno("looking at " + path.string());
  }
  if (S_ISDIR(status.st_mode)) {
    return std::make_unique<OciLayout>(std::move(fd), path.string());
  }
  return std::make_unique<OciArchive>(std::make_unique<LocalFile>(std::move(fd), path.string()));
}

std::string ReadBlob(const ImageSource& source, const Descriptor& descriptor, Bytes limit) {
  if (descriptor.size > limit) {
    Refuse(source.name(),
           "blob " + descriptor.digest.ToString() + " is longer than " + FormatBytes(limit));
  }
  const auto blob = source.OpenBlob(descriptor.digest);
  CheckSize(*blob, descriptor, source.name());
  std::string data(descriptor.size, '\0');
  blob->ReadAt(0, AsWritableBytes(data));
  if (keys::Sha256Of(AsBytes(data)) != descriptor.digest) {
    Refuse(source.name(),
           "blob " + descriptor.digest.ToString() + " does not have this digest; it is damaged");
  }
  return data;
}

IndexListing ListIndex(const ImageSource& source, const ArtifactKind& kind) {
  const auto where = source.name() + ": index.json";
  const auto json = Json::Parse(source.ReadIndex(), where);
  const auto& manifests = json.At("manifests", where).AsArray(where + ": manifests");
  if (manifests.size() > kMaxIndexEntries) {
    Refuse(where, "more than " + std::to_string(kMaxIndexEntries) + " manifests");
  }
  IndexListing listing;
  for (std::size_t i = 0; i < manifests.size(); ++i) {
    const auto place = where + ": manifests[" + std::to_string(i) + "]";
    auto descriptor = ParseDescriptor(manifests[i], place);
    if (IsSignatureName(RefName(descriptor))) {
      listing.signatures.push_back(std::move(descriptor));
    } else if (descriptor.media_type == kOciManifestType &&
               !IsOtherArtifact(manifests[i], kind, place)) {
      listing.images.push_back(std::move(descriptor));
    }
  }
  return listing;
}

Descriptor ChooseManifest(const ImageSource& source,
                          const ArtifactKind& kind,
                          std::optional<std::string_view> reference) {
  const std::string called(kind.called);
  auto images = ListIndex(source, kind).images;
  const auto all = NamesOf(images);
  if (reference) {
    std::erase_if(images, [&](const Descriptor& image) { return RefName(image) != *reference; });
    if (images.empty()) {
      Refuse(source.name(),
             "there is no " + called + " \"" + ShowText(*reference) + "\" in it, only: " + all);
    }
  }
  if (images.size() > 1) {
    std::erase_if(images, [&](const Descriptor& image) { return IsBundle(source, image); });
  }
  if (images.empty()) {
    Refuse(source.name(), "there is no " + called + " in it");
  }
  const bool is_one = std::all_of(images.begin(), images.end(), [&](const Descriptor& image) {
    return image.digest == images.front().digest && image.size == images.front().size;
  });
  if (!is_one) {
    Refuse(source.name(),
           "there is more than one " + called + " in it: " + NamesOf(images) +
               "; copy the one that is meant to a file of its own, as `skopeo copy` does");
  }
  return images.front();
}

Descriptor ChooseImage(const ImageSource& source, std::optional<std::string_view> reference) {
  return ChooseManifest(source, kOsImage, reference);
}

}  // namespace ros::images
