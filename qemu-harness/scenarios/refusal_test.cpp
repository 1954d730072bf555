#include <fcntl.h>

#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "qemu-harness/host.hpp"
#include "qemu-harness/places.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

constexpr int kVerificationFailed = 4;
constexpr int kDoesNotFit = 5;

struct Refusal {
  std::string what;
  std::filesystem::path image;
  int exit_code;
};

// The image with the byte at `offset` changed, or cut there.
std::filesystem::path Changed(const std::filesystem::path& directory, ros::Bytes offset) {
  const std::filesystem::path file = directory / ("changed-" + std::to_string(offset) + ".oci");
  std::filesystem::copy_file(ImagePath("tiny-v2"), file);
  const ros::UniqueFd fd = ros::OpenFile(file, O_RDWR);
  std::byte byte{};
  ros::ReadFull(fd.get(), offset, {&byte, 1}, "image");
  byte = ~byte;
  ros::WriteFull(fd.get(), offset, {&byte, 1}, "image");
  return file;
}

std::filesystem::path CutShort(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "cut.oci";
  std::filesystem::copy_file(ImagePath("tiny-v2"), file);
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  return file;
}

// Where each blob's content is in the archive: one offset in the middle of each member of the tar.
std::vector<ros::Bytes> MiddleOfEachPart(const std::filesystem::path& image) {
  const ros::UniqueFd fd = ros::OpenFile(image, O_RDONLY);
  std::vector<ros::Bytes> middles;
  const ros::Bytes end = std::filesystem::file_size(image);
  for (ros::Bytes at = 0; at + 512 <= end;) {
    std::string header(512, '\0');
    ros::ReadFull(fd.get(), at, std::as_writable_bytes(std::span(header)), "image");
    if (header[0] == '\0') {
      break;
    }
    const ros::Bytes size = std::stoull(header.substr(124, 11), nullptr, 8);
    if (size > 0) {
      middles.push_back(at + 512 + size / 2);
    }
    at += 512 + (size + 511) / 512 * 512;
  }
  return middles;
}

std::vector<Refusal> BadImages(const std::filesystem::path& directory) {
  std::vector<Refusal> bad = {
      {"unsigned", ImagePath("tiny-v2.unsigned"), kVerificationFailed},
      {"signed by a stranger", ImagePath("tiny-stranger"), kVerificationFailed},
      {"cut short", CutShort(directory), kVerificationFailed},
      {"another architecture", ImagePath("tiny-arm"), kDoesNotFit},
      {"too large for the slot", ImagePath("tiny-large"), kDoesNotFit},
  };
  for (const ros::Bytes offset : MiddleOfEachPart(ImagePath("tiny-v2"))) {
    bad.push_back({"byte " + std::to_string(offset) + " changed",
                   Changed(directory, offset),
                   kVerificationFailed});
  }
  return bad;
}

}  // namespace

TEST_CASE("bad-images-are-not-installed", "[qemu]") {
  const ros::TempDirectory directory(RunDirectory(), "refusal");
  const DiskImage disk(InstalledDisk());
  const std::string before = disk.Checksum();
  for (const Refusal& bad : BadImages(directory.path())) {
    const ros::ProcessResult result = Ros({"install",
                                           "-d",
                                           disk.path().string(),
                                           "-i",
                                           bad.image.string(),
                                           "--key",
                                           KeyPath("release.pub").string(),
                                           "--slot-size",
                                           "256M",
                                           "--force",
                                           "--no-reboot"});
    INFO(bad.what << ": " << result.err);
    CHECK(result.exit_code == bad.exit_code);
    CHECK_FALSE(result.err.empty());
  }
  CHECK(disk.Checksum() == before);
}

TEST_CASE("bad-images-are-not-upgraded-to", "[qemu]") {
  const ros::TempDirectory directory(RunDirectory(), "refusal");
  const std::vector<Refusal> images = BadImages(directory.path());
  std::vector<std::filesystem::path> files;
  for (const Refusal& bad : images) {
    files.push_back(bad.image);
  }
  const DiskImage file_disk = MakeFileDisk(files);
  const DiskImage disk(InstalledDisk());
  Machine machine(MachineWith("refusals", disk, &file_disk));
  machine.WaitForShell();
  machine.MustRun("cat /run/services 2>/dev/null; true");
  // The partitions that an upgrade writes; the state partition is mounted and lives.
  const std::string checksums = "sha256sum /dev/sda2 /dev/sda4";
  const std::string before = machine.MustRun(checksums, std::chrono::seconds(900));
  for (const Refusal& bad : images) {
    const GuestResult result =
        machine.Run("ros upgrade --no-reboot -i /run/images/" + bad.image.filename().string(),
                    std::chrono::seconds(600));
    INFO(bad.what << ": " << result.output);
    CHECK(result.exit_code == bad.exit_code);
  }
  CHECK(machine.MustRun(checksums, std::chrono::seconds(900)) == before);
}
