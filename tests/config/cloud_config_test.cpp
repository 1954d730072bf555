#include "config/cloud_config.hpp"

#include <catch2/catch.hpp>

#include "tests/config/errors.hpp"

using ros::config::FileToWrite;
using ros::config::ParseCloudConfig;

namespace {

const std::string kHeader = "#cloud-config\n";

std::string Refusal(const std::string& body) {
  return UsageErrorOf([&] { ParseCloudConfig(kHeader + body, "c.yml"); });
}

std::vector<std::string> Warnings(const std::string& body) {
  return ParseCloudConfig(kHeader + body, "c.yml").warnings;
}

using Told = std::vector<std::string>;

}  // namespace

TEST_CASE("ParseCloudConfig: each key that is known", "[config]") {
  const auto config = ParseCloudConfig(
      "#cloud-config\n"
      "hostname: web1\n"
      "ssh_authorized_keys:\n  - ssh-ed25519 AAAAC3Nz me\n"
      "write_files:\n"
      "  - path: /etc/motd\n    content: |\n      hello\n    permissions: '0600'\n"
      "    owner: bin:daemon\n"
      "  - {path: /etc/b, content: Zm9v, encoding: b64, append: true, permissions: 644}\n"
      "  - {path: /etc/c, content: !!binary Zm9v}\n"
      "  - {path: /etc/d, content: Zm9v, encoding: gz+b64}\n"
      "mounts:\n"
      "  - [sdb1, /data, ext4, 'noatime,nofail', '0', '2']\n"
      "  - [LABEL=swap, none, swap, sw]\n"
      "  - [tmpfs, /scratch/, tmpfs]\n"
      "bootcmd:\n  - echo a\n  - [echo, \"it's\", $HOME]\n"
      "runcmd: touch /x\n"
      "ros: {upgrade: {channel: r.example/os:stable}}\n"
      "rancher: {anything: [goes]}\n",
      "c.yml");
  CHECK(config.warnings.empty());
  CHECK(config.hostname == "web1");
  CHECK(config.ssh_authorized_keys == Told{"ssh-ed25519 AAAAC3Nz me"});
  REQUIRE(config.write_files.size() == 4);
  CHECK(config.write_files[0] == FileToWrite{.path = "/etc/motd",
                                             .content = "hello\n",
                                             .permissions = 0600,
                                             .user = "bin",
                                             .group = "daemon"});
  CHECK(config.write_files[1] == FileToWrite{.path = "/etc/b",
                                             .content = "foo",
                                             .permissions = 0644,
                                             .existing = FileToWrite::Existing::kAppend});
  CHECK(config.write_files[2].content == "foo");
  CHECK(config.write_files[3].packing == FileToWrite::Packing::kGzip);
  REQUIRE(config.mounts.size() == 3);
  CHECK(config.mounts[0].device == "/dev/sdb1");
  CHECK(config.mounts[0].options == Told{"noatime", "nofail"});
  CHECK(config.mounts[1].type == "swap");
  CHECK(config.mounts[2].mount_point == "/scratch");
  CHECK(config.mounts[2].options == Told{"defaults", "nofail"});
  REQUIRE(config.bootcmd.size() == 2);
  CHECK(config.bootcmd[0].line == "echo a");
  CHECK(config.bootcmd[1].line == "'echo' 'it'\\''s' '$HOME'");
  REQUIRE(config.runcmd.size() == 1);
  CHECK(config.runcmd[0].line == "touch /x");
}

TEST_CASE("ParseCloudConfig: a key that it does not know is warned of with its line", "[config]") {
  CHECK(Warnings("hostnme: web1\n") ==
        Told{"c.yml:2: unknown key \"hostnme\" (did you mean \"hostname\"?), ignoring"});
  CHECK(Warnings("hostname: a\nruncmds: []\nzebra: 1\n") ==
        Told{"c.yml:3: unknown key \"runcmds\" (did you mean \"runcmd\"?), ignoring",
             "c.yml:4: unknown key \"zebra\", ignoring"});
  CHECK(Warnings("ssh-authorized-keys: []\n") ==
        Told{"c.yml:2: unknown key \"ssh-authorized-keys\" (did you mean "
             "\"ssh_authorized_keys\"?), ignoring"});
  CHECK(Warnings("users: []\n") == Told{"c.yml:2: unknown key \"users\", ignoring"});
  CHECK(Warnings("write_files:\n  - path: /a\n    permission: '1'\n") ==
        Told{"c.yml:4: unknown key \"permission\" (did you mean \"permissions\"?), ignoring"});
  CHECK(Warnings("mounts: [[sdb1]]\n") ==
        Told{"c.yml:2: the mount of \"/dev/sdb1\" has no mount point, ignoring"});
}

