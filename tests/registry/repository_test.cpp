#include "registry/repository.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "tests/registry/support/fake_transport.hpp"

using ros::AsBytes;
using ros::AsText;
using ros::ByteRange;
using ros::Bytes;
using ros::ByteSpan;
using ros::keys::Sha256Of;
using ros::registry::Repository;
using ros::registry::Session;
using ros::testing::FakeTransport;

namespace {

struct Frame {
  FakeTransport transport;
  Session session{transport,
                  {.host = "registry.example",
                   .credentials = {},
                   .plain_http = false,
                   .wait = [](std::chrono::milliseconds) {}}};
  Repository repository{session, "team/os"};
  std::string got;

  void Read(const std::string& content) {
    got.clear();
    repository.ReadBlob(Sha256Of(AsBytes(content)), content.size(), [this](ByteSpan piece) {
      got += AsText(piece);
    });
  }

  void ReadRanges(Bytes size, std::span<const ByteRange> ranges) {
    got.clear();
    repository.ReadRanges(
        Sha256Of({}), size, ranges, [this](ByteSpan piece) { got += AsText(piece); });
  }
};

const std::string kContent = "0123456789";

FakeTransport::Answer Part(const std::string& range, const std::string& body, bool breaks = false) {
  return {.status = 206, .headers = {{"content-range", range}}, .body = body, .breaks = breaks};
}

}  // namespace

TEST_CASE("Repository: a blob that comes in one piece", "[registry]") {
  Frame frame;
  frame.transport.answers = {{.body = kContent}};
  frame.Read(kContent);
  CHECK(frame.got == kContent);
  CHECK(frame.transport.asked[0].url ==
        "https://registry.example/v2/team/os/blobs/" + Sha256Of(AsBytes(kContent)).ToString());
  CHECK(frame.transport.HeaderOf(0, "range").empty());
  frame.transport.answers = {{.body = ""}};
  frame.Read("");
}

TEST_CASE("Repository: a broken line is taken up where it was", "[registry]") {
  Frame frame;
  frame.transport.answers = {{.body = "0123", .breaks = true},
                             Part("bytes 4-9/10", "45", true),
                             {.status = 503},
                             Part("bytes 6-9/10", "6789")};
  frame.Read(kContent);
  CHECK(frame.got == kContent);
  CHECK(frame.transport.HeaderOf(1, "range") == "bytes=4-9");
  CHECK(frame.transport.HeaderOf(3, "range") == "bytes=6-9");
}

TEST_CASE("Repository: a server that knows no range is read from the start", "[registry]") {
  Frame frame;
  frame.transport.answers = {{.body = "0123", .breaks = true}, {.body = kContent}};
  frame.Read(kContent);
  CHECK(frame.got == kContent);
}

