#include "registry/web_file.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/error.hpp"
#include "base/file.hpp"
#include "tests/registry/support/no_proxy.hpp"
#include "tests/registry/support/served_file.hpp"

using Catch::Contains;
using ros::AsBytes;
using ros::AsText;
using ros::ByteRange;
using ros::ByteSpan;
using ros::ErrorKind;
using ros::registry::ConnectionOptions;
using ros::registry::ParseWebAddress;
using ros::registry::WebFile;
using ros::testing::FaultServer;
using ros::testing::ServedReply;
using ros::testing::ServedRequest;
using ros::testing::ServeFile;

namespace {

using Fault = std::function<void(const ServedRequest&, ServedReply&)>;

// A real server of one file that is sound but for a fault, and no credentials for it but those of
// the test.
struct Frame {
  explicit Frame(Fault its_fault = {}) : fault(std::move(its_fault)) {
    auth = directory.path() / "auth.json";
    ::setenv("REGISTRY_AUTH_FILE", auth.c_str(), 1);
  }

  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  Frame(Frame&&) = delete;
  Frame& operator=(Frame&&) = delete;

  ~Frame() { ::unsetenv("REGISTRY_AUTH_FILE"); }

  [[nodiscard]] std::string Url() const { return "http://" + server.host() + "/os.oci?key=secret"; }

  [[nodiscard]] WebFile Open() const {
    return {ParseWebAddress(Url()), ConnectionOptions{.plain_http = true}};
  }

  void CheckRefused(const std::string& says) {
    auto file = Open();
    try {
      file.Look();
      FAIL("it was taken");
    } catch (const ros::Error& error) {
      CHECK(error.kind() == ErrorKind::kNetwork);
      CHECK_THAT(error.message(), Contains(says));
      CHECK_THAT(error.message(), Contains(server.host()));
      CHECK_THAT(error.message(), !Contains("secret"));
    }
  }

  ros::testing::NoProxy no_proxy;
  ros::TempDirectory directory;
  std::filesystem::path auth;
  std::string content = std::string(200'000, 'a') + std::string(100'000, 'b');
  Fault fault;
  FaultServer server{[this](const ServedRequest& request) {
    auto reply = ServeFile(request, content);
    if (fault) {
      fault(request, reply);
    }
    return reply;
  }};
};

std::string ReadOf(WebFile& file, const ros::registry::WebFileFacts& facts, ByteRange range) {
  std::string got;
  file.ReadRanges(facts, std::span(&range, 1), [&](ByteSpan piece) { got += AsText(piece); });
  return got;
}

}  // namespace

