#include "bootloader/grub_config.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/process.hpp"
#include "tests/support/golden.hpp"

namespace ros::bootloader {
namespace {

SlotEntry Entry() {
  return {.slot = SlotId::kB,
          .verity_root_hash = std::string(64, 'e'),
          .verity_salt = "00ff",
          .verity_data_blocks = 25600,
          .watchdog_seconds = 180,
          .image_arguments = {"console=ttyS0,115200n8", "quiet"},
          .machine_arguments = {"mitigations=off"}};
}

std::string ImageRefusal(const std::string& argument) {
  try {
    CheckKernelArguments({argument}, ArgumentOrigin::kImage);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kVerification);
    return error.message();
  }
  return {};
}

}  // namespace

// A script that is on disks somewhere gets a larger number with every change, and its file stays:
// grub_boot_test starts them all with the core image of today.
TEST_CASE("GrubConfig: the main script", "[bootloader]") {
  testing::CheckGolden(
      "bootloader/scripts/" + std::to_string(GrubScriptNumber(MainGrubConfig())) + ".cfg",
      MainGrubConfig());
}

TEST_CASE("GrubScriptNumber: the first line tells it", "[bootloader]") {
  CHECK(GrubScriptNumber(MainGrubConfig()) == 2);
  CHECK(GrubScriptNumber("# ros-script 12\nset x=1\n") == 12);
  CHECK(GrubScriptNumber("# ros-script 99999999999999999999\n") == 9999);
  for (const auto* script : {"", "# ros-script", "# ros-script x\n", "\n# ros-script 2\n"}) {
    CHECK(GrubScriptNumber(script) == 0);
  }
}

// Whoever has the disk and not the key may write what they like to it.
TEST_CASE("GrubConfig: the owner's script takes no commands from the disk", "[bootloader]") {
  const auto script = OwnerGrubConfig();
  for (const auto* word : {"source",
                           "configfile",
                           "insmod",
                           "linux ",
                           "set prefix",
                           "$prefix",
                           "@",
                           "eval",
                           "normal"}) {
    INFO(word);
    CHECK(script.find("\n" + std::string(word)) == std::string::npos);
    CHECK(script.find(" " + std::string(word) + " ") == std::string::npos);
  }
  CHECK(script.find("$prefix") == std::string::npos);
  CHECK(script.find("load_env -f \"$1\" ros_good ros_trial ros_tries ros_started ros_check\n") !=
        std::string::npos);
  CHECK(script.find("set superusers=nobody\n") < script.find("menuentry"));
}

TEST_CASE("GrubConfig: a unified kernel's arguments name neither slot nor disk", "[bootloader]") {
  auto entry = Entry();
  entry.loader = LoaderKind::kGrubUki;
  CHECK_THROWS_WITH(KernelCommandLine(entry), Catch::Contains("ros image build --append"));
  entry.machine_arguments.clear();
  CHECK(KernelCommandLine(entry) == "ros.loader=uki ros.verity=" + std::string(64, 'e') +
                                        ":00ff:25600 ros.fs=erofs ros.watchdog=180 panic=10 "
                                        "systemd.gpt_auto=0 console=ttyS0,115200n8 quiet");
  const auto line = KernelCommandLine(entry);
  entry.slot = SlotId::kA;
  CHECK(KernelCommandLine(entry) == line);
  CHECK(UnifiedKernelSums(std::string(64, 'a')) == std::string(64, 'a') + "  linux.efi\n");
}

TEST_CASE("GrubConfig: a slot's entry", "[bootloader]") {
  testing::CheckGolden("bootloader/slot-grub.cfg", SlotGrubConfig(Entry()));
}

TEST_CASE("GrubConfig: grub-script-check takes all scripts", "[bootloader]") {
  for (const auto& script :
       {MainGrubConfig(), OwnerGrubConfig(), SignedGrubConfig(), SlotGrubConfig(Entry())}) {
    CHECK_NOTHROW(RunTool({.argv = {"grub-script-check"}, .input = script}));
  }
}

