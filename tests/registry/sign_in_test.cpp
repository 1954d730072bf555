#include <functional>

#include "tests/registry/support/faulty_registry.hpp"

using Catch::Contains;
using ros::ErrorKind;
using ros::registry::Credentials;
using ros::testing::CheckError;
using ros::testing::Content;
using ros::testing::Fails;
using ros::testing::Fault;
using ros::testing::FaultServer;
using ros::testing::FaultyRegistry;
using ros::testing::IsBlob;
using ros::testing::kSize;
using ros::testing::kWhole;
using ros::testing::Said;
using ros::testing::ServedReply;
using ros::testing::ServedRepository;
using ros::testing::ServedRequest;
using ros::testing::Times;
using std::chrono::milliseconds;

TEST_CASE("Faults: refused without a way to sign in", "[registry]") {
  for (const auto* challenge :
       {"", "Negotiate", "Basic realm=\"x\"", "Bearer realm=\"", "Bearer realm=\"\"", "\x01"}) {
    CAPTURE(challenge);
    const auto refuses = [challenge](const auto& /*request*/, auto& reply) {
      reply = {.status = 401, .headers = {{"www-authenticate", challenge}}, .body = {}};
    };
    FaultyRegistry frame(refuses);
    CheckError(frame.Read("x"), ErrorKind::kNetwork, "401; this machine has no credentials");
    CHECK(frame.server.Asked().size() == 1);
    CheckError(frame.ReadManifest(), ErrorKind::kNetwork, "401; this machine has no credentials");
  }
}

namespace {

// Demands a token, each good for so many requests, from an endpoint of its own.
struct TokenGate {
  int uses = 1000;
  std::string realm = {};  // the whole URL; the server's own where it is empty
  int issued = 0;
  int left = 0;
  Fault endpoint = {};

  void operator()(const ServedRequest& request, ServedReply& reply) {
    if (request.path == "/token") {
      Issue(request, reply);
      return;
    }
    if (left > 0 && request.Header("authorization") == "Bearer t" + std::to_string(issued)) {
      --left;
      return;
    }
    const auto url = realm.empty() ? "http://" + request.Header("host") + "/token" : realm;
    reply = {.status = 401,
             .headers = {{"www-authenticate",
                          "Bearer realm=\"" + url +
                              "\",service=\"the registry\",scope=\"repository:team/os:pull\""}},
             .body = {}};
  }

  void Issue(const ServedRequest& request, ServedReply& reply) {
    CHECK(request.Query("service") == "the registry");
    CHECK(request.Query("scope") == "repository:team/os:pull");
    CHECK(request.Header("authorization") == "Basic bWU6cHc=");
    ++issued;
    left = uses;
    reply = {.headers = {}, .body = R"({"token": "t)" + std::to_string(issued) + R"("})"};
    if (endpoint) {
      endpoint(request, reply);
    }
  }
};

const Credentials kMe{"me", "pw", ""};

}  // namespace

TEST_CASE("Faults: a token is fetched and shown from then on", "[registry]") {
  TokenGate gate;
  FaultyRegistry frame(std::ref(gate), kMe);
  CHECK(Said(frame.ReadManifest()) == kWhole);
  CHECK(Said(frame.ReadBlob(Content(kSize))) == kWhole);
  CHECK(Said(frame.ReadBlob("x")) == kWhole);
  CHECK(gate.issued == 1);
  const auto asked = frame.server.Asked();
  REQUIRE(asked.size() == 5);
  CHECK(asked[0].Header("authorization").empty());
  CHECK(asked[4].Header("authorization") == "Bearer t1");
}