TEST_CASE("WebFile: learns the size by the first bytes, and reads ranges", "[registry]") {
  Frame frame;
  auto file = frame.Open();
  const auto facts = file.Look();
  CHECK(facts.size == 300'000);
  CHECK(facts.beginning == frame.content.substr(0, 65536));
  CHECK(ReadOf(file, facts, {.offset = 199'990, .length = 20}) == "aaaaaaaaaabbbbbbbbbb");
  CHECK(frame.server.Asked().at(0).Query("key") == "secret");
}

TEST_CASE("WebFile: a server without ranges is refused before the file has come", "[registry]") {
  Frame frame([](const auto&, ServedReply& reply) {
    reply = {.status = 200,
             .headers = {{"content-length", "100000000"}},
             .body = {},
             .forever = std::string(65536, 'x')};
  });
  frame.CheckRefused("the server knows no ranges, by which an image is read where it is");
  CHECK(frame.server.Asked().size() == 1);
}

TEST_CASE("WebFile: a small file may come whole", "[registry]") {
  Frame frame;
  frame.content = "a small file";
  frame.fault = [&](const auto&, ServedReply& reply) {
    reply = {.status = 200, .headers = {}, .body = frame.content};
  };
  auto file = frame.Open();
  const auto facts = file.Look();
  CHECK(facts.size == 12);
  CHECK(facts.beginning == "a small file");
  CHECK(ReadOf(file, facts, {.offset = 2, .length = 5}) == "small");
}

TEST_CASE("WebFile: what is no part of a file is refused", "[registry]") {
  struct Case {
    std::string range;
    std::string says;
  };

  const auto wrong = GENERATE(values<Case>({
      {"", "got \"\""},
      {"bytes 0-65535/*", "got \"bytes 0-65535/*\""},
      {"bytes 0-65535/0", "got"},
      {"bytes 100-65535/300000", "got"},
      {"bytes 0-65535/99999999999999999999999", "got"},
      {"bytes 0-65535/9223372036854775807", "got"},
      {"bytes 0-65535/-5", "got"},
      {"bytes 0-65535/65535", "more came than the 65535 bytes"},
  }));
  INFO(wrong.range);
  Frame frame([&](const auto&, ServedReply& reply) { reply.Set("content-range", wrong.range); });
  frame.CheckRefused(wrong.says);
}

TEST_CASE("WebFile: a file that is not there, or has nothing in it", "[registry]") {
  Frame absent([](const auto&, ServedReply& reply) {
    reply = {.status = 404, .headers = {}, .body = "<html>no</html>"};
  });
  absent.CheckRefused("the server has no such file");
  Frame empty(
      [](const auto&, ServedReply& reply) { reply = {.status = 416, .headers = {}, .body = {}}; });
  empty.CheckRefused("the file is empty");
}

TEST_CASE("WebFile: a beginning that breaks off is enough, and the rest is taken up",
          "[registry]") {
  Frame frame;
  frame.fault = [&](const auto&, ServedReply& reply) {
    if (frame.server.Asked().size() <= 2) {
      reply.cut_body = 1000;
    }
  };
  auto file = frame.Open();
  const auto facts = file.Look();
  CHECK(facts.size == 300'000);
  CHECK(facts.beginning.size() == 1000);
  CHECK(ReadOf(file, facts, {.offset = 0, .length = 300'000}) == frame.content);
}

TEST_CASE("WebFile: a file of another size is not mixed with the one before", "[registry]") {
  Frame frame;
  auto file = frame.Open();
  const auto facts = file.Look();
  CHECK(ReadOf(file, facts, {.offset = 299'999, .length = 1}) == "b");
  frame.content += "more";
  CHECK_THROWS_WITH(ReadOf(file, facts, {.offset = 100'000, .length = 1}),
                    Contains("the file on the server was replaced while it was read"));
}

TEST_CASE("WebFile: servers that take turns may tell other tags and times", "[registry]") {
  Frame frame;
  frame.fault = [&](const auto&, ServedReply& reply) {
    const auto turn = std::to_string(frame.server.Asked().size());
    reply.Set("etag", '"' + turn + '"');
    reply.Set("last-modified", "Sun, 06 Nov 1994 08:49:3" + turn + " GMT");
  };
  auto file = frame.Open();
  const auto facts = file.Look();
  CHECK(ReadOf(file, facts, {.offset = 299'999, .length = 1}) == "b");
  CHECK(ReadOf(file, facts, {.offset = 0, .length = 3}) == "aaa");
}

TEST_CASE("WebFile: several ranges come by one request, and are checked as one is", "[registry]") {
  Frame frame;
  auto file = frame.Open();
  const auto facts = file.Look();
  const std::vector<ByteRange> ranges = {{.offset = 3, .length = 2},
                                         {.offset = 150'000, .length = 2},
                                         {.offset = 299'990, .length = 3}};
  std::string got;
  const auto sink = [&](ByteSpan piece) { got += AsText(piece); };
  file.ReadRanges(facts, ranges, sink);
  CHECK(got == "aaaabbb");
  CHECK(frame.server.Asked().size() == 2);
  CHECK_THAT(frame.server.Asked().at(1).Header("range"), Contains(","));
  // What is of another file is refused before anything of it is handed on.
  frame.content.resize(299'995);
  got.clear();
  CHECK_THROWS_WITH(file.ReadRanges(facts, ranges, sink), Contains("was replaced"));
  CHECK(got.empty());
}

TEST_CASE("WebFile: a server that forgets about ranges is not read to its end", "[registry]") {
  Frame frame;
  auto file = frame.Open();
  const auto facts = file.Look();
  frame.fault = [&](const auto&, ServedReply& reply) {
    reply = {.status = 200, .headers = {}, .body = frame.content};
  };
  CHECK_THROWS_WITH(ReadOf(file, facts, {.offset = 100'000, .length = 1}),
                    Contains("sends the whole file"));
}

TEST_CASE("WebFile: without encryption only where that is wanted", "[registry]") {
  Frame frame;
  CHECK_THROWS_WITH(WebFile(ParseWebAddress(frame.Url()), {}),
                    Contains("is not encrypted; --plain-http allows that") && !Contains("secret"));
  CHECK(frame.server.Asked().empty());
}

TEST_CASE("WebFile: name and password are sent where the host asks for them alone", "[registry]") {
  Frame frame;
  // A static server has no reason to want a token from elsewhere.
  std::string scheme = R"(Bearer realm="http://)" + frame.server.host() + R"(/token")";
  frame.fault = [&](const ServedRequest& request, ServedReply& reply) {
    if (request.Header("authorization") != "Basic bWU6Z2VoZWlt") {
      reply = {.status = 401, .headers = {{"www-authenticate", scheme}}, .body = {}};
    }
  };
  ros::WriteFileAtomically(
      frame.auth,
      AsBytes(R"({"auths": {")" + frame.server.host() + R"(": {"auth": "bWU6Z2VoZWlt"}}})"));
  frame.CheckRefused("the credentials of this machine for it do not suffice");
  CHECK(frame.server.Asked().size() == 1);
  scheme = R"(Basic realm="here")";
  auto file = frame.Open();
  CHECK(file.Look().size == 300'000);
  CHECK(frame.server.Asked().at(1).Header("authorization").empty());
}

TEST_CASE("WebFile: redirects lead to where the file is, without the password", "[registry]") {
  Frame store;
  Frame frame([&](const ServedRequest& request, ServedReply& reply) {
    if (request.Header("authorization").empty()) {
      reply = {.status = 401, .headers = {{"www-authenticate", "Basic realm=here"}}, .body = {}};
    } else {
      reply = {.status = 302,
               .headers = {{"location", "http://" + store.server.host() + "/elsewhere"}},
               .body = {}};
    }
  });
  ros::WriteFileAtomically(
      frame.auth,
      AsBytes(R"({"auths": {")" + frame.server.host() + R"(": {"auth": "bWU6Z2VoZWlt"}}})"));
  auto file = frame.Open();
  const auto facts = file.Look();
  CHECK(ReadOf(file, facts, {.offset = 299'998, .length = 2}) == "bb");
  for (const auto& request : store.server.Asked()) {
    CHECK(request.path == "/elsewhere");
    CHECK(request.Header("authorization").empty());
  }
}
