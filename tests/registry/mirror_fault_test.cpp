// Content that a mirror sends wrong, or not to its end.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/registry/support/mirrored_registry.hpp"

using Catch::Contains;
using ros::AsBytes;
using ros::AsText;
using ros::ByteRange;
using ros::ByteSpan;
using ros::keys::Sha256Of;
using ros::registry::Endpoint;
using ros::registry::ParseEndpoint;
using ros::testing::Asked;
using ros::testing::CloseAtOnce;
using ros::testing::Content;
using ros::testing::kLarge;
using ros::testing::kRaw;
using ros::testing::MirroredRegistry;
using ros::testing::Refuses;
using ros::testing::ServedReply;
using ros::testing::ServedRequest;

namespace {

// As a registry that sends no more than the range that it was asked for.
void KeepRange(const ServedRequest& request, ServedReply& reply) {
  const auto range = request.Header("range");
  const auto from = std::stoull(range.substr(range.find('=') + 1));
  const auto end = std::stoull(range.substr(range.find('-') + 1));
  reply.body.resize(std::min<std::size_t>(reply.body.size(), end - from + 1));
}

}  // namespace

TEST_CASE("Mirrors: a manifest with another digest is passed over", "[registry]") {
  MirroredRegistry frame;
  const auto digest = Sha256Of(AsBytes(kRaw));
  frame.first.served.manifests[digest.ToString()] = R"({"schemaVersion": 3})";
  frame.first.fault = [](const auto& /*request*/, auto& reply) {
    std::erase_if(reply.headers,
                  [](const auto& header) { return header.name == "docker-content-digest"; });
  };
  frame.second.served.manifests[digest.ToString()] = R"({"schemaVersion": 4})";
  frame.origin.served.AddManifest("1.0", kRaw);
  CHECK(frame.repository().FindManifest(digest)->raw == kRaw);
  CHECK(Asked(frame.first).size() == 1);
  CHECK(Asked(frame.second).size() == 1);
}

TEST_CASE("Mirrors: a small blob with another digest is passed over", "[registry]") {
  MirroredRegistry frame;
  const auto content = Content(1000);
  frame.first.served.blobs[Sha256Of(AsBytes(content)).ToString()] = std::string(1000, 'x');
  frame.second.served.AddBlob(content);
  CHECK(frame.Read(content) == content);
  CHECK(Asked(frame.first).size() == 1);
  CHECK(Asked(frame.origin).empty());
}

TEST_CASE("Mirrors: a large blob with another digest is asked for elsewhere the next time",
          "[registry]") {
  MirroredRegistry frame;
  const auto content = Content(kLarge);
  frame.first.served.blobs[Sha256Of(AsBytes(content)).ToString()] = std::string(kLarge, 'x');
  frame.second.served.AddBlob(content);
  CHECK_THAT(frame.Read(content),
             Contains(frame.first.server.host() + "/team/os: blob sha256:") &&
                 Contains("does not have this digest; it is damaged"));
  CHECK(frame.repository().CountWrongBlobs() == 1);
  CHECK(frame.Read(content) == content);
  CHECK(Asked(frame.first).size() == 1);
}

TEST_CASE("Mirrors: a download goes on with the next where the one before broke", "[registry]") {
  MirroredRegistry frame;
  const auto content = Content(kLarge);
  constexpr std::size_t kBreak = 1'000'000;
  int times = 0;
  frame.first.fault = [&](const auto& /*request*/, auto& reply) {
    if (++times == 1) {
      reply.cut_body = kBreak;
    } else {
      reply = {.status = 403, .headers = {}, .body = {}};
    }
  };
  for (auto* server : {&frame.first, &frame.second}) {
    server->served.AddBlob(content);
  }
  CHECK(frame.Read(content) == content);
  CHECK(frame.second.server.Asked().at(0).Header("range") ==
        "bytes=" + std::to_string(kBreak) + "-" + std::to_string(kLarge - 1));
  CHECK(Asked(frame.origin).empty());
}