TEST_CASE("ParseCloudConfig: the first line", "[config]") {
  CHECK(ParseCloudConfig("hostname: a\n", "c.yml").warnings ==
        Told{"c.yml:1: the first line is not \"#cloud-config\" as cloud-init wants it, ignoring"});
  CHECK(ParseCloudConfig("\xef\xbb\xbf#cloud-config\nhostname: a\n", "c.yml").warnings.empty());
  CHECK(ParseCloudConfig("#cloud-config", "c.yml").warnings.empty());
  CHECK(ParseCloudConfig("", "c.yml").warnings.empty());
  const auto refusal = [](const std::string& text) {
    return UsageErrorOf([&] { ParseCloudConfig(text, "c.yml"); });
  };
  CHECK(refusal("#!/bin/sh\necho\n") ==
        "c.yml:1:1: this is a script and not a cloud-config, which begins with the line "
        "#cloud-config");
  CHECK_THAT(refusal("Content-Type: multipart/mixed\n"), Catch::Contains("a multi-part message"));
}

TEST_CASE("ParseCloudConfig: a value of the wrong shape is refused with its place", "[config]") {
  CHECK(Refusal("- a\n") == "c.yml:2:1: a cloud-config is a map of keys and values");
  CHECK(Refusal("just text\n") == "c.yml:2:1: a cloud-config is a map of keys and values");
  CHECK(Refusal("hostname: [a]\n") == "c.yml:2:11: \"hostname\" must be a string");
  CHECK_THAT(Refusal("hostname: a_b\n"), Catch::StartsWith("c.yml:2:11: \"a_b\" is no host name"));
  CHECK_THAT(Refusal("hostname: '-a'\n"), Catch::Contains("is no host name"));
  CHECK_THAT(Refusal("hostname: ''\n"), Catch::Contains("is no host name"));
  CHECK_THAT(Refusal("hostname: \"a\\n\"\n"), Catch::Contains("is no host name"));
  CHECK(Refusal("ssh_authorized_keys: key\n") ==
        "c.yml:2:22: \"ssh_authorized_keys\" must be a list");
  CHECK(Refusal("ssh_authorized_keys: [\"a\\nb\"]\n") ==
        "c.yml:2:23: an SSH key is one line that is not empty");
  CHECK(Refusal("write_files: {path: /a}\n") == "c.yml:2:14: \"write_files\" must be a list");
  CHECK(Refusal("write_files: [a]\n") ==
        "c.yml:2:15: each of \"write_files\" must be a map with a path and a content");
  CHECK(Refusal("runcmd:\n  - {a: b}\n") ==
        "c.yml:3:5: each of \"runcmd\" must be a string or a list of words");
  CHECK(Refusal("bootcmd:\n  - [a, [b]]\n") ==
        "c.yml:3:9: each word of a command must be a string");
  CHECK(Refusal("mounts: [[/dev/sdb, data]]\n") ==
        "c.yml:2:10: the mount point \"data\" is not an absolute path");
  CHECK(Refusal("mounts: [[a, b, c, d, e, f, g]]\n") ==
        "c.yml:2:10: a mount has one to six fields: device, mount point, type, options");
  CHECK(Refusal("ros: stable\n") == "c.yml:2:6: \"ros\" must be a map");
}

TEST_CASE("ParseCloudConfig: what may be wrong with a file to write", "[config]") {
  const auto refusal = [](const std::string& fields) {
    return Refusal("write_files: [{" + fields + "}]\n");
  };
  const auto* const path = "c.yml:2:15: \"path\" of a file must be absolute and without . and ..";
  CHECK(refusal("content: x") == path);
  CHECK(refusal("path: etc/motd") == path);
  CHECK(refusal("path: /etc/../motd") == path);
  CHECK(refusal("path: /etc/") == path);
  CHECK_THAT(refusal("path: /a, permissions: '0888'"), Catch::Contains("must be an octal number"));
  CHECK_THAT(refusal("path: /a, permissions: '10000'"), Catch::Contains("octal"));
  CHECK_THAT(refusal("path: /a, permissions: rw"), Catch::Contains("octal"));
  CHECK_THAT(refusal("path: /a, content: '*', encoding: b64"), Catch::Contains("not valid base64"));
  CHECK_THAT(refusal("path: /a, content: x, encoding: rot13"),
             Catch::Contains("the encoding \"rot13\" is not known"));
  CHECK_THAT(refusal("path: /a, owner: ':x'"), Catch::Contains("USER or USER:GROUP"));
  CHECK_THAT(refusal("path: /a, append: perhaps"), Catch::Contains("neither true nor false"));
}
