#include "images/container_image.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <set>

#include "base/error.hpp"
#include "base/json.hpp"
#include "images/manifest.hpp"
#include "images/text_rules.hpp"
#include "keys/digest.hpp"

namespace ros::images {
namespace {

constexpr Bytes kMaxDocument = Bytes{4} << 20U;
constexpr std::size_t kMaxContainerLayers = 512;
constexpr int kMaxIndexDepth = 4;

constexpr std::string_view kDockerManifestList =
    "application/vnd.docker.distribution.manifest.list.v2+json";

bool IsIndex(const Descriptor& descriptor) {
  return descriptor.media_type == kOciIndexType || descriptor.media_type == kDockerManifestList;
}

UniqueFd OpenBlobFile(const RootDirectory& directory, const keys::Digest& digest) {
  UniqueFd fd =
      directory.TryOpen("blobs/sha256/" + digest.Hex(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);

  struct stat status {};

  if (!fd.valid() || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw Error(ErrorKind::kVerification, "the blob " + digest.ToString() + " is missing");
  }
  return fd;
}

[[noreturn]] void WrongBlob(const Descriptor& descriptor, const std::string& found) {
  throw Error(
      ErrorKind::kVerification,
      "the blob " + descriptor.digest.ToString() + " is not what its digest says: " + found);
}

std::string ReadBlobFile(const RootDirectory& directory, const Descriptor& descriptor) {
  const UniqueFd fd = OpenBlobFile(directory, descriptor.digest);
  std::string content = ReadToEnd(fd.get(), kMaxDocument, descriptor.digest.ToString());
  const auto found = keys::Sha256Of(AsBytes(content));
  if (found != descriptor.digest) {
    WrongBlob(descriptor, found.ToString());
  }
  return content;
}

// Reads the whole blob, then goes back to its beginning: a layer is unpacked only when it is what
// the manifest names.
UniqueFd OpenCheckedBlob(const RootDirectory& directory, const Descriptor& descriptor) {
  UniqueFd fd = OpenBlobFile(directory, descriptor.digest);
  keys::Sha256 hash;
  std::vector<std::byte> buffer(std::size_t{1} << 20U);
  Bytes size = 0;
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0) {
      ThrowErrno("reading the blob " + descriptor.digest.ToString());
    }
    if (count == 0) {
      break;
    }
    size += static_cast<Bytes>(count);
    hash.Update(ByteSpan(buffer).first(static_cast<std::size_t>(count)));
  }
  const auto found = hash.Finish();
  if (found != descriptor.digest || size != descriptor.size) {
    WrongBlob(descriptor, found.ToString() + ", " + std::to_string(size) + " bytes");
  }
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) {
    ThrowErrno("reading the blob " + descriptor.digest.ToString() + " again");
  }
  return fd;
}

// The index's entry of an OS image says what it is, and so does its manifest.
void RefuseOsImage(const Json& json, const std::string& where) {
  const auto* const type = json.Find("artifactType", where);
  if (type != nullptr && *type == Json(kArtifactType)) {
    throw Error(ErrorKind::kUsage,
                "it is an OS image already; an image is built from a container or a root");
  }
}

struct Candidate {
  Descriptor descriptor;
  std::string platform;  // "linux/amd64"; empty where the index does not say
};

// The manifests that an index leads to.
class IndexSearch {
 public:
  explicit IndexSearch(const RootDirectory& directory) : directory_(directory) {}

  void Search(const std::string& text, const std::string& where, int depth) {
    if (depth > kMaxIndexDepth) {
      throw Error(ErrorKind::kVerification, where + ": indexes are nested too deep");
    }
    const Json index = Json::Parse(text, where);
    const auto& manifests = index.At("manifests", where).AsArray(where + ".manifests");
    for (std::size_t i = 0; i < manifests.size(); ++i) {
      const std::string place = where + ".manifests[" + std::to_string(i) + "]";
      Add(manifests[i], place, depth);
    }
  }

  [[nodiscard]] const std::vector<Candidate>& candidates() const { return candidates_; }

 private:
  void Add(const Json& json, const std::string& place, int depth) {
    RefuseOsImage(json, place);
    Candidate candidate{ParseDescriptor(json, place), PlatformOf(json, place)};
    // Build attestations and signatures lie beside the images.
    if (candidate.descriptor.annotations.count("vnd.docker.reference.type") != 0 ||
        candidate.platform == "unknown/unknown" ||
        !seen_.insert(candidate.descriptor.digest).second) {
      return;
    }
    if (IsIndex(candidate.descriptor)) {
      Search(ReadBlobFile(directory_, candidate.descriptor),
             candidate.descriptor.digest.ToString(),
             depth + 1);
      return;
    }
    candidates_.push_back(std::move(candidate));
  }

  static std::string PlatformOf(const Json& json, const std::string& place) {
    const Json* const platform = json.Find("platform", place);
    if (platform == nullptr || platform->IsNull()) {
      return "";
    }
    const std::string where = place + ".platform";
    return platform->At("os", where).AsString(where + ".os") + "/" +
           platform->At("architecture", where).AsString(where + ".architecture");
  }

