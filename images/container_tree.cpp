#include "images/container_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "images/container_image.hpp"
#include "images/directory_copy.hpp"
#include "images/layer_archive.hpp"

namespace ros::images {
namespace {

constexpr std::size_t kHexDigits = 64;

bool IsHex(std::string_view text) {
  return text.size() == kHexDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// The names that container archives consist of: an OCI layout's, and <digest>.json, <digest>.tar,
// <digest>/layer.tar of `docker save`. No root begins with a file of such a name.
bool IsContainerEntry(std::string_view path) {
  if (path.starts_with("./")) {
    path.remove_prefix(2);
  }
  for (const std::string_view name :
       {"oci-layout", "index.json", "manifest.json", "repositories"}) {
    if (path == name) {
      return true;
    }
  }
  return path.starts_with("blobs/sha256/") || IsHex(path.substr(0, path.find_first_of("./")));
}

Bytes FileSize(int fd) {
  struct stat status {};

  return ::fstat(fd, &status) == 0 ? static_cast<Bytes>(status.st_size) : 0;
}

void UnpackLayers(const RootDirectory& image,
                  const ContainerSource& source,
                  StagedTree& tree,
                  Progress& progress) {
  progress.Begin("checking the container's blobs", 0);
  const auto layers = OpenLayers(image, source.architecture);
  progress.End();
  Bytes total = 0;
  for (const auto& layer : layers) {
    total += FileSize(layer.fd.get());
  }
  progress.Begin(
      "unpacking " + std::to_string(layers.size()) + (layers.size() == 1 ? " layer" : " layers"),
      total);
  Bytes before = 0;
  for (const auto& layer : layers) {
    UnpackLayer({layer.fd.get(), layer.name, Whiteouts::kApply}, tree, [&](Bytes read) {
      progress.Update(before + read);
    });
    before += FileSize(layer.fd.get());
  }
  progress.End();
}

// Container archives are unpacked into a directory first: their blobs are read twice, for the
// digest and for the content, and may stand in any order.
void UnpackContainerArchive(const LayerArchive& archive,
                            const ContainerSource& source,
                            StagedTree& tree,
                            Progress& progress) {
  const TempDirectory directory(source.work_directory, "ros-container");
  StagedTree blobs(directory.path());
  progress.Begin("reading the container archive", FileSize(archive.fd));
  UnpackLayer(archive, blobs, [&](Bytes read) { progress.Update(read); });
  progress.End();
  if (!HoldsContainerImage(blobs.root())) {
    throw Error(ErrorKind::kVerification,
                "looks like a container archive, but has neither oci-layout with index.json nor "
                "manifest.json");
  }
  UnpackLayers(blobs.root(), source, tree, progress);
}

void UnpackFile(const ContainerSource& source, StagedTree& tree, Progress& progress) {
  const UniqueFd fd = OpenFile(source.path, O_RDONLY);
  LayerArchive archive{fd.get(), "the archive", Whiteouts::kAsFiles};
  const FirstEntry first = ReadFirstEntry(archive);
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) {
    ThrowErrno("reading it again");
  }
  if (first.is_file && IsContainerEntry(first.path)) {
    UnpackContainerArchive(archive, source, tree, progress);
    return;
  }
  progress.Begin("unpacking the root", FileSize(fd.get()));
  UnpackLayer(archive, tree, [&](Bytes read) { progress.Update(read); });
  progress.End();
}

void UnpackDirectory(const ContainerSource& source, StagedTree& tree, Progress& progress) {
  const RootDirectory directory(source.path);
  // A root may well have a file /manifest.json.
  if (HoldsContainerImage(directory) && !directory.IsDirectory("usr")) {
    UnpackLayers(directory, source, tree, progress);
    return;
  }
  progress.Begin("copying the root", 0);
  CopyDirectory(source.path, tree, [&](Bytes read) { progress.Update(read); });
  progress.End();
}

}  // namespace

void UnpackContainer(const ContainerSource& source, StagedTree& tree, Progress& progress) {
  InContext(source.path.string(), [&] {
    struct stat status {};
    if (::stat(source.path.c_str(), &status) != 0) {
      throw Error(ErrorKind::kUsage, "there is no such file or directory");
    }
    if (S_ISDIR(status.st_mode)) {
      UnpackDirectory(source, tree, progress);
    } else if (S_ISREG(status.st_mode)) {
      UnpackFile(source, tree, progress);
    } else {
      throw Error(
          ErrorKind::kUsage,
          "is neither a directory nor a file; a root is read twice, so a pipe cannot be used");
    }
  });
}

}  // namespace ros::images
