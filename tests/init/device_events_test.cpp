#include "init/device_events.hpp"

#include <catch2/catch.hpp>

namespace ros::init {
namespace {

using namespace std::string_literals;  // NOLINT(google-build-using-namespace): literals only

TEST_CASE("ParseDeviceEvent: reads what the kernel sends", "[init]") {
  const auto message =
      "add@/devices/pci0000:00/0000:00:04.0/virtio1\0ACTION=add\0SUBSYSTEM=virtio\0"
      "MODALIAS=virtio:d00000002v00001AF4\0SEQNUM=1\0"s;
  CHECK(ParseDeviceEvent(message) == DeviceEvent{"add",
                                                 "/devices/pci0000:00/0000:00:04.0/virtio1",
                                                 "virtio",
                                                 "virtio:d00000002v00001AF4"});
}

TEST_CASE("ParseDeviceEvent: what is cut short is read as far as it goes", "[init]") {
  CHECK(ParseDeviceEvent("change@/x\0SUBSYSTEM=blo"s) == DeviceEvent{"change", "/x", "blo", ""});
  CHECK(ParseDeviceEvent("add@/x") == DeviceEvent{"add", "/x", "", ""});
}

TEST_CASE("ParseDeviceEvent: skips udev's messages and garbage", "[init]") {
  const auto message = GENERATE(as<std::string>(), "", "libudev\0\0\0"s, "@/x", "\0\0"s);
  CHECK_FALSE(ParseDeviceEvent(message));
}

TEST_CASE("ChangesDisks: disks and their partitions, nothing that lies on top of them", "[init]") {
  CHECK(ChangesDisks({"add", "/devices/pci0000:00/0000:00:1f.2/ata1/block/sda", "block", ""}));
  CHECK(ChangesDisks({"remove", "/devices/pci0000:00/ata1/block/sda/sda1", "block", ""}));
  CHECK_FALSE(ChangesDisks({"add", "/devices/virtual/block/dm-0", "block", ""}));
  CHECK_FALSE(ChangesDisks({"add", "/devices/pci0000:00/0000:00:1f.2", "pci", "pci:v1"}));
}

}  // namespace
}  // namespace ros::init
