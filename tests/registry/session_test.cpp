#include "registry/session.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "tests/registry/support/fake_transport.hpp"

using ros::registry::Credentials;
using ros::registry::HttpRequest;
using ros::registry::Session;
using ros::registry::SessionOptions;
using ros::testing::FakeTransport;
using std::chrono::milliseconds;

namespace {

struct Frame {
  FakeTransport transport;
  std::vector<milliseconds> waits;
  std::string host = "registry.example";

  Session MakeSession(std::optional<Credentials> credentials = {}, bool plain_http = false) {
    return Session(transport,
                   {.host = host,
                    .credentials = std::move(credentials),
                    .plain_http = plain_http,
                    .wait = [this](milliseconds time) { waits.push_back(time); }});
  }
};

HttpRequest Get(const std::string& url, const std::string& method = "GET") {
  HttpRequest request;
  request.method = method;
  request.url = url;
  return request;
}

const Credentials kMe{"me", "pw", ""};
constexpr const char* kBasicMe = "Basic bWU6cHc=";

FakeTransport::Answer WantsToken(const std::string& realm) {
  return {
      .status = 401,
      .headers = {{"www-authenticate",
                   "Bearer realm=\"" + realm + "\",service=\"s\",scope=\"repository:os:pull\""}}};
}

}  // namespace

TEST_CASE("Session: asks without credentials first, and signs in as it is asked to", "[registry]") {
  Frame frame;
  auto session = frame.MakeSession(kMe);
  frame.transport.answers = {
      {.status = 401, .headers = {{"www-authenticate", "Basic realm=\"x\""}}}, {}, {}};
  CHECK(session.Send(Get("/v2/")).status == 200);
  CHECK(frame.transport.asked[0].url == "https://registry.example/v2/");
  CHECK(frame.transport.HeaderOf(0, "authorization").empty());
  CHECK(frame.transport.HeaderOf(1, "authorization") == kBasicMe);
  // And goes on with it.
  CHECK(session.Send(Get("/v2/")).status == 200);
  CHECK(frame.transport.HeaderOf(2, "authorization") == kBasicMe);
}

TEST_CASE("Session: fetches a token where the registry says", "[registry]") {
  Frame frame;
  auto session = frame.MakeSession(kMe);
  frame.transport.answers = {
      WantsToken("https://auth.example/token"), {.body = R"({"token": "t1"})"}, {}};
  CHECK(session.Send(Get("/v2/")).status == 200);
  CHECK(frame.transport.asked[1].url ==
        "https://auth.example/token?service=s&scope=repository%3Aos%3Apull");
  CHECK(frame.transport.HeaderOf(1, "authorization") == kBasicMe);
  CHECK(frame.transport.HeaderOf(2, "authorization") == "Bearer t1");

  // One that has run out is fetched anew.
  frame.transport.answers = {
      WantsToken("https://auth.example/token"), {.body = R"({"access_token": "t2"})"}, {}};
  CHECK(session.Send(Get("/v2/")).status == 200);
  CHECK(frame.transport.HeaderOf(5, "authorization") == "Bearer t2");
}

TEST_CASE("Session: an identity token is exchanged, not sent to the registry", "[registry]") {
  Frame frame;
  auto session = frame.MakeSession(Credentials{"", "", "id&entity"});
  frame.transport.answers = {
      WantsToken("https://auth.example/token"), {.body = R"({"access_token": "t"})"}, {}};
  CHECK(session.Send(Get("/v2/")).status == 200);
  CHECK(frame.transport.asked[1].method == "POST");
  REQUIRE(frame.transport.bodies.size() == 1);
  CHECK_THAT(frame.transport.bodies[0],
             Catch::Contains("grant_type=refresh_token&refresh_token=id%26entity"));
}

TEST_CASE("Session: a registry that goes on refusing is told, with what to do", "[registry]") {
  Frame frame;
  auto session = frame.MakeSession();
  frame.transport.answers = {
      WantsToken("https://auth.example/token"),
      {.body = R"({"token": "t"})"},
      {.status = 401, .body = R"({"errors": [{"code": "DENIED", "message": "no\u0007"}]})"}};
  CHECK_THROWS_WITH(
      session.Expect(Get("/v2/"), {200}, "the tags"),
      "registry.example: the tags: DENIED: no?; this machine has no credentials for it: "
      "log in with `podman login` or `docker login`, or put them into "
      "/etc/ros/auth.json");
  // Without a token there is no way in.
  frame.transport.answers = {WantsToken("https://auth.example/token"), {.body = "{}"}};
  CHECK_THROWS_WITH(session.Send(Get("/v2/")), Catch::Contains("there is no token"));
  frame.transport.answers = {WantsToken("http://auth.example/token")};
  CHECK_THROWS_WITH(session.Send(Get("/v2/")), Catch::Contains("which is not encrypted"));
}

TEST_CASE("Session: follows redirects without giving the token away", "[registry]") {
  Frame frame;
  auto session = frame.MakeSession(kMe);
  frame.transport.answers = {
      {.status = 401, .headers = {{"www-authenticate", "Basic"}}},
      {.status = 307, .headers = {{"location", "/other"}}},
      {.status = 302, .headers = {{"location", "https://store.example/x"}}},
      {.status = 303, .headers = {{"location", "https://registry.example:8443/y"}}},
      {.body = "content"}};
  CHECK(session.Send(Get("/v2/")).body == "content");
  CHECK(frame.transport.asked[2].url == "https://registry.example/other");
  CHECK(frame.transport.HeaderOf(2, "authorization") == kBasicMe);
  CHECK(frame.transport.asked[3].url == "https://store.example/x");
  CHECK(frame.transport.HeaderOf(3, "authorization").empty());
  CHECK(frame.transport.HeaderOf(4, "authorization").empty());
}

