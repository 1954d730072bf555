#include "init/state_reset.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <set>

#include "base/file.hpp"

namespace ros::init {
namespace {

using Path = std::filesystem::path;

// What a machine has on its state partition after some time.
struct State {
  TempDirectory work{"ros-reset"};
  Path path = work.path();

  State() {
    for (const auto* name : {"var/lib/app/db",
                             "var/log/messages",
                             "home/ann/.profile",
                             "etc/a/upper/hostname",
                             "etc/b/upper/passwd",
                             "etc/a/made-for",
                             "lost+found/#12",
                             "ros/journal",
                             "ros/keys/release.pub",
                             "ros/trust.yml",
                             "ros/verified.json",
                             "ros/channels.json",
                             "ros/epoch",
                             "ros/bad.json",
                             "ros/args",
                             "ros/machine",
                             "ros/instance",
                             "ros/filled/var",
                             "ros/filled/home",
                             "ros/config/cloud-config.yml",
                             "ros/config/user.yml",
                             "ros/config/applied.json",
                             "ros/reset"}) {
      Put(name);
    }
    std::filesystem::create_directories(path / "var/empty");
    std::filesystem::create_symlink("/ros/keys", path / "var/link");
  }

  void Put(const Path& name) const {
    std::filesystem::create_directories((path / name).parent_path());
    WriteFileAtomically(path / name, AsBytes(std::string_view("x")));
  }

  [[nodiscard]] std::set<std::string> All() const {
    std::set<std::string> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (!entry.is_directory()) {
        all.insert(entry.path().lexically_relative(path).string());
      }
    }
    return all;
  }

  [[nodiscard]] ResetTroubles Reset(
      health::ResetScope scope = health::ResetScope::kContent,
      const std::function<void()>& tick = [] {}) const {
    return ResetState(path, scope, tick);
  }
};

const std::set<std::string> kStays = {"lost+found/#12",
                                      "ros/args",
                                      "ros/config/cloud-config.yml",
                                      "ros/instance",
                                      "ros/journal",
                                      "ros/machine",
                                      "ros/reset"};
const std::set<std::string> kTrust = {"ros/bad.json",
                                      "ros/channels.json",
                                      "ros/epoch",
                                      "ros/keys/release.pub",
                                      "ros/trust.yml",
                                      "ros/verified.json"};

std::set<std::string> With(std::set<std::string> names, const std::set<std::string>& more) {
  names.insert(more.begin(), more.end());
  return names;
}

}  // namespace

TEST_CASE("ResetState: what the machine has stored is gone, its memory stays", "[init]") {
  const State state;
  CHECK(state.Reset().empty());
  CHECK(state.All() == With(kStays, kTrust));
  CHECK(ListDirectory(state.path) == std::vector<std::string>{"lost+found", "ros"});
  CHECK_FALSE(std::filesystem::exists(state.path / "ros/filled"));
}

TEST_CASE("ResetState: with the trust, keys, epoch and bad list go too", "[init]") {
  const State state;
  CHECK(state.Reset(health::ResetScope::kContentAndTrust).empty());
  CHECK(state.All() == kStays);
}

TEST_CASE("ResetState: no depth is too much", "[init]") {
  const State state;
  // Deeper than a path may be long, as who works with relative paths can make it.
  int at = ::open((state.path / "var").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (int depth = 0; depth < 3000; ++depth) {
    REQUIRE(::mkdirat(at, "deeper", 0755) == 0);
    const int next = ::openat(at, "deeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ::close(at);
    at = next;
    REQUIRE(at >= 0);
  }
  ::close(at);
  CHECK(state.Reset().empty());
  CHECK(state.All() == With(kStays, kTrust));
}

TEST_CASE("ResetState: a cut at any entry is made up for by the next boot", "[init]") {
  struct Cut {};

  const auto scope = GENERATE(health::ResetScope::kContent, health::ResetScope::kContentAndTrust);
  const auto left = scope == health::ResetScope::kContent ? With(kStays, kTrust) : kStays;
  int entries = 0;
  const State whole;
  CHECK(whole.Reset(scope, [&] { ++entries; }).empty());
  REQUIRE(entries > 15);
  for (int cut = 1; cut <= entries; ++cut) {
    const State state;
    int ticks = 0;
    const auto cutting = [&] {
      if (++ticks == cut) {
        throw Cut();
      }
    };
    CHECK_THROWS_AS(state.Reset(scope, cutting), Cut);
    const auto all = state.All();
    INFO("cut at entry " << cut << " of " << entries);
    // What stays was never away, the request least of all.
    CHECK(std::includes(all.begin(), all.end(), kStays.begin(), kStays.end()));
    // A cut in the second run, too.
    ticks = cut / 2;
    try {
      static_cast<void>(state.Reset(scope, cutting));
    } catch (const Cut&) {
    }
    CHECK(state.Reset(scope).empty());
    CHECK(state.All() == left);
    CHECK_FALSE(std::filesystem::exists(state.path / ".reset"));
  }
}

}  // namespace ros::init
