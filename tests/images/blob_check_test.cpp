#include "base/file.hpp"
#include "images/verified_image.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

class LastProgress final : public Progress {
 public:
  void Begin(std::string_view /*step*/, Bytes total) override { total_ = total; }

  void Update(Bytes done) override {
    CHECK(done >= done_);
    done_ = done;
  }

  void End() override { ended_ = true; }

  void Warn(std::string_view /*message*/) override {}

  [[nodiscard]] bool IsComplete() const { return ended_ && total_ > 0 && done_ == total_; }

 private:
  Bytes total_ = 0;
  Bytes done_ = 0;
  bool ended_ = false;
};

}  // namespace

TEST_CASE("CheckBlobs: every part of an archive and of a layout, one byte changed", "[images]") {
  const auto is_archive = GENERATE(true, false);
  const auto parts = MakeParts();
  const auto image = Assemble(parts, {});
  TempDirectory directory;
  const auto path = directory.path() / "image";
  const auto open = [&](const FakeImage& content) {
    is_archive ? content.WriteArchive(path) : content.WriteLayout(path);
    return OpenImage(path);
  };
  const auto verified = InspectImage(*open(image));
  LastProgress progress;
  CheckBlobs(*OpenImage(path), verified, progress);
  CHECK(progress.IsComplete());

  const std::pair<std::string, Descriptor> all[] = {
      {"the root layer", verified.manifest.root},
      {"the root index", verified.manifest.root_index},
      {"the kernel", verified.manifest.kernel},
      {"the initrd", verified.manifest.initrd},
      {"the boot loader layer", *verified.manifest.bootloader},
      {"the config", verified.manifest.config}};
  for (const auto& [name, descriptor] : all) {
    INFO(name);
    for (const Bytes at : {Bytes{0}, descriptor.size / 2, descriptor.size - 1}) {
      auto changed = image;
      changed.Blob(descriptor.digest)[at] ^= 1;
      const auto source = open(changed);
      NoProgress none;
      CheckError(ErrorKind::kVerification,
                 path.string() + ": " + name + " (" + descriptor.digest.ToString() +
                     ") does not have this digest",
                 [&] { CheckBlobs(*source, verified, none); });
    }
    auto changed = image;
    changed.Blob(descriptor.digest) += "x";
    const auto source = open(changed);
    NoProgress none;
    CheckError(
        ErrorKind::kVerification, "bytes instead of", [&] { CheckBlobs(*source, verified, none); });
  }
}

TEST_CASE("CheckBlobs: a blob that is missing is named", "[images]") {
  auto image = Assemble(MakeParts(8192), {});
  const auto kernel = keys::Sha256Of(AsBytes("a kernel"));
  TempDirectory directory;
  image.WriteArchive(directory.path() / "a");
  const auto verified = InspectImage(*OpenImage(directory.path() / "a"));
  image.files.erase("blobs/sha256/" + kernel.Hex());
  image.WriteArchive(directory.path() / "b");
  NoProgress none;
  CheckError(ErrorKind::kVerification, kernel.ToString() + " is missing", [&] {
    CheckBlobs(*OpenImage(directory.path() / "b"), verified, none);
  });
}
