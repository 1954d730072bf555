#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>

#include "tests/registry/support/mirrored_registry.hpp"

using Catch::Contains;
using ros::AsBytes;
using ros::ByteSpan;
using ros::ErrorKind;
using ros::keys::Sha256Of;
using ros::testing::Asked;
using ros::testing::CloseAtOnce;
using ros::testing::Content;
using ros::testing::FaultyServer;
using ros::testing::kLarge;
using ros::testing::kRaw;
using ros::testing::MirroredRegistry;
using ros::testing::Refuses;

namespace {

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("Mirrors: are read in their order, the registry last", "[registry]") {
  MirroredRegistry frame;
  frame.origin.served.AddManifest("1.0", kRaw);
  CHECK(frame.repository().FindManifest("1.0")->raw == kRaw);
  CHECK(Asked(frame.first) == Names{"GET manifests/1.0"});
  CHECK(Asked(frame.second) == Names{"GET manifests/1.0"});
  CHECK(Asked(frame.origin) == Names{"GET manifests/1.0"});
  // What is not there is asked for again: a mirror may have other content.
  frame.first.served.AddManifest("2.0", kRaw);
  CHECK(frame.repository().FindManifest("2.0"));
  CHECK(Asked(frame.first).size() == 2);
  CHECK(Asked(frame.second).size() == 1);
  CHECK(Asked(frame.origin).size() == 1);
  CHECK_FALSE(frame.repository().FindManifest("3.0"));
}

TEST_CASE("Mirrors: what must not be old comes from the registry, while it is reached",
          "[registry]") {
  constexpr auto kRegistryFirst = ros::registry::Sources::Order::kRegistryFirst;
  MirroredRegistry frame;
  frame.origin.served.AddManifest("1.0", kRaw);
  frame.first.served.AddManifest("1.0", R"({"schemaVersion": 2, "old": true})");
  CHECK(frame.repository().FindManifest("1.0", kRegistryFirst)->raw == kRaw);
  CHECK(Asked(frame.first).empty());
  CHECK(frame.mirrors->TakeWarnings().empty());
  frame.origin.fault = CloseAtOnce;
  CHECK(frame.repository().FindManifest("1.0", kRegistryFirst)->raw != kRaw);
  CHECK_THAT(frame.mirrors->TakeWarnings().at(0), Contains("is what " + frame.first.server.host()));
  // Once, and once more by libcurl on a new connection: it may be out of reach for good.
  CHECK(Asked(frame.origin).size() <= 3);
  // A machine may have credentials for its mirror alone.
  frame.origin.fault = Refuses;
  CHECK(frame.repository().FindManifest("1.0", kRegistryFirst)->raw != kRaw);
  CHECK(frame.mirrors->TakeWarnings().size() == 1);
  // Its word that there is none is believed.
  frame.origin.fault = {};
  frame.first.served.AddManifest("2.0", kRaw);
  CHECK_FALSE(frame.repository().FindManifest("2.0", kRegistryFirst));
}

TEST_CASE("Mirrors: are told for which registry they are asked", "[registry]") {
  MirroredRegistry frame;
  const auto content = Content(1000);
  frame.first.served.AddManifest("1.0", kRaw);
  frame.first.served.AddBlob(content);
  CHECK(frame.repository().FindManifest("1.0"));
  CHECK(frame.Read(content) == content);
  CHECK_FALSE(frame.repository().FindManifest("2.0"));
  const auto asked = frame.first.server.Asked();
  CHECK(asked.size() == 3);
  for (const auto& request : asked) {
    CHECK(request.Query("ns") == frame.origin.server.host());
  }
  CHECK(frame.origin.server.Asked().at(0).query.empty());
}

TEST_CASE("Mirrors: a registry's own address is no proxy", "[registry]") {
  MirroredRegistry frame;
  frame.origin.served.AddManifest("1.0", kRaw);
  frame.Use({frame.origin.Url("/v2/"), frame.origin.Url("/v2/none")});
  CHECK(frame.repository().FindManifest("1.0"));
  const auto asked = frame.origin.server.Asked();
  CHECK(asked.size() == 2);
  CHECK(asked.at(0).path == "/v2/none/team/os/manifests/1.0");
  CHECK(asked.at(0).query.empty());
}

TEST_CASE("Mirrors: below a path", "[registry]") {
  MirroredRegistry frame;
  FaultyServer harbor("proxy/team/os");
  const auto content = Content(1000);
  harbor.served.AddManifest("1.0", kRaw);
  harbor.served.AddBlob(content);
  frame.Use({harbor.Url("/v2/proxy")});
  CHECK(frame.repository().FindManifest("1.0"));
  CHECK(frame.Read(content) == content);
  CHECK(Asked(frame.origin).empty());
}

TEST_CASE("Mirrors: one that fails is asked after the registry from then on", "[registry]") {
  MirroredRegistry frame;
  const auto content = Content(1000);
  frame.first.fault = CloseAtOnce;
  frame.second.fault = Refuses;
  frame.origin.served.AddManifest("1.0", kRaw);
  frame.origin.served.AddBlob(content);
  CHECK(frame.repository().FindManifest("1.0"));
  CHECK(Asked(frame.first).size() == 1);
  CHECK(Asked(frame.second).size() == 1);
  CHECK(frame.Read(content) == content);
  CHECK(frame.repository().FindManifest("1.0"));
  const auto warnings = frame.mirrors->TakeWarnings();
  REQUIRE(warnings.size() == 2);
  for (const auto* server : {&frame.first, &frame.second}) {
    CHECK(std::ranges::any_of(warnings, [&](const std::string& why) {
      return why.find(server->server.host()) != std::string::npos;
    }));
  }
  CHECK(frame.mirrors->TakeWarnings().empty());
  // In another connection of the same command too.
  frame.Connect();
  CHECK(frame.repository().FindManifest("1.0"));
  CHECK(Asked(frame.first).size() == 1);
  CHECK(Asked(frame.second).size() == 1);
  // And where the registry fails, it is worth a try.
  frame.origin.fault = Refuses;
  frame.first.fault = {};
  frame.first.served.AddManifest("1.0", kRaw);
  CHECK(frame.repository().FindManifest("1.0"));
}

TEST_CASE("Mirrors: where all fail, each is named with its reason", "[registry]") {
  MirroredRegistry frame;
  frame.first.fault = Refuses;
  frame.origin.fault = Refuses;
  try {
    frame.repository().FindManifest("1.0");
    FAIL("it was found");
  } catch (const ros::Error& error) {
    CHECK(error.kind() == ErrorKind::kNetwork);
    CHECK_THAT(error.message(), Contains(frame.first.server.host() + ": the manifest 1.0"));
    CHECK_THAT(error.message(), Contains(frame.second.server.host() + "/team/os does not have it"));
    CHECK_THAT(error.message(), Contains(frame.origin.server.host() + ": the manifest 1.0"));
    CHECK_THAT(error.message(), Contains("/etc/ros/registries.yml"));
  }
}

TEST_CASE("Mirrors: what the sink throws is nobody's fault", "[registry]") {
  MirroredRegistry frame;
  const auto content = Content(kLarge);
  frame.first.served.AddBlob(content);
  CHECK_THROWS_WITH(frame.repository().ReadBlob(Sha256Of(AsBytes(content)),
                                                content.size(),
                                                [](ByteSpan /*piece*/) {
                                                  throw ros::Error(ErrorKind::kNetwork, "no room");
                                                }),
                    Contains("no room") && !Contains("registries.yml"));
  CHECK(Asked(frame.second).empty());
  CHECK(Asked(frame.origin).empty());
}

TEST_CASE("Mirrors: none sees the credentials of another", "[registry]") {
  MirroredRegistry frame;
  const auto entry = [](const FaultyServer& server, const std::string& auth) {
    return '"' + server.server.host() + R"(": {"auth": ")" + auth + R"("})";
  };
  std::ofstream(frame.directory.path() / "auth.json")
      << R"({"auths": {)" << entry(frame.origin, "bWU6YQ==") << ", "
      << entry(frame.second, "bWU6Yg==") << "}}";
  for (auto* server : {&frame.first, &frame.second, &frame.origin}) {
    server->fault = [](const auto& request, auto& reply) {
      if (request.Header("authorization").empty()) {
        reply = {
            .status = 401, .headers = {{"www-authenticate", R"(Basic realm="here")"}}, .body = {}};
      }
    };
  }
  frame.origin.served.AddManifest("1.0", kRaw);
  frame.Connect();
  CHECK(frame.repository().FindManifest("1.0"));
  const auto sent = [](const FaultyServer& server) {
    return server.server.Asked().back().Header("authorization");
  };
  CHECK(sent(frame.first).empty());
  CHECK(sent(frame.second) == "Basic bWU6Yg==");
  CHECK(sent(frame.origin) == "Basic bWU6YQ==");
}