TEST_CASE("Faults: a token that runs out in the middle of a blob is fetched anew", "[registry]") {
  TokenGate gate{.uses = 1};
  FaultyRegistry frame(
      [&gate](const auto& request, auto& reply) {
        gate(request, reply);
        reply.cut_body = 500'000;
      },
      kMe);
  CHECK(Said(frame.ReadBlob(Content(kSize))) == kWhole);
  CHECK(gate.issued == 7);
  // And one that is no good at all ends it.
  TokenGate useless{.uses = 0};
  FaultyRegistry refused(std::ref(useless), kMe);
  CheckError(refused.ReadBlob("x"), ErrorKind::kNetwork, "credentials of this machine");
  CHECK(useless.issued == 1);
}

TEST_CASE("Faults: the token's endpoint", "[registry]") {
  TokenGate later{.endpoint = Times(2, &Fails)};
  FaultyRegistry frame(std::ref(later), kMe);
  CHECK(Said(frame.ReadBlob("x")) == kWhole);
  CHECK(frame.waits == std::vector<milliseconds>{milliseconds(1000), milliseconds(2000)});

  struct Case {
    std::string what;
    ServedReply reply;
    std::string says;
  };

  const Case cases[] = {
      {"never", {.status = 503, .headers = {}, .body = {}}, "status 503"},
      {"refused", {.status = 401, .headers = {}, .body = {}}, "credentials of this machine"},
      {"no JSON", {.headers = {}, .body = "<html>"}, "the token"},
      {"no token", {.headers = {}, .body = "{}"}, "there is no token"},
      {"not a text", {.headers = {}, .body = R"({"token": 1})"}, "the token"},
      {"more headers",
       {.headers = {}, .body = R"({"token": "a\r\nx: y"})"},
       "the token is none that"},
      {"empty", {.headers = {}, .body = R"({"token": ""})"}, "the token is none"},
      {"too long", {.headers = {}, .body = std::string(100'000, ' ')}, "more than the 64 KiB"}};
  for (const auto& one : cases) {
    CAPTURE(one.what);
    TokenGate gate{.endpoint = [&](const auto& /*request*/, auto& reply) { reply = one.reply; }};
    FaultyRegistry bad(std::ref(gate), kMe);
    const auto error = bad.ReadBlob("x");
    CheckError(error, ErrorKind::kNetwork, one.says);
    CHECK_THAT(error->message(), Contains("signing in at http://" + bad.server.host() + "/token"));
  }
  TokenGate nowhere{.realm = "http://127.0.0.1:1/token"};
  CheckError(
      FaultyRegistry(std::ref(nowhere), kMe).ReadBlob("x"), ErrorKind::kNetwork, "signing in at");
  TokenGate file{.realm = "file:///etc/passwd"};
  CheckError(
      FaultyRegistry(std::ref(file), kMe).ReadBlob("x"), ErrorKind::kNetwork, "signing in at");
}

TEST_CASE("Faults: a store elsewhere sees no token", "[registry]") {
  const auto content = Content(kSize);
  // Cuts as well, so that parts are asked for there.
  FaultServer store([&content](const ServedRequest& request) {
    ServedRepository stored("store");
    const auto digest = stored.AddBlob(content);
    auto there = request;
    there.path = "/v2/store/blobs/" + digest;
    auto reply = stored.Answer(there);
    reply.cut_body = 1'000'000;
    return reply;
  });
  TokenGate gate;
  FaultyRegistry frame(
      [&](const auto& request, auto& reply) {
        gate(request, reply);
        if (reply.status == 200 && IsBlob(request)) {
          reply = {.status = 307,
                   .headers = {{"location", "http://" + store.host() + "/x?signature=s"}},
                   .body = {}};
        }
        if (reply.status == 206) {
          reply = {.status = 307,
                   .headers = {{"location", "http://" + store.host() + "/y"}},
                   .body = {}};
        }
      },
      kMe);
  CHECK(Said(frame.ReadBlob(content)) == kWhole);
  const auto asked = store.Asked();
  CHECK(asked.size() == 4);
  for (const auto& request : asked) {
    CHECK(request.Header("authorization").empty());
  }
  CHECK(asked.front().Query("signature") == "s");
  CHECK(asked.back().Header("range") == "bytes=3000000-3145727");
}
