#include "base/block_device.hpp"

#include <fcntl.h>

#include <catch2/catch.hpp>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros {
namespace {

using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.

std::filesystem::path MakeDisk(const TempDirectory& directory, Bytes size) {
  const auto path = directory.path() / "disk";
  WriteFileAtomically(path, AsBytes(std::string(size, '\xcc')));
  return path;
}

TEST_CASE("BlockDevice: an unaligned write changes its bytes and no others", "[base]") {
  const TempDirectory directory;
  const auto path = MakeDisk(directory, 64_KiB);
  const auto device = OpenBlockDevice(path, DeviceAccess::kWrite);
  device->Write(4090, AsBytes("0123456789"));
  device->Sync();
  std::string expected(64_KiB, '\xcc');
  expected.replace(4090, 10, "0123456789");
  CHECK(ReadFile(path, 1_MiB) == expected);
  std::string read(12, 0);
  device->Read(4089, AsWritableBytes(read));
  CHECK(read ==
        "\xcc"
        "0123456789\xcc");
}

TEST_CASE("BlockDevice: aligned writes larger than the bounce buffer arrive", "[base]") {
  const TempDirectory directory;
  const auto path = MakeDisk(directory, 4_MiB);
  const auto device = OpenBlockDevice(path, DeviceAccess::kExclusive);
  const std::string data(3_MiB, 'x');
  device->Write(512, AsBytes(data));
  device->Sync();
  CHECK(ReadFile(path, 4_MiB) ==
        std::string(512, '\xcc') + data + std::string(1_MiB - 512, '\xcc'));
}

TEST_CASE("BlockDevice: the end is a limit", "[base]") {
  const TempDirectory directory;
  const auto device = OpenBlockDevice(MakeDisk(directory, 8_KiB), DeviceAccess::kWrite);
  CHECK(device->size() == 8_KiB);
  CHECK_THROWS_AS(device->Write(8_KiB - 1, AsBytes("xx")), Error);
  CHECK_THROWS_AS(device->Write(~Bytes{0}, AsBytes("xx")), Error);
}

TEST_CASE("BlockDevice: a file's sectors are as large as its table was written for", "[base]") {
  const TempDirectory directory;
  const auto path = MakeDisk(directory, 64_KiB);
  const auto sectors = [&] { return OpenBlockDevice(path, DeviceAccess::kRead)->sector_size(); };
  CHECK(sectors() == 512);
  const auto device = OpenBlankDevice(path, DeviceAccess::kWrite, 4096);
  CHECK(device->sector_size() == 4096);
  device->Write(4096, AsBytes("EFI PART"));
  CHECK(sectors() == 4096);
  CHECK(OpenBlankDevice(path, DeviceAccess::kRead, 512)->sector_size() == 512);
  // What is left of a table for larger sectors does not count.
  device->Write(512, AsBytes("EFI PART"));
  CHECK(sectors() == 512);
}

TEST_CASE("BlockDevice: a file of a few bytes has the usual sectors", "[base]") {
  const TempDirectory directory;
  CHECK(OpenBlockDevice(MakeDisk(directory, 100), DeviceAccess::kRead)->sector_size() == 512);
}

TEST_CASE("Region: stays inside its bounds", "[base]") {
  const TempDirectory directory;
  const auto path = MakeDisk(directory, 64_KiB);
  const Region disk(OpenBlockDevice(path, DeviceAccess::kWrite));
  const auto part = disk.Sub(8192, 4096);
  part.Write(0, AsBytes("part"));
  part.Sync();
  CHECK(ReadFile(path, 1_MiB).substr(8192, 5) == "part\xcc");
  CHECK_THROWS_AS(part.Write(4094, AsBytes("xyz")), Error);
  CHECK_THROWS_AS(part.Sub(4096, 1), Error);
  CHECK_THROWS_AS(part.Sub(1, ~Bytes{0}), Error);
}

TEST_CASE("OpenBlockDevice: what is no disk is named", "[base]") {
  CHECK_THROWS_WITH(OpenBlockDevice("/dev/null", DeviceAccess::kRead),
                    Catch::Contains("neither a block device nor a file"));
  CHECK_THROWS_WITH(OpenBlockDevice("/nonexistent", DeviceAccess::kRead),
                    Catch::Contains("No such file"));
}

}  // namespace
}  // namespace ros