TEST_CASE("Repository: ranges that lie close come as one", "[registry]") {
  constexpr Bytes kFar = 100'000;
  std::string content(kFar + 10, '.');
  content.replace(0, 10, "0123456789");
  content.replace(kFar, 10, "abcdefghij");
  const ByteRange ranges[] = {{.offset = 1, .length = 2},
                              {.offset = 3, .length = 0},
                              {.offset = 5, .length = 1},
                              {.offset = kFar + 4, .length = 3}};
  Frame frame;
  SECTION("a server that knows one at a time, and a line that breaks inside of one") {
    frame.transport.answers = {Part("bytes 1-5/100010", "1234", true),
                               Part("bytes 5-5/100010", "5"),
                               Part("bytes 100004-100006/100010", "ef", true),
                               Part("bytes 100006-100006/100010", "g")};
    frame.ReadRanges(content.size(), ranges);
    CHECK(frame.transport.HeaderOf(0, "range") == "bytes=1-5,100004-100006");
    CHECK(frame.transport.HeaderOf(1, "range") == "bytes=5-5");
    CHECK(frame.transport.HeaderOf(2, "range") == "bytes=100004-100006");
    CHECK(frame.transport.HeaderOf(3, "range") == "bytes=100006-100006");
  }
  SECTION("one that knows none sends it once") {
    frame.transport.answers = {{.body = content}};
    frame.ReadRanges(content.size(), ranges);
  }
  SECTION("one that knows none, by a line that breaks") {
    frame.transport.answers = {{.body = content.substr(0, 5), .breaks = true},
                               {.body = content.substr(0, 50'000), .breaks = true},
                               {.body = content}};
    frame.ReadRanges(content.size(), ranges);
  }
  CHECK(frame.got == "125efg");
}

TEST_CASE("Repository: a part that is longer than was asked for is refused", "[registry]") {
  const ByteRange range{.offset = 2, .length = 3};
  Frame frame;
  frame.transport.answers = {Part("bytes 2-4/10", "2345")};
  CHECK_THROWS_WITH(frame.ReadRanges(10, std::span(&range, 1)),
                    Catch::Contains("more came than the bytes up to 5"));
}

TEST_CASE("Repository: a bad blob ends in one sentence", "[registry]") {
  struct Case {
    const char* what;
    std::deque<FakeTransport::Answer> answers;
    const char* says;
  };

  const Case cases[] = {
      {"missing", {{.status = 404}}, "status 404"},
      {"other bytes", {{.body = "0123456780"}}, "does not have this digest"},
      {"longer", {{.body = "01234567890"}}, "more came than the bytes up to 10"},
      {"the wrong range",
       {{.body = "01", .breaks = true}, Part("bytes 3-9/10", "3")},
       "asked for the bytes from 2 on, and got \"bytes 3-9/10\""},
      {"no range", {{.body = "01", .breaks = true}, {.status = 206}}, "and got \"\""},
      {"shorter, always",
       {{.body = "01"},
        Part("bytes 2-9/10", ""),
        Part("bytes 2-9/10", ""),
        Part("bytes 2-9/10", "")},
       "is shorter than its size says"},
      {"other bytes the second time",
       {{.body = "01", .breaks = true}, {.body = "ab23456780"}},
       "does not have this digest"}};
  for (const auto& one : cases) {
    CAPTURE(one.what);
    Frame frame;
    frame.transport.answers = one.answers;
    CHECK_THROWS_WITH(frame.Read(kContent), Catch::Contains(one.says));
  }
}

TEST_CASE("Repository: a manifest by tag, and by its digest", "[registry]") {
  Frame frame;
  const std::string raw = "{\"schemaVersion\": 2}";
  const auto digest = Sha256Of(AsBytes(raw));
  frame.transport.answers = {{.headers = {{"content-type", "type"}}, .body = raw}};
  const auto manifest = frame.repository.FindManifest("1.0");
  REQUIRE(manifest);
  CHECK(manifest->raw == raw);
  CHECK(manifest->digest == digest);
  CHECK(manifest->media_type == "type");
  CHECK_THAT(frame.transport.HeaderOf(0, "accept"),
             Catch::Contains("application/vnd.oci.image.manifest.v1+json"));

  frame.transport.answers = {{.status = 404}, {.body = raw + " "}, {.status = 400}};
  CHECK_FALSE(frame.repository.FindManifest("2.0"));
  CHECK_THROWS_WITH(frame.repository.FindManifest(digest), Catch::Contains("has another digest"));
  CHECK_THROWS_WITH(frame.repository.FindManifest("3.0"),
                    "registry.example: the manifest 3.0 of team/os: the server answers with status "
                    "400");
}

TEST_CASE("Repository: what refers to a manifest, by the registry's list or by that of clients",
          "[registry]") {
  Frame frame;
  const auto digest = Sha256Of(AsBytes(kContent));
  const std::string type = "application/vnd.oci.image.index.v1+json";
  const std::string list = R"({"manifests": []})";
  frame.transport.answers = {{.headers = {{"content-type", type}}, .body = list}};
  const auto found = frame.repository.FindReferrers(digest);
  REQUIRE(found);
  CHECK(found->raw == list);
  CHECK(found->media_type == type);
  CHECK(found->digest == Sha256Of(AsBytes(list)));
  CHECK(frame.transport.asked[0].url ==
        "https://registry.example/v2/team/os/referrers/" + digest.ToString());

  // One that knows no such list, and one that sends something else under its name.
  for (const auto& answer : {FakeTransport::Answer{.status = 404},
                             FakeTransport::Answer{.headers = {{"content-type", "text/html"}}}}) {
    frame.transport.asked.clear();
    frame.transport.answers = {answer, {.headers = {{"content-type", type}}, .body = list}};
    CHECK(frame.repository.FindReferrers(digest).value().raw == list);
    CHECK(frame.transport.asked[1].url ==
          "https://registry.example/v2/team/os/manifests/sha256-" + digest.Hex());
  }
  frame.transport.answers = {{.status = 404}, {.status = 404}};
  CHECK_FALSE(frame.repository.FindReferrers(digest));
}

TEST_CASE("Repository: uploads a blob that is not there", "[registry]") {
  Frame frame;
  const auto digest = Sha256Of(AsBytes(kContent));
  const ros::registry::HttpBody body{
      .size = kContent.size(), .read = [](ros::Bytes offset, ros::MutableByteSpan into) {
        std::ranges::copy(AsBytes(kContent).subspan(offset, into.size()), into.begin());
      }};
  frame.transport.answers = {{.status = 404},
                             {.status = 202, .headers = {{"location", "/v2/up/1?state=x"}}},
                             {.status = 201}};
  frame.repository.WriteBlob(digest, body);
  CHECK(frame.transport.asked[2].url ==
        "https://registry.example/v2/up/1?state=x&digest=sha256%3A" + digest.Hex());
  CHECK(frame.transport.bodies == std::vector<std::string>{kContent});
  frame.transport.answers = {{.status = 200}};
  frame.repository.WriteBlob(digest, body);
  CHECK(frame.transport.asked.size() == 4);
  frame.transport.answers = {{.status = 404}, {.status = 202}};
  CHECK_THROWS_WITH(frame.repository.WriteBlob(digest, body),
                    Catch::Contains("does not say where to"));
}

TEST_CASE("Repository: lists tags page by page, and no page for ever", "[registry]") {
  Frame frame;
  frame.transport.answers = {
      {.headers = {{"link", "</v2/team/os/tags/list?last=b&n=2>; rel=\"next\""}},
       .body = R"({"name": "team/os", "tags": ["a", "b"]})"},
      {.body = R"({"tags": ["c"]})"}};
  CHECK(frame.repository.ListTags() == std::vector<std::string>{"a", "b", "c"});
  CHECK(frame.transport.asked[1].url == "https://registry.example/v2/team/os/tags/list?last=b&n=2");
  frame.transport.answers = {
      {.headers = {{"link", "</v2/x>; rel=\"next\""}}, .body = R"({"tags": []})"}};
  CHECK(frame.repository.ListTags().empty());
  frame.transport.answers = {{.body = R"({"tags": null})"}};
  CHECK(frame.repository.ListTags().empty());
  frame.transport.answers.assign(
      20'000, {.headers = {{"link", "</v2/x>; rel=\"next\""}}, .body = R"({"tags": ["a"]})"});
  CHECK_THROWS_WITH(frame.repository.ListTags(), Catch::Contains("has more than 10000"));
}
