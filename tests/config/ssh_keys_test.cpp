#include "config/ssh_keys.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "base/error.hpp"
#include "base/file.hpp"

using namespace ros::config;
namespace fs = std::filesystem;

namespace {

struct Fixture {
  Fixture() {
    fs::create_directories(root / "etc");
    const auto ids = std::to_string(::geteuid()) + ":" + std::to_string(::getegid());
    std::ofstream(root / "etc/passwd") << "root:x:" << ids << "::/root:/bin/sh\n"
                                       << "rancher:x:" << ids << "::/home/rancher:/bin/sh\n";
  }

  [[nodiscard]] std::string Keys() const {
    return ros::ReadFile(root / "home/rancher/.ssh/authorized_keys", 1 << 20);
  }

  static mode_t ModeOf(const fs::path& path) {
    struct stat status {};

    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777U;
  }

  ros::TempDirectory directory;
  fs::path root = directory.path();
};

}  // namespace

TEST_CASE("AddAuthorizedKeys: made with the modes that sshd wants", "[config]") {
  const Fixture fixture;
  CHECK(SshUser(fixture.root) == "rancher");
  AddAuthorizedKeys(fixture.root, {"ssh-rsa AAAA1 me", "ssh-rsa AAAA1 me again"});
  CHECK(fixture.Keys() == "ssh-rsa AAAA1 me\n");
  CHECK(Fixture::ModeOf(fixture.root / "home/rancher/.ssh") == 0700);
  CHECK(Fixture::ModeOf(fixture.root / "home/rancher/.ssh/authorized_keys") == 0600);
}

TEST_CASE("AddAuthorizedKeys: keeps what is there and adds no key twice", "[config]") {
  const Fixture fixture;
  const auto ssh = fixture.root / "home/rancher/.ssh";
  fs::create_directories(ssh);
  std::ofstream(ssh / "authorized_keys") << "# mine\ncommand=\"ls\" ssh-rsa AAAA1 old";
  AddAuthorizedKeys(fixture.root, {"ssh-rsa AAAA1 new comment", "ssh-rsa AAAA2 b"});
  CHECK(fixture.Keys() == "# mine\ncommand=\"ls\" ssh-rsa AAAA1 old\nssh-rsa AAAA2 b\n");
}

TEST_CASE("AddAuthorizedKeys: does not follow a symbolic link out of the home", "[config]") {
  const Fixture fixture;
  const auto target = fixture.root / "target";
  fs::create_directories(target);
  fs::create_directories(fixture.root / "home/rancher");
  fs::create_directory_symlink(target, fixture.root / "home/rancher/.ssh");
  CHECK_THROWS_AS(AddAuthorizedKeys(fixture.root, {"ssh-rsa AAAA1"}), ros::Error);
  CHECK(fs::is_empty(target));
}

TEST_CASE("AddAuthorizedKeys: a file that is a symbolic link is replaced", "[config]") {
  const Fixture fixture;
  const auto ssh = fixture.root / "home/rancher/.ssh";
  fs::create_directories(ssh);
  std::ofstream(fixture.root / "victim") << "untouched";
  fs::create_symlink(fixture.root / "victim", ssh / "authorized_keys");
  AddAuthorizedKeys(fixture.root, {"ssh-rsa AAAA1"});
  CHECK(ros::ReadFile(fixture.root / "victim", 100) == "untouched");
  CHECK(fixture.Keys() == "ssh-rsa AAAA1\n");
}