TEST_CASE("Session: messages show no query of an address", "[registry]") {
  Frame frame;
  auto session = frame.MakeSession(kMe);
  const auto says = [&](FakeTransport::Answer answer, const std::string& what) {
    frame.transport.answers = {std::move(answer)};
    CHECK_THROWS_WITH(session.Send(Get("/v2/")),
                      Catch::Contains(what) && !Catch::Contains("secret"));
  };
  says(WantsToken("http://auth.example/token?secret"), "http://auth.example/token, which is not");
  says({.status = 302, .headers = {{"location", "http://store.example/x?secret"}}},
       "http://store.example/x, which is not encrypted");
  says({.status = 302, .headers = {{"location", "https://store.example:99999/x?secret"}}},
       "is no URL");
}

TEST_CASE("Session: redirects that lead nowhere end", "[registry]") {
  Frame frame;
  auto session = frame.MakeSession();
  frame.transport.answers.assign(10, {.status = 302, .headers = {{"location", "/again"}}});
  CHECK_THROWS_WITH(session.Send(Get("/v2/")), "registry.example: redirects without an end");
  CHECK(frame.transport.asked.size() == 6);
  frame.transport.answers = {{.status = 302}};
  CHECK_THROWS_WITH(session.Send(Get("/v2/")), "registry.example: a redirect to nowhere");
  frame.transport.answers = {{.status = 302, .headers = {{"location", "http://store.example/x"}}}};
  CHECK_THROWS_WITH(session.Send(Get("/v2/")), Catch::Contains("which is not encrypted"));
  auto plain = frame.MakeSession({}, true);
  frame.transport.answers = {{.status = 302, .headers = {{"location", "http://store.example/x"}}},
                             {}};
  CHECK(plain.Send(Get("/v2/")).status == 200);
}

TEST_CASE("Session: tries again what may pass, later each time", "[registry]") {
  Frame frame;
  auto session = frame.MakeSession();
  frame.transport.answers = {{.status = 503},
                             {.status = 429, .headers = {{"retry-after", "7"}}},
                             {.status = 429, .headers = {{"retry-after", "86400"}}},
                             {.breaks = true},
                             {}};
  CHECK(session.Send(Get("/v2/")).status == 200);
  CHECK(frame.waits ==
        std::vector<milliseconds>{
            milliseconds(1000), milliseconds(7000), milliseconds(60000), milliseconds(8000)});
  // Not without an end, and not what will stay.
  frame.transport.answers.assign(10, {.status = 500});
  CHECK(session.Send(Get("/v2/")).status == 500);
  CHECK(frame.transport.answers.size() == 5);
  frame.transport.answers = {{.status = 404}, {}};
  CHECK(session.Send(Get("/v2/")).status == 404);
}

TEST_CASE("Session: what changes the registry is sent again where the server has put it off",
          "[registry]") {
  Frame frame;
  auto session = frame.MakeSession();
  const auto method = GENERATE("POST", "PATCH", "PUT", "DELETE");
  const auto status = GENERATE(429, 503);
  frame.transport.answers = {{.status = status, .headers = {{"retry-after", "3"}}},
                             {.status = 201}};
  CHECK(session.Send(Get("/v2/", method)).status == 201);
  CHECK(frame.waits == std::vector<milliseconds>{milliseconds(3000)});
  // Not known is what became of these, and of a body that may have come in part.
  auto with_body = Get("/v2/", method);
  with_body.body = ros::registry::HttpBody{.size = 1, .read = [](auto, auto) {}};
  frame.transport.answers = {{.status = 503}, {.status = 201}};
  CHECK(session.Send(with_body).status == 503);
  frame.transport.answers = {{.status = 429}, {.status = 201}};
  CHECK(session.Send(with_body).status == 201);
  for (const auto& answer :
       {FakeTransport::Answer{.status = 500}, FakeTransport::Answer{.breaks = true}}) {
    frame.transport.answers = {answer, {.status = 201}};
    CHECK(session.Send(Get("/v2/", method)).status != 201);
  }
}

TEST_CASE("Session: Docker Hub answers elsewhere than where its name says", "[registry]") {
  Frame frame;
  frame.host = "docker.io";
  auto session = frame.MakeSession();
  session.Send(Get("/v2/team/os/manifests/1"));
  CHECK(frame.transport.asked.back().url == "https://registry-1.docker.io/v2/team/os/manifests/1");
}

TEST_CASE("ParseRetryAfter: seconds, or a date", "[registry]") {
  using ros::registry::ParseRetryAfter;
  using std::chrono::seconds;
  constexpr std::time_t kNow = 946'684'799;  // Fri, 31 Dec 1999 23:59:59 GMT
  CHECK(ParseRetryAfter("120", kNow) == seconds(120));
  CHECK(ParseRetryAfter("Fri, 31 Dec 1999 23:59:59 GMT", kNow - 30) == seconds(30));
  CHECK(ParseRetryAfter("Fri, 31 Dec 1999 23:59:59 GMT", kNow + 30) == seconds(0));
  for (const auto* text : {"",
                           "-1",
                           "1.5",
                           "soon",
                           "Fri, 31 Dec 1999",
                           "99999999999",
                           "Fri, 31 Dec 1999 23:59:59 GMT and more"}) {
    CHECK_FALSE(ParseRetryAfter(text, kNow));
  }
}