TEST_CASE("GrubConfig: the sums of a slot", "[bootloader]") {
  const std::string a(64, 'a');
  const std::string b(64, 'b');
  const std::string c(64, 'c');
  CHECK(SlotSums({.kernel = a, .initrd = b, .grub_config = c}) ==
        a + "  kernel\n" + b + "  initrd\n" + c + "  grub.cfg\n");
  CHECK_THROWS_AS(SlotSums({.kernel = "", .initrd = b, .grub_config = c}), Error);
  CHECK_THROWS_AS(SlotSums({.kernel = "sha256:" + a, .initrd = b, .grub_config = c}), Error);
}

TEST_CASE("KernelCommandLine: our arguments, the image's, the machine's", "[bootloader]") {
  CHECK(KernelCommandLine(Entry()) ==
        "ros.slot=b ros.verity=" + std::string(64, 'e') +
            ":00ff:25600 ros.fs=erofs ros.watchdog=180 panic=10 systemd.gpt_auto=0 "
            "ros.boot=$ros_boot ros.root=$ros_root_b ros.state=$ros_state "
            "console=ttyS0,115200n8 quiet mitigations=off");
}

TEST_CASE("KernelCommandLine: refuses one that a kernel would cut off", "[bootloader]") {
  auto entry = Entry();
  entry.machine_arguments.assign(100, "a_long_kernel_argument=1");
  CHECK_THROWS_WITH(KernelCommandLine(entry),
                    Catch::Contains("characters and the kernel takes 2000"));
  CHECK_THROWS_AS(SlotGrubConfig(entry), Error);
}

TEST_CASE("KernelCommandLine: counts the UUIDs that GRUB puts in", "[bootloader]") {
  constexpr std::size_t kUuids = 3 * 36;
  auto entry = Entry();
  entry.machine_arguments.clear();
  const auto free = 2000 - kUuids - KernelCommandLine(entry).size() - 1;
  entry.machine_arguments = {std::string(free, 'x')};
  CHECK(KernelCommandLine(entry).size() == 2000 - kUuids);
  entry.machine_arguments = {std::string(free + 1, 'x')};
  CHECK_THROWS_WITH(KernelCommandLine(entry), Catch::Contains("has 2001 characters"));
}

TEST_CASE("TrialCommandLine: what GRUB would say on this disk", "[bootloader]") {
  const std::string uuid = "00000000-0000-4000-8000-00000000000";
  const PartitionIds partitions = {uuid + "2", uuid + "4", uuid + "5"};
  CHECK(TrialCommandLine(Entry(), partitions, 2) ==
        "ros.slot=b ros.verity=" + std::string(64, 'e') +
            ":00ff:25600 ros.fs=erofs ros.watchdog=180 panic=10 systemd.gpt_auto=0 ros.boot=" +
            uuid + "2 ros.root=" + uuid + "4 ros.state=" + uuid +
            "5 ros.trial=2 console=ttyS0,115200n8 quiet mitigations=off");
  CHECK_THROWS_WITH(TrialCommandLine(Entry(), {uuid + "2", "", uuid + "5"}, 2),
                    Catch::Contains("UUID"));
  CHECK_THROWS_WITH(TrialCommandLine(Entry(), {uuid + " ", uuid + "4", uuid + "5"}, 2),
                    Catch::Contains("UUID"));
  auto entry = Entry();
  entry.machine_arguments.assign(100, "a_long_kernel_argument=1");
  CHECK_THROWS_WITH(TrialCommandLine(entry, partitions, 2),
                    Catch::Contains("the kernel takes 2000"));
}

TEST_CASE("SlotGrubConfig: names no disk", "[bootloader]") {
  auto other = Entry();
  other.slot = SlotId::kA;
  CHECK_THAT(SlotGrubConfig(other), Catch::Contains(" \"ros.root=$ros_root_a\" "));
  CHECK_THAT(SlotGrubConfig(Entry()), Catch::Contains(" \"ros.root=$ros_root_b\" "));
}

