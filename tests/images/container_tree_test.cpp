#include "images/container_tree.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "keys/digest.hpp"
#include "tests/images/support/small_root.hpp"
#include "tests/images/support/tar_text.hpp"

namespace ros::images {
namespace {

using testing::DescribeTree;
using testing::MakeTar;
using testing::PutFile;

const std::string kLower =
    MakeTar({{"etc/", '5', "", "", 0755}, {"etc/release", '0', "one"}, {"etc/old", '0', "old"}});
const std::string kUpper = MakeTar({{"etc/release", '0', "two"}, {"etc/.wh.old"}});
const std::string kMerged = "etc 40755 0:0\netc/release 100644 0:0 'two'\n";

// An OCI layout being written by hand.
class Layout {
 public:
  explicit Layout(std::filesystem::path directory) : directory_(std::move(directory)) {
    PutFile(directory_ / "oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
  }

  Json AddBlob(const std::string& type, const std::string& content) {
    const auto digest = keys::Sha256Of(AsBytes(content));
    PutFile(directory_ / "blobs/sha256" / digest.Hex(), content);
    Json descriptor = Json::MakeObject();
    descriptor.Set("mediaType", type);
    descriptor.Set("digest", digest.ToString());
    descriptor.Set("size", std::uint64_t{content.size()});
    return descriptor;
  }

  Json AddImage(const std::vector<std::string>& layers, const std::string& architecture) {
    Json manifest = Json::MakeObject();
    manifest.Set("schemaVersion", 2);
    manifest.Set("config",
                 AddBlob("application/vnd.oci.image.config.v1+json",
                         R"({"os":"linux","architecture":")" + architecture + R"("})"));
    Json list = Json::MakeArray();
    for (const auto& layer : layers) {
      list.Append(AddBlob("application/vnd.oci.image.layer.v1.tar", layer));
    }
    manifest.Set("layers", std::move(list));
    return AddBlob("application/vnd.oci.image.manifest.v1+json", manifest.Dump());
  }

  static std::string IndexOf(const std::vector<Json>& entries) {
    Json list = Json::MakeArray();
    for (const auto& entry : entries) {
      list.Append(entry);
    }
    Json index = Json::MakeObject();
    index.Set("schemaVersion", 2);
    index.Set("manifests", std::move(list));
    return index.Dump();
  }

  void WriteIndex(const std::vector<Json>& entries) {
    PutFile(directory_ / "index.json", IndexOf(entries));
  }

 private:
  std::filesystem::path directory_;
};

Json WithPlatform(Json descriptor, const std::string& os, const std::string& architecture) {
  Json platform = Json::MakeObject();
  platform.Set("os", os);
  platform.Set("architecture", architecture);
  descriptor.Set("platform", std::move(platform));
  return descriptor;
}

std::string Unpack(const std::filesystem::path& path) {
  const TempDirectory outer;
  const auto root = outer.path() / "root";
  std::filesystem::create_directory(root);
  StagedTree tree(root);
  NoProgress progress;
  UnpackContainer({path, "amd64", outer.path()}, tree, progress);
  tree.Finish();
  return DescribeTree(root);
}

Error ErrorOf(const std::filesystem::path& path) {
  try {
    (void)Unpack(path);
  } catch (const Error& error) {
    CHECK(error.message().starts_with(path.string() + ": "));
    return error;
  }
  FAIL("nothing was thrown");
  return {ErrorKind::kFailed, ""};
}

void Tar(const std::filesystem::path& directory, const std::filesystem::path& file) {
  (void)RunTool({.argv = {"tar", "-C", directory.string(), "-caf", file.string(), "."}});
}

TEST_CASE("UnpackContainer: an OCI layout and an archive of it, packed or not", "[images]") {
  const TempDirectory directory;
  const auto layout = directory.path() / "layout";
  Layout writer(layout);
  writer.WriteIndex({writer.AddImage({kLower, kUpper}, "amd64")});
  CHECK(Unpack(layout) == kMerged);
  for (const auto* name : {"image.tar", "image.tar.gz", "image.tar.zst"}) {
    INFO(name);
    Tar(layout, directory.path() / name);
    CHECK(Unpack(directory.path() / name) == kMerged);
  }
}

TEST_CASE("UnpackContainer: finds the machine's image in a nested index", "[images]") {
  const TempDirectory layout;
  Layout writer(layout.path());
  const auto arm = WithPlatform(writer.AddImage({kLower}, "arm64"), "linux", "arm64");
  const auto amd = WithPlatform(writer.AddImage({kLower, kUpper}, "amd64"), "linux", "amd64");
  const auto attestation = WithPlatform(writer.AddImage({kUpper}, "unknown"), "unknown", "unknown");
  writer.WriteIndex({writer.AddBlob("application/vnd.oci.image.index.v1+json",
                                    Layout::IndexOf({arm, attestation, amd}))});
  CHECK(Unpack(layout.path()) == kMerged);
  writer.WriteIndex({arm});
  CHECK(ErrorOf(layout.path()).message().find("no image for linux/amd64, only for linux/arm64") !=
        std::string::npos);
  writer.WriteIndex({amd, writer.AddImage({kLower}, "amd64")});
  CHECK(ErrorOf(layout.path()).message().find("2 images") != std::string::npos);
}

TEST_CASE("UnpackContainer: believes an image's config about its machine", "[images]") {
  const TempDirectory layout;
  Layout writer(layout.path());
  writer.WriteIndex({writer.AddImage({kLower}, "arm64")});
  const Error error = ErrorOf(layout.path());
  CHECK(error.kind() == ErrorKind::kUsage);
  CHECK(error.message().find("for linux/arm64, not for linux/amd64") != std::string::npos);
}

TEST_CASE("UnpackContainer: refuses blobs that are not what their digests say", "[images]") {
  const TempDirectory layout;
  Layout writer(layout.path());
  writer.WriteIndex({writer.AddImage({kLower, kUpper}, "amd64")});
  const auto blob = layout.path() / "blobs/sha256" / keys::Sha256Of(AsBytes(kUpper)).Hex();
  PutFile(blob, kUpper + "x");
  CHECK(ErrorOf(layout.path()).message().find("not what its digest says") != std::string::npos);
  std::filesystem::remove(blob);
  CHECK(ErrorOf(layout.path()).message().find("is missing") != std::string::npos);
  PutFile(layout.path() / "index.json", R"({"manifests":[{"digest":7}]})");
  CHECK(ErrorOf(layout.path()).kind() == ErrorKind::kVerification);
  PutFile(layout.path() / "index.json", "{");
  CHECK(ErrorOf(layout.path()).kind() == ErrorKind::kVerification);
}

TEST_CASE("UnpackContainer: reads what docker save writes", "[images]") {
  const TempDirectory directory;
  const std::string id(64, 'a');
  const std::string config = R"({"os":"linux","architecture":"amd64"})";
  const auto manifest = [&](const std::string& layers) {
    return R"([{"Config":")" + id + R"(.json","RepoTags":null,"Layers":)" + layers + "}]";
  };
  const auto file = directory.path() / "saved.tar";
  PutFile(file,
          MakeTar({{id + "/", '5'},
                   {id + "/layer.tar", '0', kLower},
                   {std::string(64, 'b') + "/layer.tar", '0', kUpper},
                   {id + ".json", '0', config},
                   {"manifest.json",
                    '0',
                    manifest(R"([")" + id + R"(/layer.tar",")" + std::string(64, 'b') +
                             R"(/layer.tar"])")}}));
  CHECK(Unpack(file) == kMerged);
  PutFile(file,
          MakeTar({{id + ".json", '0', config},
                   {"manifest.json", '0', manifest(R"(["../../etc/passwd"])")}}));
  CHECK(ErrorOf(file).message().find("is missing") != std::string::npos);
  PutFile(file, MakeTar({{"manifest.json", '0', "[]"}}));
  CHECK(ErrorOf(file).message().find("0 images") != std::string::npos);
}

TEST_CASE("UnpackContainer: a tar of a root keeps names that look like whiteouts", "[images]") {
  const TempDirectory directory;
  const auto file = directory.path() / "root.tar";
  PutFile(file, MakeTar({{"etc/", '5', "", "", 0755}, {"etc/.wh.name", '0', "x"}}));
  CHECK(Unpack(file) == "etc 40755 0:0\netc/.wh.name 100644 0:0 'x'\n");
}

TEST_CASE("UnpackContainer: copies a directory as it is and leaves it alone", "[images]") {
  const TempDirectory outer;
  const auto root = outer.path() / "root";
  PutFile(root / "usr/bin/tool", "tool");
  std::filesystem::create_hard_link(root / "usr/bin/tool", root / "usr/bin/same");
  std::filesystem::create_symlink("bin/tool", root / "usr/link");
  std::filesystem::permissions(root / "usr/bin/tool", std::filesystem::perms(04755));
  PutFile(root / "manifest.json", "an application's own");
  const std::string before = DescribeTree(root);
  CHECK(Unpack(root) == before);
  CHECK(DescribeTree(root) == before);
}

TEST_CASE("UnpackContainer: says what it cannot use", "[images]") {
  CHECK(ErrorOf("/nonexistent/root").kind() == ErrorKind::kUsage);
  CHECK(ErrorOf("/dev/null").kind() == ErrorKind::kUsage);
}

}  // namespace
}  // namespace ros::images
