#include "images/manifest.hpp"

#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

Descriptor MakeDescriptor(std::string_view type, Bytes size) {
  Descriptor descriptor;
  descriptor.media_type = type;
  descriptor.digest = keys::Sha256Of(AsBytes(type));
  descriptor.size = size;
  return descriptor;
}

ImageManifest SomeManifest() {
  ImageManifest manifest;
  manifest.config = MakeDescriptor(kConfigType, 101);
  manifest.kernel = MakeDescriptor(kKernelType, 102);
  manifest.initrd = MakeDescriptor(kInitrdType, 103);
  manifest.bootloader = MakeDescriptor(kBootloaderType, 104);
  manifest.root = MakeDescriptor(kRootType, 105);
  manifest.root_index = MakeDescriptor(kRootIndexType, 106);
  manifest.annotations["org.opencontainers.image.version"] = "1";
  return manifest;
}

}  // namespace

TEST_CASE("Manifest: reads what it writes, and knows its digest", "[images]") {
  auto manifest = SomeManifest();
  const auto raw = WriteManifest(manifest);
  manifest.digest = keys::Sha256Of(AsBytes(raw));
  CHECK(ParseManifest(raw) == manifest);
}

TEST_CASE("Manifest: fragments, with their index", "[images]") {
  auto manifest = SomeManifest();
  manifest.fragments = FragmentLayers{.index = MakeDescriptor(kFragmentIndexType, 107),
                                      .fragments = MakeDescriptor(kFragmentsType, 108)};
  const auto raw = WriteManifest(manifest);
  manifest.digest = keys::Sha256Of(AsBytes(raw));
  CHECK(ParseManifest(raw) == manifest);
  for (auto* one : {&manifest.fragments->index, &manifest.fragments->fragments}) {
    auto type = std::exchange(one->media_type, "application/other");
    CHECK_THROWS_WITH(ParseManifest(WriteManifest(manifest)),
                      Catch::EndsWith("fragments without their index, or it without them"));
    one->media_type = std::move(type);
  }
}

TEST_CASE("Manifest: deltas, one for each base", "[images]") {
  auto manifest = SomeManifest();
  const auto delta = [](const std::string& base,
                        std::string_view index_type = kDeltaIndexType,
                        std::string_view patches_type = kDeltaType) {
    auto index = MakeDescriptor(index_type, 107);
    auto patches = MakeDescriptor(patches_type, 108);
    index.annotations[std::string(kDeltaBaseAnnotation)] = base;
    patches.annotations[std::string(kDeltaBaseAnnotation)] = base;
    return DeltaLayers{.base = base, .index = index, .patches = patches};
  };
  const std::string first(64, 'a');
  manifest.deltas = {delta(first), delta(std::string(64, 'b'))};
  manifest.deltas[0].patches.reset();
  manifest.root_index_patches = {{.base = first, .patch = delta(first, kRootIndexPatchType).index},
                                 {.base = std::string(64, 'b'),
                                  .patch = delta(std::string(64, 'b'), kRootIndexPatchType).index}};
  manifest.kernel_deltas = {delta(first, kKernelDeltaIndexType, kKernelDeltaType)};
  manifest.initrd_deltas = {delta(first, kInitrdDeltaIndexType, kInitrdDeltaType)};
  const auto raw = WriteManifest(manifest);
  manifest.digest = keys::Sha256Of(AsBytes(raw));
  CHECK(ParseManifest(raw) == manifest);
  manifest.root_index_patches[1] = manifest.root_index_patches[0];
  CHECK_THROWS_WITH(ParseManifest(WriteManifest(manifest)), Catch::Contains("for one base"));
  manifest.root_index_patches.clear();
  manifest.deltas = {delta(first), delta(first)};
  CHECK_THROWS_WITH(ParseManifest(WriteManifest(manifest)), Catch::Contains("for one base"));
  manifest.deltas.resize(kMaxDeltas + 1);
  for (std::size_t i = 0; i < manifest.deltas.size(); ++i) {
    manifest.deltas[i] = delta(keys::Sha256Of(AsBytes(std::to_string(i))).Hex());
    manifest.deltas[i].patches.reset();
  }
  CHECK_THROWS_WITH(ParseManifest(WriteManifest(manifest)), Catch::Contains("more than 24 deltas"));
  // That of an empty file is one more.
  CHECK(keys::Sha256Of({}).Hex() == kEmptyBase);
  manifest.deltas.clear();
  manifest.kernel_deltas.clear();
  for (std::size_t i = 0; i < kMaxDeltas; ++i) {
    manifest.kernel_deltas.push_back(delta(
        keys::Sha256Of(AsBytes(std::to_string(i))).Hex(), kKernelDeltaIndexType, kKernelDeltaType));
  }
  manifest.kernel_deltas.push_back(
      delta(std::string(kEmptyBase), kKernelDeltaIndexType, kKernelDeltaType));
  CHECK(ParseManifest(WriteManifest(manifest)).kernel_deltas.size() == kMaxDeltas + 1);
}

