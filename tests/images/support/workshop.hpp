#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/file.hpp"
#include "base/process.hpp"
#include "images/build_image.hpp"
#include "images/image_source.hpp"
#include "images/manifest.hpp"
#include "tests/images/support/small_root.hpp"

namespace ros::images::testing {

// A small root and the images that are made of it, in a directory that goes away.
class Workshop {
 public:
  Workshop() { MakeSmallRoot(root()); }

  [[nodiscard]] std::filesystem::path root() const { return outer_.path() / "root"; }

  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return outer_.path() / name;
  }

  [[nodiscard]] BuildOptions options(const std::string& output = "image.oci") const {
    BuildOptions options;
    options.root = root();
    options.name = "small";
    options.version = "1.0.0";
    options.output = path(output);
    options.init_binary = root() / "sbin/init";
    options.work_directory = outer_.path();
    options.compression_level = 3;
    return options;
  }

  [[nodiscard]] BuildResult Build(const BuildOptions& options) const {
    NoProgress progress;
    return BuildImage(options, progress);
  }

  // The root image inside of an archive, unpacked by the zstd tool.
  [[nodiscard]] std::filesystem::path UnpackRoot(const ImageSource& source,
                                                 const ImageManifest& manifest) const {
    const auto image = path("unpacked.erofs");
    WriteFileAtomically(path("root.zst"),
                        AsBytes(ReadBlob(source, manifest.root, Bytes{64} << 20U)));
    (void)RunTool({.argv = {"zstd", "-dqf", path("root.zst").string(), "-o", image.string()}});
    return image;
  }

 private:
  TempDirectory outer_;
};

inline ImageManifest ManifestOf(const ImageSource& source) {
  return ParseManifest(ReadBlob(source, ChooseImage(source, std::nullopt), kMaxManifestSize));
}

}  // namespace ros::images::testing
