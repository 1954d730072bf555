#include "images/boot_modules.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "images/initrd.hpp"
#include "images/kernel_files.hpp"
#include "keys/key_pair.hpp"
#include "tests/images/support/small_root.hpp"

namespace ros::images {
namespace {

using testing::MakeSmallRoot;
using testing::PutFile;

constexpr auto kModules = "usr/lib/modules/6.1.0-9";

struct SmallRoot {
  SmallRoot() { MakeSmallRoot(directory.path()); }

  [[nodiscard]] std::filesystem::path modules() const { return directory.path() / kModules; }

  [[nodiscard]] ModuleIndex index() const {
    return ModuleIndex(RootDirectory(directory.path()), kModules);
  }

  TempDirectory directory;
};

TEST_CASE("FindKernel: takes the newest with modules, or the one asked for", "[images]") {
  const SmallRoot root;
  for (const auto* version : {"6.1.0-10", "5.10.0-99"}) {
    PutFile(root.directory.path() / "usr/lib/modules" / version / "modules.dep", "");
  }
  PutFile(root.directory.path() / "usr/lib/modules/6.1.0-10/vmlinuz", "kernel");
  PutFile(root.directory.path() / "boot/vmlinuz-5.10.0-99", "kernel");
  PutFile(root.directory.path() / "boot/vmlinuz-7.0.0", "no modules");
  const RootDirectory directory(root.directory.path());
  const auto newest = FindKernel(directory, "");
  CHECK(newest.version == "6.1.0-10");
  CHECK(newest.image == "usr/lib/modules/6.1.0-10/vmlinuz");
  CHECK(FindKernel(directory, "5.10.0-99").image == "boot/vmlinuz-5.10.0-99");
  CHECK_THROWS_WITH(FindKernel(directory, "4.19"),
                    "the root has no kernel 4.19; it has 6.1.0-10, 6.1.0-9, 5.10.0-99");
}

TEST_CASE("FindKernel: says what is missing", "[images]") {
  const TempDirectory empty;
  CHECK_THROWS_WITH(FindKernel(RootDirectory(empty.path()), ""),
                    Catch::Contains("install a kernel package"));
  PutFile(empty.path() / "boot/vmlinuz-1", "kernel");
  CHECK_THROWS_WITH(FindKernel(RootDirectory(empty.path()), ""),
                    Catch::Contains("without its modules"));
}

TEST_CASE("EnsureModuleIndex: runs depmod where the index is missing", "[images]") {
  const SmallRoot root;
  std::filesystem::remove(root.modules() / "modules.dep");
  std::filesystem::remove_all(root.modules() / "kernel");
  std::filesystem::create_directories(root.modules() / "kernel");
  const RootDirectory directory(root.directory.path());
  EnsureModuleIndex(directory, FindKernel(directory, ""));
  CHECK(std::filesystem::exists(root.modules() / "modules.dep"));
}

TEST_CASE("ModuleIndex: orders what a module needs, soft dependencies first", "[images]") {
  const SmallRoot root;
  PutFile(root.modules() / "modules.dep",
          "kernel/a.ko.xz: kernel/b.ko kernel/c-c.ko\nkernel/b.ko: kernel/c-c.ko\nkernel/c-c.ko:\n"
          "kernel/s1.ko:\nkernel/s2.ko: kernel/a.ko.xz\nkernel/t.ko:\n");
  PutFile(root.modules() / "modules.softdep",
          "# comment\nsoftdep a pre: s1 nonsense post: t\nsoftdep c_c pre: crypto-x\n"
          "softdep s1 pre: s2\nsoftdep unknown pre: a\nsoftdep b old form\n");
  PutFile(root.modules() / "modules.alias",
          "alias crypto-x s2\nalias pci:v1* a\nalias fs-a a\nalias bad line here\n");
  PutFile(root.modules() / "modules.builtin", "kernel/fs/built-in.ko\n");
  const auto index = root.index();
  using Names = std::vector<std::string>;
  // s1 wants s2, which needs a: a circle, which ends where it began.
  CHECK(index.LoadOrder("a") == Names{"s2", "s1", "c_c", "b", "a"});
  CHECK(index.After("a") == Names{"t"});
  CHECK(index.DeviceAliases("a") == Names{"pci:v1*"});
  CHECK(index.PathOf("c_c") == std::string(kModules) + "/kernel/c-c.ko");
  CHECK(index.IsBuiltIn("built-in"));
  CHECK(index.Resolve("crypto-x") == Names{"s2"});
  CHECK(index.Resolve("pci:v17") == Names{"a"});
  CHECK(index.Resolve("nothing").empty());
}

TEST_CASE("ModuleIndex: refuses a malformed list", "[images]") {
  const SmallRoot root;
  PutFile(root.modules() / "modules.dep", "no colon\n");
  CHECK_THROWS_AS(root.index(), Error);
}

TEST_CASE("ChooseBootModules: writes the lists that ros-init reads", "[images]") {
  const SmallRoot root;
  const auto modules = ChooseBootModules(root.index());
  CHECK(WriteModuleList(modules) ==
        "always crc32c_generic.ko\n"
        "always dm_mod.ko\n"
        "always dm_verity.ko dm_mod.ko\n"
        "always erofs.ko\n"
        "always ext4.ko crc32c_generic.ko crc16.ko\n"
        "always overlay.ko\n"
        "bus virtio_pci.ko\n"
        "bus virtio_blk.ko\n"
        "fallback-watchdog softdog.ko\n");
  CHECK(WriteModuleAliases(modules) ==
        "pci:v00001AF4d* virtio_pci.ko\nvirtio:d00000002v* virtio_blk.ko\n");
}

TEST_CASE("ChooseBootModules: watchdogs by their devices, guessing ones left out", "[images]") {
  const SmallRoot root;
  const std::string watchdogs = "kernel/drivers/watchdog/";
  PutFile(root.modules() / "modules.dep",
          "kernel/dm-mod.ko:\nkernel/dm-verity.ko:\nkernel/erofs.ko:\nkernel/overlay.ko:\n" +
              watchdogs + "softdog.ko: " + watchdogs + "watchdog.ko\n" + watchdogs +
              "i6300esb.ko: " + watchdogs + "watchdog.ko\n" + watchdogs + "watchdog.ko:\n" +
              watchdogs + "w83627hf_wdt.ko: " + watchdogs + "watchdog.ko\n");
  PutFile(root.modules() / "modules.builtin", "kernel/fs/ext4/ext4.ko\n");
  PutFile(root.modules() / "modules.alias", "alias pci:v00008086d000025AB* i6300esb\n");
  const auto list = WriteModuleList(ChooseBootModules(root.index()));
  CHECK(
      list.ends_with("watchdog i6300esb.ko watchdog.ko\nfallback-watchdog softdog.ko "
                     "watchdog.ko\n"));
  CHECK(list.find("w83627hf") == std::string::npos);
  CHECK(list.find("ext4") == std::string::npos);
}

TEST_CASE("ChooseBootModules: refuses a kernel that cannot boot an image", "[images]") {
  const SmallRoot root;
  PutFile(root.modules() / "modules.dep", "kernel/dm-mod.ko:\n");
  CHECK_THROWS_WITH(ChooseBootModules(root.index()), Catch::Contains("no dm_verity"));
}

TEST_CASE("BuildInitrdCpio: what is in it, the same bytes each time", "[images]") {
  const SmallRoot root;
  const auto init = root.directory.path() / "sbin/init";
  const RootDirectory directory(root.directory.path());
  const std::string cpio = BuildInitrdCpio(init, {}, directory, root.index());
  CHECK(cpio == BuildInitrdCpio(init, {}, directory, root.index()));
  const std::string names = RunTool({.argv = {"cpio", "-it", "--quiet"}, .input = cpio});
  CHECK(names ==
        "dev\ndev/console\ninit\nmodules\nmodules/crc16.ko\nmodules/crc32c_generic.ko\n"
        "modules/dm_mod.ko\nmodules/dm_verity.ko\nmodules/erofs.ko\nmodules/ext4.ko\n"
        "modules/overlay.ko\nmodules/softdog.ko\nmodules/virtio_blk.ko\nmodules/virtio_pci.ko\n"
        "modules.alias\nmodules.list\nproc\nrun\nsys\n");
}

TEST_CASE("BuildInitrdCpio: keys are called by their fingerprints", "[images]") {
  const SmallRoot root;
  const RootDirectory directory(root.directory.path());
  const auto key = keys::PrivateKey::Generate(keys::KeyType::kEd25519).Public();
  keys::TrustStore keys;
  keys.Add(key);
  const auto cpio =
      BuildInitrdCpio(root.directory.path() / "sbin/init", keys, directory, root.index());
  const auto path = "keys/" + key.Fingerprint() + ".pub";
  CHECK_THAT(RunTool({.argv = {"cpio", "-it", "--quiet"}, .input = cpio}),
             Catch::Contains("init\nkeys\n" + path + "\nmodules\n"));
  CHECK(RunTool({.argv = {"cpio", "-i", "--quiet", "--to-stdout", path}, .input = cpio}) ==
        key.ToPem());
}

TEST_CASE("BuildInitrdCpio: refuses an init that needs libraries", "[images]") {
  const SmallRoot root;
  const RootDirectory directory(root.directory.path());
  CHECK_THROWS_WITH(BuildInitrdCpio("/bin/sh", {}, directory, root.index()),
                    Catch::Contains("linked dynamically"));
  CHECK_THROWS_WITH(
      BuildInitrdCpio(root.directory.path() / "etc/hostname", {}, directory, root.index()),
      Catch::Contains("not a 64-bit"));
}

TEST_CASE("UnpackModule: plain, gzip, xz and zstd", "[images]") {
  const std::string module =
      "\x7f"
      "ELF" +
      testing::Noise(5000, 3);
  CHECK(UnpackModule(module, "m") == module);
  for (const auto* tool : {"gzip", "xz", "zstd"}) {
    CHECK(UnpackModule(RunTool({.argv = {tool, "-c"}, .input = module}), "m") == module);
  }
  CHECK_THROWS_AS(UnpackModule("garbage", "m"), Error);
  const std::string packed = RunTool({.argv = {"xz", "-c"}, .input = module});
  CHECK_THROWS_AS(UnpackModule(packed.substr(0, 1000), "m"), Error);
}

}  // namespace
}  // namespace ros::images