TEST_CASE("SlotGrubConfig: refuses members that could be script", "[bootloader]") {
  const auto refused = [](auto change) {
    auto entry = Entry();
    change(entry);
    CHECK_THROWS_AS(SlotGrubConfig(entry), Error);
  };
  refused([](SlotEntry& entry) { entry.file_system = "x'; reboot; '"; });
  refused([](SlotEntry& entry) { entry.verity_root_hash = "abc"; });
  refused([](SlotEntry& entry) { entry.verity_salt = "0 0"; });
  refused([](SlotEntry& entry) { entry.verity_salt = ""; });
  refused([](SlotEntry& entry) { entry.file_system = "erofs\n"; });
}

TEST_CASE("CheckKernelArguments: takes what kernels are told", "[bootloader]") {
  CheckKernelArguments({"console=ttyS0,115200n8",
                        "root=/dev/sda1",
                        "video=HDMI-A-1:1920x1080@60",
                        "isolcpus=1-3",
                        "module_blacklist=a,b",
                        "acpi_osi=!",
                        "usbcore.quirks=0781:5580:bk"},
                       ArgumentOrigin::kMachine);
}

TEST_CASE("CheckKernelArguments: refuses what GRUB would run or split", "[bootloader]") {
  for (const char bad : std::string("'\"\\`$;&|<>(){}# \t\n\r\x01\x7f\x80\xff") + '\0') {
    const auto argument = std::string("quiet") + bad + "x";
    INFO(ToHex(AsBytes(argument)));
    CHECK_THAT(ImageRefusal(argument),
               Catch::Contains("has a character that a boot loader entry cannot carry"));
  }
  CHECK(ImageRefusal("a\x1b[2J") ==
        "kernel argument 'a?[2J' of the image has a character that a boot loader entry cannot "
        "carry: '?'");
}

TEST_CASE("CheckKernelArguments: refuses to be spoken over", "[bootloader]") {
  CHECK(ImageRefusal("ros.slot=a") ==
        "kernel argument 'ros.slot=a' of the image is set by ros itself");
  CHECK(ImageRefusal("ros.trial") ==
        "kernel argument 'ros.trial' of the image is set by ros itself");
  CHECK(ImageRefusal("") == "kernel argument '' of the image is empty");
  CHECK(ImageRefusal("--") ==
        "kernel argument '--' of the image would hide the arguments after it from the kernel");
  CHECK(ImageRefusal("systemd.gpt-auto=1") ==
        "kernel argument 'systemd.gpt-auto=1' of the image is set by ros itself");
  CHECK(ImageRefusal("init=/bin/sh").empty());
  CHECK(ImageRefusal("panic_on_oops=1").empty());
}

TEST_CASE("CheckKernelArguments: a kernel that dies early always restarts", "[bootloader]") {
  CHECK(ImageRefusal("panic=0") == "kernel argument 'panic=0' of the image is set by ros itself");
  for (const std::string argument : {"panic",
                                     "panic=30",
                                     "sysctl.kernel.panic=0",
                                     "sysctl/kernel/panic=0",
                                     "sysctl.kernel/panic=0"}) {
    CHECK(ImageRefusal(argument) ==
          "kernel argument '" + argument + "' of the image is set by ros itself");
    CHECK_THROWS_AS(CheckKernelArguments({argument}, ArgumentOrigin::kMachine), Error);
  }
}

TEST_CASE("CheckKernelArguments: the machine's own are an error of usage", "[bootloader]") {
  try {
    CheckKernelArguments({"a b"}, ArgumentOrigin::kMachine);
    FAIL("taken");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kUsage);
    CHECK(error.message() ==
          "kernel argument 'a b' has a character that a boot loader entry cannot carry: ' '");
  }
}

}  // namespace ros::bootloader
