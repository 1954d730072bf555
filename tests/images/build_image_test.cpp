#include "images/build_image.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "images/architecture.hpp"
#include "images/chunk_index.hpp"
#include "images/erofs_reader.hpp"
#include "images/fakeroot.hpp"
#include "images/image_source.hpp"
#include "images/kernel_image.hpp"
#include "images/manifest.hpp"
#include "tests/images/support/workshop.hpp"

namespace ros::images {
namespace {

using testing::KernelImage;
using testing::ManifestOf;
using testing::Noise;
using testing::PutFile;
using testing::Workshop;

const std::string kCapability(
    "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00",
    20);

TEST_CASE("BuildImage: makes an image that the read side takes", "[images]") {
  const Workshop workshop;
  BuildOptions options = workshop.options();
  options.bootloader_tar = "boot loader";
  options.kernel_arguments = {"quiet"};
  options.epoch = 3;
  options.health.required = {"app"};
  const BuildResult result = workshop.Build(options);
  const auto source = OpenImage(options.output);
  CHECK(ChooseImage(*source, "1.0.0").digest == result.digest);
  const ImageManifest manifest = ManifestOf(*source);
  const ImageConfig config = ParseImageConfig(ReadBlob(*source, manifest.config, kMaxConfigSize));
  CHECK(config == result.config);
  CHECK(config.created == 1'600'000'000);
  CHECK(config.epoch == 3);
  CHECK(ReadBlob(*source, manifest.kernel, kMaxKernelSize) == KernelImage());
  CHECK(ReadBlob(*source, *manifest.bootloader, kMaxBootloaderSize) == "boot loader");
  const auto chunks =
      ParseChunkIndex(AsBytes(ReadBlob(*source, manifest.root_index, kMaxIndexSize)),
                      config.root.size,
                      manifest.root.size);
  CHECK(chunks.size() == result.chunks);
  const auto image = workshop.UnpackRoot(*source, manifest);
  const std::string bytes = ReadFile(image, Bytes{64} << 20U);
  CHECK(bytes.size() == config.root.size);
  Bytes offset = 0;
  for (const auto& chunk : chunks) {
    CHECK(keys::Sha256Of(AsBytes(bytes).subspan(offset, chunk.length)) == chunk.digest);
    offset += chunk.length;
  }
  const std::string verity = RunTool({.argv = {"veritysetup",
                                               "format",
                                               "--no-superblock",
                                               "--salt=" + config.root.verity.salt,
                                               image.string(),
                                               workshop.path("tree").string()}});
  CHECK(verity.find(config.root.verity.root_hash) != std::string::npos);
}

TEST_CASE("BuildImage: takes a kernel that a slot of the usual size has no place for", "[images]") {
  const Workshop workshop;
  const auto options = workshop.options();
  std::filesystem::resize_file(workshop.root() / "boot/vmlinuz-6.1.0-9", Bytes{33} << 20U);
  CHECK(workshop.Build(options).kernel_size == Bytes{33} << 20U);
}

TEST_CASE("BuildImage: refuses a kernel that cannot unpack its initrd", "[images]") {
  const Workshop workshop;
  const auto config = workshop.root() / "boot/config-6.1.0-9";
  PutFile(config, "CONFIG_RD_XZ=y\nCONFIG_RD_LZ4=y\n");
  CHECK_NOTHROW(workshop.Build(workshop.options()));
  PutFile(config, "CONFIG_RD_XZ=y\n# CONFIG_RD_LZ4 is not set\n");
  CHECK_THROWS_WITH(workshop.Build(workshop.options()),
                    Catch::Contains("the kernel 6.1.0-9 cannot unpack the initrd (CONFIG_RD_LZ4"));
}

TEST_CASE("BuildImage: owners, device nodes, capabilities and times arrive", "[images]") {
  const Workshop workshop;
  const auto file = workshop.root() / "usr/bin/ping";
  PutFile(file, Noise(20'000, 4));
  REQUIRE(::chown(file.c_str(), 1000, 1001) == 0);
  REQUIRE(::chmod(file.c_str(), 02755) == 0);
  REQUIRE(::lsetxattr(file.c_str(), "security.capability", kCapability.data(), 20, 0) == 0);
  REQUIRE(::mknod((workshop.root() / "node").c_str(), S_IFBLK | 0660, makedev(8, 1)) == 0);
  const BuildOptions options = workshop.options();
  (void)workshop.Build(options);
  const auto source = OpenImage(options.output);
  std::map<std::string, ErofsEntry> entries;
  ReadErofs(workshop.UnpackRoot(*source, ManifestOf(*source)),
            [&](const ErofsEntry& entry) { entries[entry.path] = entry; });
  const ErofsEntry& ping = entries.at("usr/bin/ping");
  CHECK(ping.owner == 1000);
  CHECK(ping.group == 1001);
  CHECK(ping.mode == (S_IFREG | 02755));
  CHECK(ping.modified == 1'600'000'000);
  CHECK(ping.modified_nanoseconds == 5);
  REQUIRE(ping.xattrs.size() == 1);
  CHECK(ping.xattrs[0] == std::pair<std::string, std::string>("security.capability", kCapability));
  CHECK(S_ISBLK(entries.at("node").mode));
  CHECK(entries.at("node").device == 0x801);
  CHECK(entries.at("etc/hostname").owner == 0);
  // The mount points that the root lacked.
  CHECK(entries.at("ros").mode == (S_IFDIR | 0755));
  CHECK(entries.at("tmp").mode == (S_IFDIR | 01777));
  CHECK(entries.at("root").mode == (S_IFDIR | 0700));
  // The user's directory is as it was.
  CHECK_FALSE(std::filesystem::exists(workshop.root() / "ros"));
}

TEST_CASE("BuildImage: the kernel is beside the root, and in it if that is wanted", "[images]") {
  namespace fs = std::filesystem;
  const Workshop workshop;
  const auto boot = workshop.root() / "boot";
  PutFile(workshop.root() / "usr/lib/modules/6.1.0-9/vmlinuz", KernelImage());
  fs::create_symlink("boot/vmlinuz-6.1.0-9", workshop.root() / "vmlinuz");
  fs::create_symlink("../boot/vmlinuz-6.1.0-9", boot / "vmlinuz");
  fs::create_symlink("nowhere", boot / "vmlinuz.old");
  fs::create_symlink("vmlinuz.circle", boot / "vmlinuz.circle");
  fs::create_directory(boot / "vmlinuz.d");
  PutFile(boot / "vmlinuz-5.10.0-1", Noise(KernelImage().size(), 2));
  PutFile(boot / "config-6.1.0-9", "CONFIG_RD_LZ4=y\n");
  const auto kernels = [&](const BuildOptions& options) {
    (void)workshop.Build(options);
    const auto source = OpenImage(options.output);
    const auto manifest = ManifestOf(*source);
    CHECK(ReadBlob(*source, manifest.kernel, kMaxKernelSize) == KernelImage());
    std::vector<std::string> names;
    ReadErofs(workshop.UnpackRoot(*source, manifest), [&](const ErofsEntry& entry) {
      if (entry.path.starts_with("boot/") || entry.path.find("vmlinuz") != std::string::npos) {
        names.push_back(entry.path);
      }
    });
    std::sort(names.begin(), names.end());
    return names;
  };
  BuildOptions options = workshop.options();
  CHECK(kernels(options) == std::vector<std::string>{"boot/config-6.1.0-9",
                                                     "boot/vmlinuz-5.10.0-1",
                                                     "boot/vmlinuz.circle",
                                                     "boot/vmlinuz.d",
                                                     "boot/vmlinuz.old"});
  options.keep_kernel = true;
  CHECK(kernels(options) == std::vector<std::string>{"boot/config-6.1.0-9",
                                                     "boot/vmlinuz",
                                                     "boot/vmlinuz-5.10.0-1",
                                                     "boot/vmlinuz-6.1.0-9",
                                                     "boot/vmlinuz.circle",
                                                     "boot/vmlinuz.d",
                                                     "boot/vmlinuz.old",
                                                     "usr/lib/modules/6.1.0-9/vmlinuz",
                                                     "vmlinuz"});
  // The user's directory is as it was.
  CHECK(fs::exists(boot / "vmlinuz-6.1.0-9"));
}

TEST_CASE("BuildImage: the same input gives the same digest", "[images]") {
  const Workshop one;
  const Workshop two;
  CHECK(one.Build(one.options()).digest == two.Build(two.options()).digest);
  // From a tar of it too.
  (void)RunTool({.argv = {"tar",
                          "-C",
                          one.root().string(),
                          "--numeric-owner",
                          "--format=posix",
                          "-cf",
                          one.path("root.tar").string(),
                          "."}});
  BuildOptions from_tar = one.options("from-tar.oci");
  from_tar.root = one.path("root.tar");
  from_tar.init_binary = one.root() / "sbin/init";
  CHECK(one.Build(from_tar).digest == two.Build(two.options("again.oci")).digest);
  CHECK(ReadFile(one.path("from-tar.oci"), Bytes{64} << 20U) ==
        ReadFile(two.path("again.oci"), Bytes{64} << 20U));
  BuildOptions dated = one.options();
  dated.source_date_epoch = 1'550'000'000;
  const auto result = one.Build(dated);
  CHECK(result.config.created == 1'550'000'000);
  CHECK(result.digest != two.Build(two.options()).digest);
}

std::string Refusal(const Workshop& workshop, const BuildOptions& options) {
  try {
    (void)workshop.Build(options);
  } catch (const Error& error) {
    CHECK((error.kind() == ErrorKind::kUsage || error.kind() == ErrorKind::kDoesNotFit));
    CHECK_FALSE(std::filesystem::exists(options.output));
    return error.message();
  }
  FAIL("nothing was thrown");
  return "";
}

TEST_CASE("BuildImage: refuses roots that are no OS, and says what to do", "[images]") {
  const Workshop workshop;
  const BuildOptions options = workshop.options();
  std::filesystem::rename(workshop.root() / "usr/bin/ros", workshop.path("ros"));
  CHECK_THAT(Refusal(workshop, options), Catch::Contains("pass --allow-no-ros"));
  BuildOptions without = options;
  without.ros_in_root = RosInRoot::kNotNeeded;
  CHECK_NOTHROW(workshop.Build(without));
  std::filesystem::remove(options.output);
  std::filesystem::rename(workshop.path("ros"), workshop.root() / "usr/bin/ros");
  BuildOptions other_kernel = options;
  other_kernel.kernel = "9.9";
  CHECK_THAT(Refusal(workshop, other_kernel), Catch::Contains("no kernel 9.9; it has 6.1.0-9"));
  PutFile(workshop.root() / "opt", "a file");
  CHECK_THAT(Refusal(workshop, options), Catch::Contains("/opt is not a directory"));
  std::filesystem::remove(workshop.root() / "opt");
  std::filesystem::rename(workshop.root() / "sbin/init", workshop.path("init"));
  BuildOptions no_init = options;
  no_init.init_binary = workshop.path("init");
  CHECK_THAT(Refusal(workshop, no_init), Catch::Contains("no /sbin/init"));
}

TEST_CASE("BuildImage: refuses options that make no sense", "[images]") {
  const Workshop workshop;
  BuildOptions options = workshop.options();
  options.name = "not a name";
  CHECK_THAT(Refusal(workshop, options), Catch::Contains("name"));
  options = workshop.options();
  options.compression_level = 20;
  CHECK_THAT(Refusal(workshop, options), Catch::Contains("1 to 19"));
  options = workshop.options();
  options.kernel_arguments = {"two\nlines"};
  CHECK_FALSE(Refusal(workshop, options).empty());
}

TEST_CASE("BuildImage: neither replaces its input nor takes its output in", "[images]") {
  const Workshop workshop;
  PutFile(workshop.path("root.tar"), "a tar");
  std::filesystem::create_symlink("root.tar", workshop.path("link.tar"));
  BuildOptions options = workshop.options("link.tar");
  options.root = workshop.path("root.tar");
  NoProgress progress;
  CHECK_THROWS_WITH(BuildImage(options, progress), Catch::Contains("is the root that the image"));
  CHECK(ReadFile(options.root, 10) == "a tar");
  options = workshop.options("root/image.oci");
  CHECK_THAT(Refusal(workshop, options), Catch::Contains("would become a part of it"));
}

TEST_CASE("BuildImage: finds an output that cannot be written before it unpacks", "[images]") {
  const Workshop workshop;
  BuildOptions options = workshop.options("nowhere/image.oci");
  options.root = "/there is no such root";
  CHECK_THAT(Refusal(workshop, options), Catch::Contains("there is no directory"));
}

TEST_CASE("BuildImage: refuses a kernel and programs that are not for the machine", "[images]") {
  const Workshop workshop;
  const auto kernel = workshop.root() / "boot/vmlinuz-6.1.0-9";
  PutFile(kernel, "");
  CHECK_THAT(Refusal(workshop, workshop.options()), Catch::Contains("vmlinuz-6.1.0-9 is empty"));
  PutFile(kernel, Noise(5000, 1));
  CHECK_THAT(Refusal(workshop, workshop.options()),
             Catch::Contains("not a Linux kernel for amd64"));
  PutFile(kernel, KernelImage());
  BuildOptions options = workshop.options();
  options.architecture = "bogus";
  CHECK_THAT(Refusal(workshop, options), Catch::Contains("\"bogus\" is none of 386, amd64, arm"));
}

TEST_CASE("DescribeForeignProgram: knows machines by their ELF header", "[images]") {
  auto program = testing::StaticProgram();
  CHECK(DescribeForeignProgram(program, "amd64").empty());
  CHECK(DescribeForeignProgram(program, "arm64") == "a program for amd64");
  program[18] = '\xB7';
  CHECK(DescribeForeignProgram(program, "amd64") == "a program for arm64");
  program[18] = '\x01';
  CHECK(DescribeForeignProgram(program, "amd64") == "a program for another machine");
  CHECK(DescribeForeignProgram("#!/bin/sh and more of it\n", "amd64").empty());
  CHECK(DescribeForeignProgram("", "amd64").empty());
}

TEST_CASE("KernelVersionOf: reads the header, and nothing where there is none", "[images]") {
  CHECK(KernelVersionOf(KernelImage()) == "6.1.0-9");
  CHECK(KernelVersionOf(KernelImage().substr(0, 0xe00)).empty());
  CHECK(KernelVersionOf(Noise(5000, 1)).empty());
  CHECK(KernelVersionOf("").empty());
}

TEST_CASE("BuildImage: refuses a kernel that no image may have", "[images]") {
  const Workshop workshop;
  std::filesystem::resize_file(workshop.root() / "boot/vmlinuz-6.1.0-9", kMaxKernelSize + 1);
  CHECK_THAT(Refusal(workshop, workshop.options()), Catch::Contains("256 MiB"));
}

}  // namespace
}  // namespace ros::images
