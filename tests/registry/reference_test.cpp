#include "registry/reference.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

using ros::registry::LooksLikeReference;
using ros::registry::ParseReference;

TEST_CASE("ParseReference: host, repository, tag and digest", "[registry]") {
  const std::string digest = "sha256:" + std::string(64, 'a');
  const auto whole = ParseReference("docker://registry.example:5000/team/my-os__x:1.2.0@" + digest);
  CHECK(whole.host == "registry.example:5000");
  CHECK(whole.repository == "team/my-os__x");
  CHECK(whole.tag == "1.2.0");
  CHECK(whole.digest->ToString() == digest);
  CHECK(whole.ToString() == "registry.example:5000/team/my-os__x:1.2.0@" + digest);

  CHECK(ParseReference("docker.io/os:1").ToString() == "docker.io/library/os:1");
  CHECK(ParseReference("docker.io/me/os:1").ToString() == "docker.io/me/os:1");
  CHECK(ParseReference("localhost/os").tag == "latest");
  CHECK(ParseReference("localhost/os@" + digest).tag.empty());
  CHECK(ParseReference("[::1]:5000/os:v1").host == "[::1]:5000");
}

TEST_CASE("ParseReference: refuses what is none", "[registry]") {
  const std::string cases[] = {"",
                               "os:1",
                               "registry.example/",
                               "registry.example/OS",
                               "registry.example/a//b",
                               "registry.example/../etc",
                               "registry.example/a.._b",
                               "registry.example/a___b",
                               "registry.example/os:",
                               "registry.example/os:.hidden",
                               "registry.example/os:" + std::string(129, 'a'),
                               "registry.example/os@sha512:00",
                               "registry.example:port/os",
                               "registry.example:123456/os",
                               "-registry/os",
                               "registry..example/os",
                               "user@registry.example/os",
                               "registry.example/os?x=1",
                               "registry.example/os name",
                               "registry.example/" + std::string(250, 'a')};
  for (const auto& text : cases) {
    CAPTURE(text);
    CHECK_THROWS_WITH(ParseReference(text), Catch::Contains("is no reference of a registry"));
  }
}

TEST_CASE("LooksLikeReference: a path is none", "[registry]") {
  CHECK(LooksLikeReference("registry.example/os:1"));
  CHECK(LooksLikeReference("localhost/os"));
  CHECK(LooksLikeReference("localhost:5000/os"));
  CHECK(LooksLikeReference("docker://os"));
  CHECK_FALSE(LooksLikeReference("./registry.example/os"));
  CHECK_FALSE(LooksLikeReference("../os.oci"));
  CHECK_FALSE(LooksLikeReference("/images/os.oci"));
  CHECK_FALSE(LooksLikeReference("images/os.oci"));
  CHECK_FALSE(LooksLikeReference("os-1.2.oci"));
}
