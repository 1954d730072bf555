#include "registry/credentials.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/error.hpp"
#include "base/file.hpp"

using ros::AsBytes;
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
  CHECK_FALSE(FindCredentials("c.example", "os", {file}));
  CHECK_THROWS_WITH(FindCredentials("d.example", "os", {file}),
                    Catch::Contains("has no credentials for d.example (exit 2)"));
  CHECK_THROWS_WITH(FindCredentials("missing.example", "os", {file}),
                    Catch::Contains("docker-credential-not-there is not installed"));
  ::setenv("PATH", path.c_str(), 1);
}
