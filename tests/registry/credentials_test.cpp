#include "registry/credentials.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/error.hpp"
#include "base/file.hpp"

using ros::AsBytes;
using ros::registry::CredentialFiles;
using ros::registry::Credentials;
using ros::registry::FindCredentials;
using ros::registry::FindCredentialsIn;

namespace {

// Files of credentials in a directory of their own.
class Files {
 public:
  std::filesystem::path Write(const std::string& name, std::string_view content) const {
    auto path = directory_.path() / name;
    ros::WriteFileAtomically(path, AsBytes(content), 0755);
    return path;
  }

  [[nodiscard]] std::filesystem::path path() const { return directory_.path(); }

 private:
  ros::TempDirectory directory_;
};

// Takes variables out of the environment, and puts them back.
class Variables {
 public:
  explicit Variables(const std::vector<std::string>& names) {
    for (const auto& name : names) {
      const char* const value = std::getenv(name.c_str());
      before_.emplace_back(name,
                           value == nullptr ? std::nullopt : std::optional<std::string>(value));
      ::unsetenv(name.c_str());
    }
  }

  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;
  Variables(Variables&&) = delete;
  Variables& operator=(Variables&&) = delete;

  ~Variables() {
    for (const auto& [name, value] : before_) {
      if (value) {
        ::setenv(name.c_str(), value->c_str(), 1);
      } else {
        ::unsetenv(name.c_str());
      }
    }
  }

 private:
  std::vector<std::pair<std::string, std::optional<std::string>>> before_;
};

}  // namespace

TEST_CASE("FindCredentials: the first file that has some, the longest key in it", "[registry]") {
  const Files files;
  // "me:a:b", "team:t" and "old:o" in base64.
  const auto first = files.Write("first.json", R"({"auths": {
    "registry.example": {"auth": "bWU6YTpi"},
    "registry.example/team": {"auth": "dGVhbTp0"},
    "https://old.example/v1/": {"auth": "b2xkOm8="},
    "empty.example": {},
    "token.example": {"identitytoken": "secret"}}})");
  const auto second =
      files.Write("second.json", R"({"auths": {"empty.example": {"auth": "bWU6YTpi"}}})");
  const auto find = [&](std::string_view host, std::string_view repository) {
    return FindCredentials(host, repository, {files.path() / "missing", first, second});
  };
  CHECK(find("registry.example", "os") == Credentials{"me", "a:b", ""});
  CHECK(find("registry.example", "team/os") == Credentials{"team", "t", ""});
  CHECK(find("registry.example", "teams/os") == Credentials{"me", "a:b", ""});
  CHECK(find("old.example", "os") == Credentials{"old", "o", ""});
  CHECK(find("empty.example", "os") == Credentials{"me", "a:b", ""});
  CHECK(find("token.example", "os") == Credentials{"", "", "secret"});
  CHECK_FALSE(find("registry.example:5000", "os"));
  CHECK_FALSE(find("example", "os"));
}

TEST_CASE("FindCredentials: a malformed file is named", "[registry]") {
  const Files files;
  for (const std::string content : {"{",
                                    R"({"auths": {"h": {"auth": "%"}}})",
                                    R"({"auths": {"h": {"auth": "bWU="}}})",
                                    R"({"auths": 1})",
                                    R"({"credHelpers": {"h": "../x"}})"}) {
    const auto file = files.Write("auth.json", content);
    CAPTURE(content);
    try {
      static_cast<void>(FindCredentials("h", "os", {file}));
      FAIL_CHECK("taken");
    } catch (const ros::Error& error) {
      CHECK(error.kind() == ros::ErrorKind::kUsage);
    }
  }
}