TEST_CASE("Mirrors: nothing is written to them", "[registry]") {
  MirroredRegistry frame;
  const auto content = Content(1000);
  frame.first.served.AddBlob(content);
  frame.repository().WriteBlob(
      Sha256Of(AsBytes(content)),
      {.size = content.size(), .read = [&](ros::Bytes offset, ros::MutableByteSpan into) {
         std::ranges::copy(AsBytes(content).subspan(offset, into.size()), into.begin());
       }});
  frame.repository().WriteManifest("1.0", kRaw, "application/vnd.oci.image.manifest.v1+json");
  CHECK(Asked(frame.first).empty());
  CHECK(Asked(frame.second).empty());
  CHECK(frame.origin.served.tags.contains("1.0"));
  CHECK(frame.origin.served.blobs.size() == 1);
}

TEST_CASE("Mirrors: tags are the registry's, of a mirror where it does not answer", "[registry]") {
  MirroredRegistry frame;
  frame.origin.served.AddManifest("1.0", kRaw);
  frame.first.served.AddManifest("0.9", kRaw);
  CHECK(frame.repository().ListTags() == Names{"1.0"});
  CHECK(Asked(frame.first).empty());
  // What it refuses is its answer.
  frame.origin.fault = Refuses;
  CHECK_THROWS_AS(frame.repository().ListTags(), ros::Error);
  // So is what the server refuses that gives tokens for it.
  frame.origin.fault = [&](const auto& request, auto& reply) {
    const auto challenge = R"(Bearer realm="http://)" + frame.origin.server.host() + R"(/token")";
    reply = {.status = request.path == "/token" ? 403 : 401,
             .headers = {{"www-authenticate", challenge}},
             .body = {}};
  };
  CHECK_THROWS_WITH(frame.repository().ListTags(), Contains("signing in at"));
  CHECK(Asked(frame.first).empty());
  CHECK(frame.mirrors->TakeWarnings().empty());
  frame.origin.fault = CloseAtOnce;
  CHECK(frame.repository().ListTags() == Names{"0.9"});
  CHECK(frame.mirrors->TakeWarnings() ==
        Names{"the tags are those that " + frame.first.server.host() + "/team/os knows, since " +
              frame.origin.server.host() + "/team/os does not tell them"});
  CHECK(frame.first.server.Asked().at(0).Query("n") == "1000");
  CHECK(frame.first.server.Asked().at(0).Query("ns") == frame.origin.server.host());
}