  const RootDirectory& directory_;
  std::set<keys::Digest> seen_;
  std::vector<Candidate> candidates_;
};

// What the image's own config says of its machine; some indexes do not say.
std::string PlatformOfConfig(const RootDirectory& directory, const Json& manifest) {
  const auto config = ParseDescriptor(manifest.At("config", "manifest"), "manifest.config");
  const Json json = Json::Parse(ReadBlobFile(directory, config), "the container's config");
  return json.At("os", "config").AsString("config.os") + "/" +
         json.At("architecture", "config").AsString("config.architecture");
}

Descriptor ChooseManifest(const RootDirectory& directory, const std::string& wanted) {
  IndexSearch search(directory);
  search.Search(directory.Read("index.json", kMaxDocument), "index.json", 0);
  std::vector<Descriptor> fitting;
  std::string others;
  for (const auto& candidate : search.candidates()) {
    if (candidate.platform.empty() || candidate.platform == wanted) {
      fitting.push_back(candidate.descriptor);
    } else {
      others += (others.empty() ? "" : ", ") + ShowText(candidate.platform);
    }
  }
  if (fitting.empty()) {
    throw Error(ErrorKind::kUsage,
                "it holds no image for " + wanted +
                    (others.empty() ? " and no other" : ", only for " + others));
  }
  if (fitting.size() > 1) {
    throw Error(ErrorKind::kUsage,
                "it holds " + std::to_string(fitting.size()) + " images for " + wanted +
                    "; give a file with one, such as `skopeo copy` makes");
  }
  return fitting[0];
}

std::vector<ContainerLayer> OpenOciLayers(const RootDirectory& directory,
                                          std::string_view architecture) {
  const std::string wanted = "linux/" + std::string(architecture);
  const Descriptor chosen = ChooseManifest(directory, wanted);
  const Json manifest = Json::Parse(ReadBlobFile(directory, chosen), "the container's manifest");
  RefuseOsImage(manifest, "manifest");
  const std::string found = PlatformOfConfig(directory, manifest);
  if (found != wanted) {
    throw Error(ErrorKind::kUsage,
                "the container is for " + ShowText(found) + ", not for " + wanted);
  }
  const auto& layers = manifest.At("layers", "manifest").AsArray("manifest.layers");
  if (layers.size() > kMaxContainerLayers) {
    throw Error(ErrorKind::kVerification, "the container has more than 512 layers");
  }
  std::vector<ContainerLayer> opened;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto descriptor =
        ParseDescriptor(layers[i], "manifest.layers[" + std::to_string(i) + "]");
    opened.push_back({"layer " + std::to_string(i + 1) + " (" + descriptor.digest.ToString() + ")",
                      OpenCheckedBlob(directory, descriptor)});
  }
  return opened;
}

// The file that `docker save` wrote before it wrote OCI layouts too: an array of images, each with
// the paths of its config and its layers.
std::vector<ContainerLayer> OpenDockerLayers(const RootDirectory& directory,
                                             std::string_view architecture) {
  const Json json = Json::Parse(directory.Read("manifest.json", kMaxDocument), "manifest.json");
  const auto& images = json.AsArray("manifest.json");
  if (images.size() != 1) {
    throw Error(
        ErrorKind::kUsage,
        "it holds " + std::to_string(images.size()) + " images; save the one that is meant");
  }
  const std::string config = images[0].At("Config", "[0]").AsString("[0].Config");
  const Json config_json = Json::Parse(directory.Read(config, kMaxDocument), ShowText(config));
  const std::string found = config_json.At("architecture", "config").AsString("architecture");
  if (found != architecture) {
    throw Error(
        ErrorKind::kUsage,
        "the container is for " + ShowText(found) + ", not for " + std::string(architecture));
  }
  const auto& layers = images[0].At("Layers", "[0]").AsArray("[0].Layers");
  if (layers.size() > kMaxContainerLayers) {
    throw Error(ErrorKind::kVerification, "the container has more than 512 layers");
  }
  std::vector<ContainerLayer> opened;
  for (const auto& layer : layers) {
    const std::string& path = layer.AsString("[0].Layers[]");
    // Old versions wrote a layer that is there twice as a symbolic link; it stays inside.
    UniqueFd fd = directory.TryOpen(path, O_RDONLY | O_NONBLOCK);
    if (!fd.valid()) {
      throw Error(ErrorKind::kVerification, "the layer " + ShowText(path) + " is missing");
    }
    opened.push_back({"layer " + std::to_string(opened.size() + 1) + " (" + ShowText(path) + ")",
                      std::move(fd)});
  }
  return opened;
}

bool IsOciLayout(const RootDirectory& directory) {
  return directory.IsRegularFile("oci-layout") && directory.IsRegularFile("index.json");
}

}  // namespace

bool HoldsContainerImage(const RootDirectory& directory) {
  return IsOciLayout(directory) || directory.IsRegularFile("manifest.json");
}

std::vector<ContainerLayer> OpenLayers(const RootDirectory& directory,
                                       std::string_view architecture) {
  return IsOciLayout(directory) ? OpenOciLayers(directory, architecture)
                                : OpenDockerLayers(directory, architecture);
}

}  // namespace ros::images
