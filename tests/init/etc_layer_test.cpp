#include "init/etc_layer.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::init {
namespace {

using Path = std::filesystem::path;

// A state partition and the root of the slot that boots.
struct Machine {
  TempDirectory work;
  Path root = work.path() / "root";
  Path state = work.path() / "state";

  Machine() {
    std::filesystem::create_directories(root / "etc");
    std::filesystem::create_directories(state);
  }

  static void Put(const Path& path, const std::string& text) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

  Path Upper(SlotId slot) const { return state / "etc" / Name(slot) / "upper"; }

  void BootGood(SlotId slot) {
    PrepareEtc({.root = root, .state = state, .slot = slot}, [] {});
  }

  void BootTrial(SlotId slot, const std::string& hash) {
    PrepareEtc({.root = root, .state = state, .slot = slot, .trial = true, .root_hash = hash},
               [] {});
  }
};

TEST_CASE("PrepareEtc: a fresh slot has an empty layer like the image's /etc", "[init]") {
  Machine machine;
  REQUIRE(::chmod((machine.root / "etc").c_str(), 0750) == 0);
  machine.BootGood(SlotId::kA);
  CHECK(std::filesystem::is_empty(machine.Upper(SlotId::kA)));
  CHECK(std::filesystem::is_empty(machine.state / "etc/a/work"));
  CHECK(std::filesystem::status(machine.Upper(SlotId::kA)).permissions() ==
        std::filesystem::perms(0750));
}

TEST_CASE("PrepareEtc: a trial starts from the good slot's changes", "[init]") {
  Machine machine;
  machine.BootGood(SlotId::kA);
  Machine::Put(machine.Upper(SlotId::kA) / "hostname", "box");
  Machine::Put(machine.Upper(SlotId::kB) / "leftover", "old");
  machine.BootTrial(SlotId::kB, "h1");
  CHECK(ReadFile(machine.Upper(SlotId::kB) / "hostname", 10) == "box");
  CHECK_FALSE(std::filesystem::exists(machine.Upper(SlotId::kB) / "leftover"));
}

TEST_CASE("PrepareEtc: accounts of both sides are joined", "[init]") {
  Machine machine;
  machine.BootGood(SlotId::kA);
  Machine::Put(machine.Upper(SlotId::kA) / "passwd", "root:x:0\nann:x:1000\n");
  REQUIRE(::chmod((machine.Upper(SlotId::kA) / "passwd").c_str(), 0604) == 0);
  Machine::Put(machine.root / "etc/passwd", "root:x:0\nnew:x:100\n");
  Machine::Put(machine.root / "etc/shadow", "root:*\n");
  machine.BootTrial(SlotId::kB, "h1");
  const auto passwd = machine.Upper(SlotId::kB) / "passwd";
  CHECK(ReadFile(passwd, 100) == "root:x:0\nann:x:1000\nnew:x:100\n");
  CHECK(std::filesystem::status(passwd).permissions() == std::filesystem::perms(0604));
  CHECK_FALSE(std::filesystem::exists(machine.Upper(SlotId::kB) / "shadow"));
  CHECK(ReadFile(machine.Upper(SlotId::kA) / "passwd", 100) == "root:x:0\nann:x:1000\n");
}

TEST_CASE("PrepareEtc: further tries and the commit keep what the trial changed", "[init]") {
  Machine machine;
  machine.BootGood(SlotId::kA);
  machine.BootTrial(SlotId::kB, "h1");
  Machine::Put(machine.Upper(SlotId::kB) / "mine", "1");
  machine.BootTrial(SlotId::kB, "h1");
  CHECK(std::filesystem::exists(machine.Upper(SlotId::kB) / "mine"));
  machine.BootGood(SlotId::kB);
  CHECK(std::filesystem::exists(machine.Upper(SlotId::kB) / "mine"));
}

TEST_CASE("PrepareEtc: a rollback drops what the trial changed", "[init]") {
  Machine machine;
  machine.BootGood(SlotId::kA);
  machine.BootTrial(SlotId::kB, "h1");
  Machine::Put(machine.Upper(SlotId::kB) / "mine", "1");
  machine.BootGood(SlotId::kA);
  machine.BootTrial(SlotId::kB, "h1");  // the same image, by --retry
  CHECK_FALSE(std::filesystem::exists(machine.Upper(SlotId::kB) / "mine"));
}

TEST_CASE("PrepareEtc: back and forth without a boot of the good slot", "[init]") {
  Machine machine;
  machine.BootGood(SlotId::kA);
  machine.BootTrial(SlotId::kB, "h2");  // committed, and upgraded again at once
  Machine::Put(machine.Upper(SlotId::kB) / "from-b", "1");
  machine.BootTrial(SlotId::kA, "h3");
  CHECK(std::filesystem::exists(machine.Upper(SlotId::kA) / "from-b"));
  Machine::Put(machine.Upper(SlotId::kA) / "from-a", "1");
  machine.BootTrial(SlotId::kB, "h2");
  CHECK(std::filesystem::exists(machine.Upper(SlotId::kB) / "from-a"));
}

TEST_CASE("PrepareEtc: a copy that was cut is made anew", "[init]") {
  Machine machine;
  machine.BootGood(SlotId::kA);
  for (int i = 0; i < 5; ++i) {
    Machine::Put(machine.Upper(SlotId::kA) / std::to_string(i), "x");
  }

  struct Cut {};

  int ticks = 0;
  const auto cut = [&] {
    if (++ticks == 4) {
      throw Cut();
    }
  };
  const EtcRequest request{.root = machine.root,
                           .state = machine.state,
                           .slot = SlotId::kB,
                           .trial = true,
                           .root_hash = "h1"};
  CHECK_THROWS_AS(PrepareEtc(request, cut), Cut);
  machine.BootTrial(SlotId::kB, "h1");
  CHECK(ListDirectory(machine.Upper(SlotId::kB)).size() == 5);
  CHECK_FALSE(std::filesystem::exists(machine.state / "etc/b/upper.new"));
}

TEST_CASE("PrepareEtc: a copy that was cut is removed by the good slot too", "[init]") {
  Machine machine;
  machine.BootGood(SlotId::kA);
  Machine::Put(machine.state / "etc/b/upper.new/half", "x");
  machine.BootGood(SlotId::kA);
  CHECK_FALSE(std::filesystem::exists(machine.state / "etc/b/upper.new"));
}

TEST_CASE("PrepareEtc: a copy that fails leaves nothing in the way", "[init]") {
  Machine machine;
  machine.BootGood(SlotId::kA);
  Machine::Put(machine.Upper(SlotId::kA) / "hostname", "box");
  // More than is read of such a file.
  Machine::Put(machine.Upper(SlotId::kA) / "passwd", "");
  std::filesystem::resize_file(machine.Upper(SlotId::kA) / "passwd", Bytes{17} << 20U);
  Machine::Put(machine.root / "etc/passwd", "root:x:0\n");
  CHECK_THROWS_AS(machine.BootTrial(SlotId::kB, "h1"), Error);
  CHECK_FALSE(std::filesystem::exists(machine.state / "etc/b/upper.new"));
  CHECK_FALSE(std::filesystem::exists(machine.state / "etc/b/made-for"));
}

// The first boot of an installation that kept the state, in slot a.
EtcRequest KeptBoot(const Machine& machine, SlotId from) {
  return {.root = machine.root, .state = machine.state, .slot = SlotId::kA, .take_from = from};
}

TEST_CASE("PrepareEtc: an installation that kept the state starts from the slot that was good",
          "[init]") {
  const auto from = GENERATE(SlotId::kA, SlotId::kB);
  Machine machine;
  Machine::Put(machine.Upper(Other(from)) / "stale", "1");
  Machine::Put(machine.Upper(from) / "hostname", "box");
  Machine::Put(machine.Upper(from) / "passwd", "root:x:0\nann:x:1000\n");
  Machine::Put(machine.root / "etc/passwd", "root:x:0\nnew:x:100\n");
  PrepareEtc(KeptBoot(machine, from), [] {});
  const auto upper = machine.Upper(SlotId::kA);
  CHECK(ReadFile(upper / "hostname", 10) == "box");
  CHECK(ReadFile(upper / "passwd", 100) == "root:x:0\nann:x:1000\nnew:x:100\n");
  CHECK(std::filesystem::exists(upper / "stale") == false);
  CHECK_FALSE(std::filesystem::exists(machine.state / "etc/a/upper.new"));
}

TEST_CASE("PrepareEtc: a cut while the state's own layer is taken over loses nothing", "[init]") {
  const auto from = GENERATE(SlotId::kA, SlotId::kB);

  struct Cut {};

  for (int at = 1; at < 8; ++at) {
    Machine machine;
    for (int i = 0; i < 5; ++i) {
      Machine::Put(machine.Upper(from) / std::to_string(i), "x");
    }
    int ticks = 0;
    try {
      PrepareEtc(KeptBoot(machine, from), [&] {
        if (++ticks == at) {
          throw Cut();
        }
      });
    } catch (const Cut&) {
      CHECK(ListDirectory(machine.Upper(from)).size() == 5);
    }
    PrepareEtc(KeptBoot(machine, from), [] {});
    CHECK(ListDirectory(machine.Upper(SlotId::kA)).size() == 5);
  }
}

}  // namespace
}  // namespace ros::init
