#include "config/config_file.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "tests/config/errors.hpp"

using ros::AsBytes;
using ros::TempDirectory;
using ros::WriteFileAtomically;
using ros::config::ConfigFiles;

namespace {

using Told = std::vector<std::string>;

// A configuration directory with what `ros install -c` left there.
struct Fixture {
  Fixture() {
    WriteFileAtomically(
        directory.path() / "cloud-config.yml",
        AsBytes(
            "#cloud-config\nhostname: web1\nros:\n  upgrade:\n    channel: r.example/os:stable\n"
            "ssh_authorized_keys: [ssh-rsa AAAA1 a, ssh-rsa AAAA2 b]\n"));
  }

  [[nodiscard]] std::string UserText() const {
    return ros::ReadFile(directory.path() / "user.yml", 1 << 20);
  }

  TempDirectory directory;
  ConfigFiles files{directory.path()};
};

}  // namespace

TEST_CASE("ConfigFiles::Get: scalars bare, the rest as YAML", "[config]") {
  const Fixture fixture;
  CHECK(fixture.files.Get("hostname") == "web1\n");
  CHECK(fixture.files.Get("ros.upgrade.channel") == "r.example/os:stable\n");
  CHECK(fixture.files.Get("ros") == "upgrade:\n  channel: r.example/os:stable\n");
  CHECK(fixture.files.Get("ssh_authorized_keys") == "- ssh-rsa AAAA1 a\n- ssh-rsa AAAA2 b\n");
}

TEST_CASE("ConfigFiles::Get: a key that is not there", "[config]") {
  const Fixture fixture;
  for (const auto* key : {"nobody", "ros.nobody", "hostname.x", "ros.upgrade.channel.x"}) {
    try {
      static_cast<void>(fixture.files.Get(key));
      FAIL("found " << key);
    } catch (const ros::Error& error) {
      CHECK(error.kind() == ros::ErrorKind::kFailed);
      CHECK(error.message() == "key \"" + std::string(key) + "\" is not set");
    }
  }
  for (const auto* key : {"", ".", "a.", ".a", "a..b"}) {
    CHECK_THAT(UsageErrorOf([&] { static_cast<void>(fixture.files.Get(key)); }),
               Catch::Contains("is no key such as a.b.c"));
  }
}

TEST_CASE("ConfigFiles::Set: lays a value over the installed one", "[config]") {
  const Fixture fixture;
  CHECK(fixture.files.Set("ros.upgrade.channel", "r.example/os:beta").empty());
  CHECK(fixture.files.Set("hostname", "web2").empty());
  CHECK(fixture.files.Set("runcmd", "[echo hi, [ls, -l]]").empty());
  CHECK(fixture.files.Get("ros.upgrade.channel") == "r.example/os:beta\n");
  CHECK(fixture.files.Get("hostname") == "web2\n");
  CHECK(fixture.files.Load().runcmd.size() == 2);
  CHECK(fixture.UserText() ==
        "#cloud-config\nros:\n  upgrade:\n    channel: r.example/os:beta\nhostname: web2\nruncmd:\n"
        "  - echo hi\n  -\n    - ls\n    - -l\n");

  struct stat status {};

  REQUIRE(::stat((fixture.directory.path() / "user.yml").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0600);
}

TEST_CASE("ConfigFiles::Set: refuses without writing", "[config]") {
  const Fixture fixture;
  const auto refusal = [&](const std::string& key, const std::string& value) {
    return UsageErrorOf([&] { fixture.files.Set(key, value); });
  };
  CHECK_THAT(refusal("hostname", "[a"), Catch::StartsWith("value of hostname:1:"));
  CHECK_THAT(refusal("hostname", "[a]"), Catch::Contains("\"hostname\" must be a string"));
  CHECK_THAT(refusal("hostname.x", "a"), Catch::Contains("\"hostname\" must be a string"));
  CHECK_THAT(refusal("ros", "text"), Catch::Contains("\"ros\" must be a map"));
  CHECK_FALSE(std::filesystem::exists(fixture.directory.path() / "user.yml"));
  fixture.files.Set("ros.a", "text");
  CHECK_THAT(refusal("ros.a.b", "x"), Catch::Contains("below a value that is no map"));
}

TEST_CASE("ConfigFiles::Set: refuses a key it does not know and names the one meant", "[config]") {
  const Fixture fixture;
  CHECK_THROWS_WITH(fixture.files.Set("hostnme", "x"),
                    "unknown key \"hostnme\" (did you mean \"hostname\"?)");
  CHECK_THROWS_WITH(fixture.files.Set("apt.sources", "x"), Catch::Contains("see ros-config(8)"));
  CHECK_THROWS_WITH(fixture.files.Get("hostnme"), Catch::Contains("is not set"));
}

TEST_CASE("ConfigFiles::Merge: later wins, lists are replaced", "[config]") {
  const Fixture fixture;
  fixture.files.Set("ros.debug", "true");
  CHECK(fixture.files
            .Merge("#cloud-config\nros: {upgrade: {channel: r.example/os:edge}}\n"
                   "ssh_authorized_keys: [ssh-rsa AAAA3 c]\n",
                   "<stdin>")
            .empty());
  CHECK(fixture.files.Get("ssh_authorized_keys") == "- ssh-rsa AAAA3 c\n");
  CHECK(fixture.files.Get("ros") == "upgrade:\n  channel: r.example/os:edge\ndebug: true\n");
  CHECK_THAT(UsageErrorOf([&] { fixture.files.Merge("hostname: [", "<stdin>"); }),
             Catch::StartsWith("<stdin>:1:"));
  CHECK_THAT(UsageErrorOf([&] { fixture.files.Merge("a list\n", "<stdin>"); }),
             Catch::StartsWith("<stdin>:1:1: "));
}

TEST_CASE("ConfigFiles::Export: the merged whole, which is a cloud-config again", "[config]") {
  const Fixture fixture;
  fixture.files.Set("hostname", "web2");
  const auto text = fixture.files.Export();
  CHECK_THAT(text, Catch::StartsWith("#cloud-config\nhostname: web2\nros:\n"));
  const auto config = ros::config::ParseCloudConfig(text, "export");
  CHECK(config.warnings.empty());
  CHECK(config.ssh_authorized_keys.size() == 2);
  const TempDirectory empty;
  CHECK(ConfigFiles(empty.path() / "none").Export() == "#cloud-config\n");
}

TEST_CASE("ConfigFiles::Load: warnings name the file and line they are about", "[config]") {
  const Fixture fixture;
  const auto path = fixture.directory.path() / "user.yml";
  WriteFileAtomically(path, AsBytes("#cloud-config\n\nruncmds: []\n"));
  CHECK(fixture.files.Load().warnings ==
        Told{path.string() + ":3: unknown key \"runcmds\" (did you mean \"runcmd\"?), ignoring"});
  WriteFileAtomically(path, AsBytes("#cloud-config\nhostname: [\n"));
  CHECK_THAT(UsageErrorOf([&] { static_cast<void>(fixture.files.Load()); }),
             Catch::StartsWith(path.string() + ":"));
}