TEST_CASE("Mirrors: ranges go on in the middle of one", "[registry]") {
  MirroredRegistry frame;
  const auto content = Content(kLarge);
  int times = 0;
  frame.first.fault = [&](const auto& request, auto& reply) {
    KeepRange(request, reply);
    ++times;
    if (times == 1) {
      reply.cut_body = 150'000;
    } else {
      Refuses(request, reply);
    }
  };
  frame.origin.fault = KeepRange;
  for (auto* server : {&frame.first, &frame.origin}) {
    server->served.AddBlob(content);
  }
  const std::vector<ByteRange> ranges = {{.offset = 1'000'000, .length = 200'000},
                                         {.offset = 1'200'500, .length = 5}};
  std::string got;
  frame.repository().ReadRanges(
      Sha256Of(AsBytes(content)), content.size(), ranges, [&](ByteSpan piece) {
        got += AsText(piece);
      });
  CHECK(got == content.substr(1'000'000, 200'000) + content.substr(1'200'500, 5));
  CHECK(frame.origin.server.Asked().at(0).Header("range").starts_with("bytes=1150000-"));
}

TEST_CASE("Mirrors: several ranges go on where a request for them broke", "[registry]") {
  MirroredRegistry frame;
  const auto content = Content(kLarge);
  std::vector<ByteRange> ranges;
  std::string wanted;
  for (ros::Bytes at = 1000; at < 10 * 100'000; at += 100'000) {
    ranges.push_back({.offset = at, .length = 500});
    wanted += content.substr(at, 500);
  }
  for (auto* server : {&frame.first, &frame.second}) {
    server->served.AddBlob(content);
  }
  int times = 0;
  frame.first.fault = [&](const auto& request, auto& reply) {
    if (++times == 1) {
      // 100 bytes of the fifth part.
      reply.cut_body = reply.body.find("\r\n\r\n", reply.body.find("bytes 401000-")) + 4 + 100;
    } else {
      Refuses(request, reply);
    }
  };
  std::string got;
  std::vector<Endpoint> senders;
  frame.repository().ReadRanges(
      Sha256Of(AsBytes(content)),
      content.size(),
      ranges,
      [&](ByteSpan piece) { got += AsText(piece); },
      [&](const Endpoint& mirror) { senders.push_back(mirror); });
  CHECK(got == wanted);
  CHECK(senders ==
        std::vector<Endpoint>{ParseEndpoint(frame.first.Url()), ParseEndpoint(frame.second.Url())});
  // The second is asked for what was left of the range that broke, and for those behind it.
  CHECK(frame.second.server.Asked().size() == 1);
  const auto asked = frame.second.server.Asked().at(0).Header("range");
  CHECK(asked.starts_with("bytes=401100-401499,501000-501499,"));
  CHECK(std::ranges::count(asked, ',') == 5);
  CHECK(Asked(frame.origin).empty());
}

TEST_CASE("Mirrors: one that brings next to nothing at a time does not hold up the others",
          "[registry]") {
  MirroredRegistry frame;
  const auto content = Content(kLarge);
  frame.first.served.AddBlob(content);
  frame.origin.served.AddBlob(content);
  frame.second.fault = Refuses;
  frame.first.fault = [](const auto& /*request*/, auto& reply) { reply.cut_body = 1000; };
  const ByteRange all{.offset = 0, .length = kLarge};
  std::string got;
  frame.repository().ReadRanges(
      Sha256Of(AsBytes(content)), kLarge, std::span(&all, 1), [&](ByteSpan piece) {
        got += AsText(piece);
      });
  CHECK((got == content));
  CHECK(Asked(frame.first).size() == 3);
  CHECK(Asked(frame.origin).size() == 1);
}

TEST_CASE("Mirrors: a part that was wrong is asked for until it is right", "[registry]") {
  MirroredRegistry frame;
  const auto content = Content(kLarge);
  const auto digest = Sha256Of(AsBytes(content));
  frame.first.served.blobs[digest.ToString()] = std::string(kLarge, 'x');
  frame.origin.fault = Refuses;
  const ByteRange part{.offset = 1'000'000, .length = 1000};
  std::vector<std::byte> into(1000);
  const auto read = [&] {
    frame.repository().ReadRight(digest, kLarge, part, into, [&] {
      return AsText(into) == content.substr(1'000'000, 1000);
    });
  };
  // Neither the one that is wrong nor those that have it not.
  CHECK_THROWS_WITH(read(),
                    Contains(frame.first.server.host() + "/team/os: the bytes from 1000000 on") &&
                        Contains("are not what the image says") &&
                        Contains(frame.second.server.host()) &&
                        Contains(frame.origin.server.host()));
  frame.second.served.AddBlob(content);
  const auto before = Asked(frame.first).size();
  read();
  CHECK(AsText(into) == content.substr(1'000'000, 1000));
  CHECK(Asked(frame.first).size() == before);
}

TEST_CASE("Mirrors: a page of a portal is no manifest", "[registry]") {
  MirroredRegistry frame;
  frame.origin.served.AddManifest("1.0", kRaw);
  const auto page = GENERATE(values<std::string>({"<html>sign in</html>", "[]", "{}", "\"it\""}));
  CAPTURE(page);
  frame.first.fault = [&](const auto& /*request*/, auto& reply) {
    reply = {.status = 200, .headers = {{"content-type", "text/html"}}, .body = page};
  };
  CHECK(frame.repository().FindManifest("1.0")->raw == kRaw);
  frame.Use({frame.first.Url()});
  frame.origin.fault = frame.first.fault;
  CHECK_THROWS_WITH(frame.repository().FindManifest("1.0"),
                    Contains(frame.first.server.host()) && Contains(frame.origin.server.host()));
}

TEST_CASE("Mirrors: an empty list of referrers is believed of the registry alone", "[registry]") {
  MirroredRegistry frame;
  const auto list = [](const std::string& entries) {
    return [entries](const auto& request, auto& reply) {
      if (request.path.find("/referrers/") != std::string::npos) {
        reply = {.status = 200,
                 .headers = {{"content-type", "application/vnd.oci.image.index.v1+json"}},
                 .body = R"({"schemaVersion": 2, "manifests": [)" + entries + "]}"};
      }
    };
  };
  const auto digest = Sha256Of(AsBytes(kRaw));
  frame.first.fault = list("");
  frame.second.fault = list("{}");
  CHECK(frame.repository().FindReferrers(digest)->raw.ends_with("[{}]}"));
  frame.second.fault = list("");
  CHECK_THROWS_AS(
      [&] {
        frame.origin.fault = CloseAtOnce;
        frame.repository().FindReferrers(digest);
      }(),
      ros::Error);
  frame.origin.fault = list("");
  CHECK(frame.repository().FindReferrers(digest)->raw.ends_with("[]}"));
}
