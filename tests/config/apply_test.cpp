#include "config/apply.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "base/file.hpp"
#include "tests/config/fake_machine.hpp"

using namespace ros::config;
namespace fs = std::filesystem;

namespace {

using Told = std::vector<std::string>;

struct Fixture {
  Fixture() {
    fs::create_directories(root / "etc");
    std::ofstream(root / "etc/passwd")
        << "root:x:" << ::geteuid() << ":" << ::getegid() << "::/root:/bin/sh\n";
    std::ofstream(root / "etc/group") << "root:x:" << ::getegid() << ":\n";
  }

  Told Apply(const std::string& body, const std::string& boot = "boot1") {
    const auto config = ParseCloudConfig("#cloud-config\n" + body, "c.yml");
    const BootIdentity now{"disk1", boot};
    const auto steps = PlanApply(config, LoadHistory(places.state), now, Stage::kAll);
    Told told;
    for (const auto& outcome : ApplySteps(steps, now, places, machine)) {
      const bool done = outcome.result == StepOutcome::Result::kDone;
      told.push_back(outcome.item + (done ? "" : ": FAILED: " + outcome.detail));
    }
    return told;
  }

  [[nodiscard]] std::string Read(const fs::path& path) const {
    return fs::exists(root / path) ? ros::ReadFile(root / path, 1 << 20) : "(none)";
  }

  // A command that leaves a trace below root.
  [[nodiscard]] std::string Trace(const std::string& word) const {
    return "echo " + word + " >>" + (root / "trace").string();
  }

  ros::TempDirectory directory;
  fs::path root = directory.path() / "root";
  ApplyPlaces places{root, directory.path() / "state", directory.path() / "run"};
  FakeMachine machine;
};

}  // namespace

TEST_CASE("ApplySteps: the host name, at once and in the file", "[config]") {
  Fixture fixture;
  CHECK(fixture.Apply("hostname: web1\n") == Told{"hostname web1"});
  CHECK(fixture.machine.hostname == "web1");
  CHECK(fixture.Read("etc/hostname") == "web1\n");
}

TEST_CASE("ApplySteps: one failing item does not stop the others and is tried again", "[config]") {
  Fixture fixture;
  fixture.machine.broken_device = "/dev/sdb1";
  const auto* const body =
      "mounts: [[sdb1, /data], [sdc1, /more]]\n"
      "write_files: [{path: /etc/motd, content: x, owner: nobody-here}, {path: /etc/b}]\n";
  CHECK(fixture.Apply(body) ==
        Told{"mounts /data: FAILED: /dev/sdb1 did not appear",
             "mounts /more",
             "write_files /etc/motd: FAILED: there is no user \"nobody-here\"",
             "write_files /etc/b"});
  fixture.machine.broken_device = "";
  CHECK(fixture.Apply(body) ==
        Told{"mounts /data", "write_files /etc/motd: FAILED: there is no user \"nobody-here\""});
  CHECK(fixture.machine.mounted == Told{"/more", "/data"});
}

TEST_CASE("ApplySteps: commands are one script, and each tells how it went", "[config]") {
  Fixture fixture;
  const auto there = (fixture.root / "there").string();
  const auto body =
      "runcmd:\n  - cd /\n  - word=kept\n  - [sh, -c, exit 3]\n  - |\n    echo $PWD $word >" +
      there + "\n";
  CHECK(fixture.Apply(body) == Told{"runcmd 1: cd /",
                                    "runcmd 2: word=kept",
                                    "runcmd 3: 'sh' '-c' 'exit 3': FAILED: exit 3",
                                    "runcmd 4: " + ("echo $PWD $word >" + there).substr(0, 60) +
                                        (there.size() > 43 ? "..." : "")});
  CHECK(fixture.Read("there") == "/ kept\n");
}

TEST_CASE("ApplySteps: a script that ends early says which commands did not run", "[config]") {
  Fixture fixture;
  CHECK(fixture.Apply("bootcmd:\n  - 'true'\n  - exit 4\n  - 'true'\n") ==
        Told{"bootcmd 1: true",
             "bootcmd 2: exit 4: FAILED: not finished, the script ended here with exit 4",
             "bootcmd 3: true: FAILED: not finished, the script ended here with exit 4"});
  CHECK_THAT(fixture.Apply("runcmd: ['echo \"open', 'true']\n").at(0),
             Catch::Contains("FAILED: not finished"));
}

TEST_CASE("ApplySteps: output of commands goes to the log", "[config]") {
  Fixture fixture;
  fixture.Apply("bootcmd: [echo said, 'echo complained >&2']\n");
  CHECK(fixture.Read("var/log/ros-config.log") == "said\ncomplained\n");
  // The script and its results are gone.
  CHECK(fs::is_empty(fixture.places.scratch));
}

TEST_CASE("ApplySteps: bootcmd each boot, runcmd once", "[config]") {
  Fixture fixture;
  const auto body =
      "bootcmd: ['" + fixture.Trace("boot") + "']\nruncmd: ['" + fixture.Trace("run") + "']\n";
  fixture.Apply(body, "boot1");
  fixture.Apply(body, "boot1");
  fixture.Apply(body, "boot2");
  CHECK(fixture.Read("trace") == "boot\nrun\nboot\n");
}

TEST_CASE("ApplySteps: a power cut while runcmd runs does not run it twice", "[config]") {
  Fixture fixture;
  int scripts = 0;
  // The history on disk at the moment the script starts is what a power cut leaves.
  fixture.machine.before_script = [&] {
    ++scripts;
    CHECK(LoadHistory(fixture.places.state).once.contains("runcmd"));
  };
  CHECK(fixture.Apply("runcmd: ['true']\n").size() == 1);
  CHECK(scripts == 1);
}

TEST_CASE("ApplySteps: files and keys end up where they belong", "[config]") {
  Fixture fixture;
  CHECK(fixture.Apply("write_files: [{path: /opt/new/dir/f, content: hi, permissions: '0640'}]\n"
                      "ssh_authorized_keys: [ssh-ed25519 AAAA1 me]\n") ==
        Told{"write_files /opt/new/dir/f", "ssh_authorized_keys of root"});
  CHECK(fixture.Read("opt/new/dir/f") == "hi");
  CHECK(fixture.Read("root/.ssh/authorized_keys") == "ssh-ed25519 AAAA1 me\n");
}
