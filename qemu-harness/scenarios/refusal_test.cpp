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
  std::vector<std::string> says;  // each of these is in the message
};

// The image with the byte at `offset` changed, or cut there.
std::filesystem::path Changed(const std::filesystem::path& directory, ros::Bytes offset) {
  std::filesystem::path file = directory / ("changed-" + std::to_string(offset) + ".oci");
  std::filesystem::copy_file(ImagePath("tiny-v2"), file);
  const ros::UniqueFd fd = ros::OpenFile(file, O_RDWR);
  std::byte byte{};
  ros::ReadFull(fd.get(), offset, {&byte, 1}, "image");
  byte = ~byte;
  ros::WriteFull(fd.get(), offset, {&byte, 1}, "image");
  return file;
}

std::filesystem::path CutShort(const std::filesystem::path& directory) {
  std::filesystem::path file = directory / "cut.oci";
  std::filesystem::copy_file(ImagePath("tiny-v2"), file);
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  return file;
}

// A member of the archive: a blob, or a file of the layout.
struct Part {
  std::string name;
  ros::Bytes middle = 0;  // of its content
};

std::vector<Part> Parts(const std::filesystem::path& image) {
  const ros::UniqueFd fd = ros::OpenFile(image, O_RDONLY);
  std::vector<Part> parts;
  const ros::Bytes end = std::filesystem::file_size(image);
  for (ros::Bytes at = 0; at + 512 <= end;) {
    std::string header(512, '\0');
    ros::ReadFull(fd.get(), at, ros::AsWritableBytes(header), "image");
    if (header[0] == '\0') {
      break;
    }
    const ros::Bytes size = std::stoull(header.substr(124, 11), nullptr, 8);
    if (size > 0) {
      parts.push_back({header.c_str(), at + 512 + size / 2});
    }
    at += 512 + (size + 511) / 512 * 512;
  }
  return parts;
}

// What a message must say when a byte of this part was changed.
std::vector<std::string> DamageOf(const Part& part) {
  constexpr std::string_view kBlobs = "blobs/sha256/";
  if (part.name.rfind(kBlobs, 0) == 0) {
    return {"sha256:" + part.name.substr(kBlobs.size()), "does not have this digest"};
  }
  return {part.name, "not valid JSON"};
}

std::vector<Refusal> BadImages(const std::filesystem::path& directory) {
  // What fits the machine's keys and not the machine is told by its name and version.
  std::vector<Refusal> bad = {
      {"unsigned",
       ImagePath("tiny-v2.unsigned"),
       kVerificationFailed,
       {"tiny-v2.unsigned.oci", "is not signed", "wanted: "}},
      {"signed by a stranger",
       ImagePath("tiny-stranger"),
       kVerificationFailed,
       {"tiny-stranger.oci", "is not signed by a trusted key", "wanted: "}},
      {"cut short", CutShort(directory), kVerificationFailed, {"cut.oci", "it was cut short"}},
      {"another architecture",
       ImagePath("tiny-arm"),
       kDoesNotFit,
       {"tiny 9 is for arm64 and this machine is amd64"}},
      {"too large for the slot",
       ImagePath("tiny-large"),
       kDoesNotFit,
       {"the root", "with its hash tree", "256 MiB", "--slot-size"}},
  };
  for (const Part& part : Parts(ImagePath("tiny-v2"))) {
    const std::filesystem::path image = Changed(directory, part.middle);
    std::vector<std::string> says = DamageOf(part);
    says.push_back(image.filename());
    bad.push_back({"a byte of " + part.name + " changed", image, kVerificationFailed, says});
  }
  return bad;
}

void CheckRefusal(const Refusal& bad, int exit_code, const std::string& message) {
  INFO(bad.what << ": " << message);
  CHECK(exit_code == bad.exit_code);
  for (const std::string& words : bad.says) {
    CHECK_THAT(message, Catch::Contains(words));
  }
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
    CheckRefusal(bad, result.exit_code, result.err);
  }
  CHECK(disk.Checksum() == before);
}

TEST_CASE("bad-images-are-not-upgraded-to", "[qemu]") {
  const ros::TempDirectory directory(RunDirectory(), "refusal");
  const std::vector<Refusal> images = BadImages(directory.path());
  std::vector<std::filesystem::path> files;
  files.reserve(images.size());
  for (const Refusal& bad : images) {
    files.push_back(bad.image);
  }
  const DiskImage file_disk = MakeFileDisk(files);
  const DiskImage disk(InstalledDisk());
  Machine machine(MachineWith("refusals", disk, &file_disk));
  machine.WaitForShell();
  machine.MustRun("cat /run/services 2>/dev/null; true");
  // Boot partition, both roots, and what the machine remembers; its journal may tell.
  const std::string checksums =
      "sha256sum /dev/sda2 /dev/sda3 /dev/sda4; "
      "find /ros -type f ! -path /ros/journal -exec sha256sum {} + | sort";
  const std::string before = machine.MustRun(checksums, std::chrono::seconds(900));
  for (const Refusal& bad : images) {
    const GuestResult result =
        machine.Run("ros upgrade --no-reboot -i /run/images/" + bad.image.filename().string(),
                    std::chrono::seconds(600));
    CheckRefusal(bad, result.exit_code, result.output);
  }
  CHECK(machine.MustRun(checksums, std::chrono::seconds(900)) == before);
}