TEST_CASE("Manifest: a delta says what it is based on", "[images]") {
  auto manifest = SomeManifest();
  manifest.bootloader = MakeDescriptor(kDeltaIndexType, 107);
  CHECK_THROWS_WITH(ParseManifest(WriteManifest(manifest)),
                    Catch::Contains("does not say what it is based on"));
  manifest.bootloader = MakeDescriptor(kDeltaType, 107);
  manifest.bootloader->annotations[std::string(kDeltaBaseAnnotation)] = std::string(64, 'a');
  CHECK_THROWS_WITH(ParseManifest(WriteManifest(manifest)), Catch::Contains("without its index"));
  // It is shown to people, of images that nobody has vouched for too.
  for (const std::string& base :
       {std::string("\x1b[2J"), std::string(63, 'a'), std::string(64, 'A')}) {
    manifest.bootloader->annotations[std::string(kDeltaBaseAnnotation)] = base;
    CHECK_THROWS_WITH(ParseManifest(WriteManifest(manifest)),
                      Catch::Contains("is not lower-case hex"));
  }
}

TEST_CASE("Manifest: the boot loader may be missing, other layers are passed over", "[images]") {
  auto manifest = SomeManifest();
  manifest.bootloader.reset();
  CHECK_FALSE(ParseManifest(WriteManifest(manifest)).bootloader);
  const auto raw =
      Replace(WriteManifest(SomeManifest()), kBootloaderType, "application/vnd.example.something");
  CHECK_FALSE(ParseManifest(raw).bootloader);
}

TEST_CASE("Manifest: a unified kernel is in the place of kernel and initrd", "[images]") {
  auto manifest = SomeManifest();
  const auto separate = WriteManifest(manifest);
  manifest.kernel = {};
  manifest.initrd = {};
  manifest.unified_kernel = MakeDescriptor(kUnifiedKernelType, 107);
  const auto raw = WriteManifest(manifest);
  manifest.digest = keys::Sha256Of(AsBytes(raw));
  CHECK(ParseManifest(raw) == manifest);
  CHECK_THROWS_WITH(ParseManifest(Replace(separate, kBootloaderType, kUnifiedKernelType)),
                    Catch::Contains("a unified kernel, and a kernel or initrd beside it"));
}

TEST_CASE("Manifest: refuses hostile values, naming the place", "[images]") {
  struct Case {
    std::string from;
    std::string to;
    std::string message;
  };

  const std::string kernel(kKernelType);
  const std::string root(kRootType);
  const auto case_ = GENERATE_COPY(values<Case>({
      {R"("schemaVersion":2)", R"("schemaVersion":1)", "schemaVersion"},
      {R"("schemaVersion":2,)", "", "schemaVersion"},
      {std::string(kOciManifestType), "text/plain", "mediaType"},
      {R"("artifactType":"application/vnd.ros.os.v1",)",
       "",
       "this is a container and not an OS image"},
      {R"("artifactType":"application/vnd.ros.os.v1")", R"("artifactType":"x")", "artifactType"},
      {std::string(kConfigType), kernel, "config: "},
      {kernel, root, "layers[3]: a second layer of type " + root},
      {kernel, "application/other", "no layer of type " + kernel},
      {kernel, R"(\n)", "layers[0].mediaType"},
      {R"("size":102)", R"("size":0)", "layers[0].size: 0"},
      {R"("size":102)", R"("size":-1)", "layers[0].size"},
      {R"("size":102)", R"("size":268435457)", "layers[0].size: 268435457"},
      {R"("size":105)", R"("size":9223372036854775807)", "layers[3].size"},
      {R"("size":105)", R"("size":18446744073709551616)", "the image's manifest"},
      {R"("size":106)", R"("size":1e9)", "layers[4].size"},
      {R"("size":101)", R"("size":99999999)", "config.size"},
      {R"("layers":[)", R"("layers":7,"x":[)", "layers: expected a list"},
      {R"("layers":[)", R"("layers":[7,)", "layers[0]: expected an object"},
      {R"("annotations":{)", R"("annotations":{"a":1,)", "annotations[\"a\"]: expected a string"},
      {R"("schemaVersion":2,)", R"("schemaVersion":2,"schemaVersion":2,)", "there twice"},
      {"sha256:" + keys::Sha256Of(AsBytes(kKernelType)).Hex(),
       "sha256:../../x",
       "layers[0].digest: \"../../x\" is not a digest"},
  }));
  const auto raw = WriteManifest(SomeManifest());
  CheckError(ErrorKind::kVerification, case_.message, [&] {
    ParseManifest(Replace(raw, case_.from, case_.to));
  });
}

TEST_CASE("Manifest: refuses too many layers and too long a text", "[images]") {
  std::string many;
  for (std::size_t i = 0; i <= kMaxLayers; ++i) {
    many += "{},";
  }
  const auto raw = WriteManifest(SomeManifest());
  CheckError(ErrorKind::kVerification, "more than 192", [&] {
    ParseManifest(Replace(raw, R"("layers":[)", R"("layers":[)" + many));
  });
  CheckError(ErrorKind::kVerification, "longer than", [&] {
    ParseManifest(std::string(kMaxManifestSize + 1, ' '));
  });
}