TEST_CASE("FindCredentialsIn: what is malformed is told in a few words", "[registry]") {
  const std::string much(100'000, 'x');
  for (const auto& text : {R"({"auths": {"https://h/)" + much + R"(": {"auth": "%"}}})",
                           R"({"auths": {"h": {"auth": ")" + much + R"("}}})",
                           R"({"credsStore": ")" + much + R"("})",
                           R"({"credHelpers": {"h": "/)" + much + R"("}})",
                           R"({"auths": ")" + much + R"("})"}) {
    CAPTURE(text.substr(0, 40));
    try {
      static_cast<void>(FindCredentialsIn(text, "h", "os", "auth.json"));
      FAIL_CHECK("taken");
    } catch (const ros::Error& error) {
      CHECK(error.kind() == ros::ErrorKind::kUsage);
      CHECK(error.message().size() < 500);
    }
  }
}

TEST_CASE("FindCredentials: asks a credential helper", "[registry]") {
  const Files files;
  files.Write("docker-credential-mine", R"(#!/bin/sh
read -r host
case $host in
  a.example) echo '{"ServerURL": "a.example", "Username": "me", "Secret": "s"}' ;;
  b.example) echo '{"ServerURL": "b.example", "Username": "<token>", "Secret": "t"}' ;;
  v.example) echo "{\"Username\": \"me\", \"Secret\": \"$ROS_TEST_OF_HELPER\"}" ;;
  docker.io) echo '{"Username": "by name", "Secret": "n"}' ;;
  https://index.docker.io/v1/) echo '{"Username": "hub", "Secret": "h"}' ;;
  c.example) echo 'credentials not found in native keychain'; exit 1 ;;
  *) exit 2 ;;
esac
)");
  const char* const before = std::getenv("PATH");
  REQUIRE(before != nullptr);
  const std::string path(before);
  ::setenv("PATH", (files.path().string() + ":" + path).c_str(), 1);
  const auto file = files.Write("auth.json", R"({"credsStore": "mine",
    "credHelpers": {"missing.example": "not-there"}})");
  CHECK(FindCredentials("a.example", "os", {file}) == Credentials{"me", "s", ""});
  CHECK(FindCredentials("b.example", "os", {file}) == Credentials{"", "", "t"});
  // In the environment that we have.
  ::setenv("ROS_TEST_OF_HELPER", "ours", 1);
  CHECK(FindCredentials("v.example", "os", {file}) == Credentials{"me", "ours", ""});
  ::unsetenv("ROS_TEST_OF_HELPER");
  CHECK(FindCredentials("docker.io", "team/os", {file}) == Credentials{"hub", "h", ""});
  const auto named = files.Write("named.json", R"({"credHelpers": {"docker.io": "mine"}})");
  CHECK(FindCredentials("docker.io", "team/os", {named}) == Credentials{"by name", "n", ""});
  CHECK_FALSE(FindCredentials("c.example", "os", {file}));
  CHECK_THROWS_WITH(FindCredentials("d.example", "os", {file}),
                    Catch::Contains("has no credentials for d.example (exit 2)"));
  CHECK_THROWS_WITH(FindCredentials("missing.example", "os", {file}),
                    Catch::Contains("docker-credential-not-there is not installed"));
  ::setenv("PATH", path.c_str(), 1);
}

TEST_CASE("FindCredentials: Docker Hub's are those of docker login too", "[registry]") {
  const Files files;
  // "me:a:b" and "team:t" in base64.
  const auto docker = files.Write(
      "config.json", R"({"auths": {"https://index.docker.io/v1/": {"auth": "bWU6YTpi"}}})");
  CHECK(FindCredentials("docker.io", "team/os", {docker}) == Credentials{"me", "a:b", ""});
  const auto podman = files.Write("auth.json", R"({"auths": {"docker.io": {"auth": "dGVhbTp0"}}})");
  CHECK(FindCredentials("docker.io", "team/os", {podman}) == Credentials{"team", "t", ""});
  CHECK_FALSE(FindCredentials("other.example", "team/os", {docker, podman}));
}

TEST_CASE("CredentialFiles: where docker, podman and ros keep them, in podman's order",
          "[registry]") {
  using Paths = std::vector<std::filesystem::path>;
  const Variables variables(
      {"REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "HOME", "DOCKER_CONFIG"});
  const auto own = "/run/containers/" + std::to_string(::getuid()) + "/auth.json";
  CHECK(CredentialFiles() == Paths{own, "/etc/ros/auth.json"});
  ::setenv("HOME", "/home/me", 1);
  CHECK(CredentialFiles() == Paths{own,
                                   "/home/me/.config/containers/auth.json",
                                   "/home/me/.docker/config.json",
                                   "/etc/ros/auth.json"});
  ::setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
  ::setenv("XDG_CONFIG_HOME", "/config", 1);
  ::setenv("DOCKER_CONFIG", "/docker", 1);
  CHECK(CredentialFiles() == Paths{"/run/user/1/containers/auth.json",
                                   "/config/containers/auth.json",
                                   "/docker/config.json",
                                   "/etc/ros/auth.json"});
  ::setenv("REGISTRY_AUTH_FILE", "/one.json", 1);
  CHECK(CredentialFiles() == Paths{"/one.json"});
}
