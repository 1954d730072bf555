#include <sys/mman.h>

#include "base/file.hpp"
#include "fuzz/target.hpp"
#include "images/bootloader_layer.hpp"
#include "images/oci_archive.hpp"
#include "images/signature.hpp"
#include "images/verified_image.hpp"

namespace ros::fuzz {
namespace {

constexpr const char* kName = "image.oci";

UniqueFd MakeFile(ByteSpan content) {
  UniqueFd fd(::memfd_create("image", MFD_CLOEXEC));
  if (!fd.valid()) {
    ThrowErrno("making a file in memory");
  }
  WriteFull(fd.get(), 0, content, kName);
  return fd;
}

// A whole image with as little in it as there can be.
std::map<std::string, std::string> SmallImage() {
  std::map<std::string, std::string> files;
  const auto add = [&](const std::string& content, std::string_view type) {
    const images::Descriptor blob{.media_type = std::string(type),
                                  .digest = keys::Sha256Of(AsBytes(content)),
                                  .size = content.size()};
    files["blobs/sha256/" + blob.digest.Hex()] = content;
    return blob;
  };
  const images::ImageConfig config{
      .name = "myos",
      .version = "1.2.0",
      .architecture = "amd64",
      .root = {.filesystem = "erofs",
               .size = 4096,
               .verity = {.root_hash = std::string(64, 'a'), .salt = std::string(64, '0')}}};
  const images::Chunk chunk{.digest = keys::Sha256Of(AsBytes("root")),
                            .packed_digest = keys::Sha256Of(AsBytes("root")),
                            .length = 4096,
                            .packed_length = 4};
  const images::ImageManifest manifest{
      .config = add(images::WriteImageConfig(config), images::kConfigType),
      .kernel = add("kernel", images::kKernelType),
      .initrd = add("initrd", images::kInitrdType),
      .root = add("root", images::kRootType),
      .root_index = add(images::WriteChunkIndex({chunk}), images::kRootIndexType)};
  auto entry = add(images::WriteManifest(manifest), images::kOciManifestType);
  entry.annotations[std::string(images::kRefNameAnnotation)] = "1.2.0";
  auto index = Json::MakeObject();
  index.Set("schemaVersion", 2);
  index.Set("manifests", Json::Array{images::ToJson(entry)});
  files["index.json"] = index.Dump();
  files["oci-layout"] = R"({"imageLayoutVersion":"1.0.0"})";
  return files;
}

}  // namespace

void Run(ByteSpan input) {
  const auto listing = images::ListArchive(images::LocalFile(MakeFile(input), kName));
  for (const auto& file : listing.files) {
    Expect(file.data_offset <= input.size() && file.size <= input.size() - file.data_offset,
           "an entry is inside of the file");
    const auto wrapped = "/" + file.name + "/";
    Expect(wrapped.find("/../") == std::string::npos && !file.name.starts_with('/'),
           "a name does not lead outside");
  }
  const images::OciArchive archive(std::make_unique<images::LocalFile>(MakeFile(input), kName));
  static_cast<void>(images::InspectImage(archive));
}

std::vector<Seed> Seeds() {
  const auto image = images::PackBootloader(SmallImage());
  return {{"image", image}, {"cut", image.substr(0, 2000)}};
}

}  // namespace ros::fuzz
