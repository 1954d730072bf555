#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "base/error.hpp"
#include "base/file.hpp"
#include "registry/connection.hpp"
#include "registry/mirrors.hpp"
#include "tests/registry/support/no_proxy.hpp"
#include "tests/registry/support/served_repository.hpp"

using Catch::Contains;
using ros::AsBytes;
using ros::AsText;
using ros::ByteRange;
using ros::ByteSpan;
using ros::ErrorKind;
using ros::keys::Sha256Of;
using ros::registry::Connection;
using ros::registry::Endpoint;
using ros::registry::Mirrors;
using ros::registry::MirrorTable;
using ros::registry::ParseEndpoint;
using ros::registry::Repository;
using ros::registry::RepositoryBelow;
using ros::testing::FaultServer;
using ros::testing::ServedReply;
using ros::testing::ServedRepository;
using ros::testing::ServedRequest;

namespace {

// A registry or a mirror, sound but for its fault.
struct Server {
  explicit Server(const std::string& name = "team/os") : served(name) {}

  ServedRepository served;
  std::function<void(const ServedRequest&, ServedReply&)> fault;
  FaultServer server{[this](const ServedRequest& request) {
    auto reply = served.Answer(request);
    if (fault) {
      fault(request, reply);
    }
    return reply;
  }};

  [[nodiscard]] std::string Url(const std::string& path = "") const {
    return "http://" + server.host() + path;
  }

  // "METHOD PATH" of what it was asked after `/team/os/`.
  [[nodiscard]] std::vector<std::string> Asked() const {
    std::vector<std::string> asked;
    for (const auto& request : server.Asked()) {
      const auto& path = request.path;
      asked.push_back(request.method + " " + path.substr(path.find("/team/os/") + 9));
    }
    return asked;
  }
};

using Names = std::vector<std::string>;

const std::string kRaw = R"({"schemaVersion": 2})";
constexpr std::size_t kLarge = std::size_t{6} << 20U;

// Bytes that repeat at no power of two.
std::string Content(std::size_t size) {
  std::string content(size, '\0');
  for (std::size_t at = 0; at < size; ++at) {
    content[at] = static_cast<char>(at * 7 % 251);
  }
  return content;
}

// A registry with two mirrors, which have nothing yet.
struct Frame {
  Frame() {
    ::setenv("REGISTRY_AUTH_FILE", (directory.path() / "auth.json").c_str(), 1);
    Use({first.Url(), second.Url()});
  }

  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  Frame(Frame&&) = delete;
  Frame& operator=(Frame&&) = delete;

  ~Frame() { ::unsetenv("REGISTRY_AUTH_FILE"); }

  // From now on these are the mirrors, in a connection of its own.
  void Use(const Names& urls) {
    MirrorTable table;
    for (const auto& url : urls) {
      table[origin.server.host()].push_back(ParseEndpoint(url));
    }
    mirrors = std::make_shared<Mirrors>([table] { return table; });
    Connect();
  }

  void Connect() {
    connection.emplace(
        ros::registry::ConnectionOptions{.ca_file = {}, .plain_http = true, .mirrors = mirrors},
        ros::registry::ParseReference(origin.server.host() + "/team/os:1.0"));
  }

  Repository& repository() { return connection->repository(); }

  // What of the blob was handed on; the error is put behind it.
  std::string Read(const std::string& content) {
    std::string got;
    try {
      repository().ReadBlob(Sha256Of(AsBytes(content)), content.size(), [&](ByteSpan piece) {
        got += AsText(piece);
      });
    } catch (const ros::Error& error) {
      got += error.message();
    }
    return got;
  }

  ros::testing::NoProxy no_proxy;
  ros::TempDirectory directory;
  Server origin;
  Server first;
  Server second;
  std::shared_ptr<Mirrors> mirrors;
  std::optional<Connection> connection;
};

void Refuses(const ServedRequest& /*request*/, ServedReply& reply) {
  reply = {.status = 403, .headers = {}, .body = {}};
}

// As a registry that sends no more than the range that it was asked for.
void KeepRange(const ServedRequest& request, ServedReply& reply) {
  const auto range = request.Header("range");
  const auto from = std::stoull(range.substr(range.find('=') + 1));
  const auto end = std::stoull(range.substr(range.find('-') + 1));
  reply.body.resize(std::min<std::size_t>(reply.body.size(), end - from + 1));
}

void CloseAtOnce(const ServedRequest& /*request*/, ServedReply& reply) {
  reply.cut = 0;
}

}  // namespace

TEST_CASE("ParseEndpoint: what a URL means", "[registry]") {
  CHECK(ParseEndpoint("https://mirror.example") ==
        Endpoint{.host = "mirror.example", .plain_http = false, .root = "/v2"});
  CHECK(ParseEndpoint("http://[::1]:5000/") ==
        Endpoint{.host = "[::1]:5000", .plain_http = true, .root = "/v2"});
  CHECK(ParseEndpoint("https://mirror.example/v2/").root == "/v2");
  CHECK(ParseEndpoint("https://mirror.example/v2/proxy").root == "/v2/proxy");
  CHECK(ParseEndpoint("https://mirror.example/artifactory/os").root == "/artifactory/os");
  CHECK(RepositoryBelow(ParseEndpoint("https://mirror.example"), "team/os") == "team/os");
  CHECK(RepositoryBelow(ParseEndpoint("https://mirror.example/v2/a/b"), "os") == "a/b/os");
  CHECK(RepositoryBelow(ParseEndpoint("https://mirror.example/v2x"), "os") == "v2x/os");
}

TEST_CASE("ParseEndpoint: what is none", "[registry]") {
  for (const auto& [url, why] : std::vector<std::pair<std::string, std::string>>{
           {"", "https:// or http://"},
           {"mirror.example", "https:// or http://"},
           {"ftp://mirror.example", "https:// or http://"},
           {"https://", "HOST or HOST:PORT"},
           {"https:///v2", "HOST or HOST:PORT"},
           {"https://a b", "HOST or HOST:PORT"},
           {"https://mirror.example:port", "HOST or HOST:PORT"},
           {"https://mirror.example?x", "HOST or HOST:PORT"},
           {"https://me:secret@mirror.example", "auth.json"},
           {"https://mirror.example/v2?x=y", "its path"},
           {"https://mirror.example/v2#x", "its path"},
           {"https://mirror.example/%2e", "its path"},
           {"https://mirror.example/v2//x", "its path"},
           {"https://mirror.example/../x", "its path"},
           {"https://mirror.example/v2/..", "its path"},
           {"https://mirror.example/" + std::string(300, 'a'), "longer than 255"}}) {
    CAPTURE(url);
    try {
      ParseEndpoint(url);
      FAIL("it was taken");
    } catch (const ros::Error& error) {
      CHECK(error.kind() == ErrorKind::kUsage);
      CHECK_THAT(error.message(), Contains(why));
    }
  }
}

TEST_CASE("Mirrors: a registry's own count, else those of all", "[registry]") {
  int reads = 0;
  Mirrors mirrors([&] {
    ++reads;
    return MirrorTable{{"a.example", {ParseEndpoint("https://one.example")}},
                       {"b.example", {}},
                       {"*", {ParseEndpoint("https://two.example")}}};
  });
  CHECK(reads == 0);
  CHECK(mirrors.Of("a.example").at(0).host == "one.example");
  CHECK(mirrors.Of("b.example").empty());
  CHECK(mirrors.Of("c.example").at(0).host == "two.example");
  CHECK(reads == 1);
}

TEST_CASE("Mirrors: are read in their order, the registry last", "[registry]") {
  Frame frame;
  frame.origin.served.AddManifest("1.0", kRaw);
  CHECK(frame.repository().FindManifest("1.0")->raw == kRaw);
  CHECK(frame.first.Asked() == Names{"GET manifests/1.0"});
  CHECK(frame.second.Asked() == Names{"GET manifests/1.0"});
  CHECK(frame.origin.Asked() == Names{"GET manifests/1.0"});
  // What is not there is asked for again: a mirror may have other content.
  frame.first.served.AddManifest("2.0", kRaw);
  CHECK(frame.repository().FindManifest("2.0"));
  CHECK(frame.first.Asked().size() == 2);
  CHECK(frame.second.Asked().size() == 1);
  CHECK(frame.origin.Asked().size() == 1);
  CHECK_FALSE(frame.repository().FindManifest("3.0"));
}

TEST_CASE("Mirrors: are told for which registry they are asked", "[registry]") {
  Frame frame;
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
  Frame frame;
  frame.origin.served.AddManifest("1.0", kRaw);
  frame.Use({frame.origin.Url("/v2/"), frame.origin.Url("/v2/none")});
  CHECK(frame.repository().FindManifest("1.0"));
  const auto asked = frame.origin.server.Asked();
  CHECK(asked.size() == 2);
  CHECK(asked.at(0).path == "/v2/none/team/os/manifests/1.0");
  CHECK(asked.at(0).query.empty());
}

TEST_CASE("Mirrors: below a path", "[registry]") {
  Frame frame;
  Server harbor("proxy/team/os");
  const auto content = Content(1000);
  harbor.served.AddManifest("1.0", kRaw);
  harbor.served.AddBlob(content);
  frame.Use({harbor.Url("/v2/proxy")});
  CHECK(frame.repository().FindManifest("1.0"));
  CHECK(frame.Read(content) == content);
  CHECK(frame.origin.Asked().empty());
}

TEST_CASE("Mirrors: one that fails is asked after the registry from then on", "[registry]") {
  Frame frame;
  const auto content = Content(1000);
  frame.first.fault = CloseAtOnce;
  frame.second.fault = Refuses;
  frame.origin.served.AddManifest("1.0", kRaw);
  frame.origin.served.AddBlob(content);
  CHECK(frame.repository().FindManifest("1.0"));
  CHECK(frame.first.Asked().size() == 1);
  CHECK(frame.second.Asked().size() == 1);
  CHECK(frame.Read(content) == content);
  CHECK(frame.repository().FindManifest("1.0"));
  const auto failures = frame.mirrors->TakeFailures();
  REQUIRE(failures.size() == 2);
  for (const auto* server : {&frame.first, &frame.second}) {
    CHECK(std::ranges::any_of(failures, [&](const std::string& why) {
      return why.find(server->server.host()) != std::string::npos;
    }));
  }
  CHECK(frame.mirrors->TakeFailures().empty());
  // In another connection of the same command too.
  frame.Connect();
  CHECK(frame.repository().FindManifest("1.0"));
  CHECK(frame.first.Asked().size() == 1);
  CHECK(frame.second.Asked().size() == 1);
  // And where the registry fails, it is worth a try.
  frame.origin.fault = Refuses;
  frame.first.fault = {};
  frame.first.served.AddManifest("1.0", kRaw);
  CHECK(frame.repository().FindManifest("1.0"));
}

TEST_CASE("Mirrors: where all fail, each is named with its reason", "[registry]") {
  Frame frame;
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

TEST_CASE("Mirrors: a manifest with another digest is passed over", "[registry]") {
  Frame frame;
  const auto digest = Sha256Of(AsBytes(kRaw));
  frame.first.served.manifests[digest.ToString()] = R"({"schemaVersion": 3})";
  frame.first.fault = [](const auto& /*request*/, auto& reply) {
    std::erase_if(reply.headers,
                  [](const auto& header) { return header.name == "docker-content-digest"; });
  };
  frame.second.served.manifests[digest.ToString()] = R"({"schemaVersion": 4})";
  frame.origin.served.AddManifest("1.0", kRaw);
  CHECK(frame.repository().FindManifest(digest)->raw == kRaw);
  CHECK(frame.first.Asked().size() == 1);
  CHECK(frame.second.Asked().size() == 1);
}

TEST_CASE("Mirrors: a small blob with another digest is passed over", "[registry]") {
  Frame frame;
  const auto content = Content(1000);
  frame.first.served.blobs[Sha256Of(AsBytes(content)).ToString()] = std::string(1000, 'x');
  frame.second.served.AddBlob(content);
  CHECK(frame.Read(content) == content);
  CHECK(frame.first.Asked().size() == 1);
  CHECK(frame.origin.Asked().empty());
}

TEST_CASE("Mirrors: a large blob with another digest is asked for elsewhere the next time",
          "[registry]") {
  Frame frame;
  const auto content = Content(kLarge);
  frame.first.served.blobs[Sha256Of(AsBytes(content)).ToString()] = std::string(kLarge, 'x');
  frame.second.served.AddBlob(content);
  CHECK_THAT(frame.Read(content),
             Contains(frame.first.server.host() + "/team/os: blob sha256:") &&
                 Contains("does not have this digest; it is damaged"));
  CHECK(frame.repository().CountWrongBlobs() == 1);
  CHECK(frame.Read(content) == content);
  CHECK(frame.first.Asked().size() == 1);
}

TEST_CASE("Mirrors: a download goes on with the next where the one before broke", "[registry]") {
  Frame frame;
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
  CHECK(frame.origin.Asked().empty());
}

TEST_CASE("Mirrors: ranges go on in the middle of one", "[registry]") {
  Frame frame;
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
                                         {.offset = 1'205'000, .length = 5}};
  std::string got;
  frame.repository().ReadRanges(
      Sha256Of(AsBytes(content)), content.size(), ranges, [&](ByteSpan piece) {
        got += AsText(piece);
      });
  CHECK(got == content.substr(1'000'000, 200'000) + content.substr(1'205'000, 5));
  CHECK(frame.origin.server.Asked().at(0).Header("range").starts_with("bytes=1150000-"));
}

TEST_CASE("Mirrors: several ranges go on where a request for them broke", "[registry]") {
  Frame frame;
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
  CHECK(frame.origin.Asked().empty());
}

TEST_CASE("Mirrors: a part that was wrong is asked for until it is right", "[registry]") {
  Frame frame;
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
  const auto before = frame.first.Asked().size();
  read();
  CHECK(AsText(into) == content.substr(1'000'000, 1000));
  CHECK(frame.first.Asked().size() == before);
}

TEST_CASE("Mirrors: a page of a portal is no manifest", "[registry]") {
  Frame frame;
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
  Frame frame;
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

TEST_CASE("Mirrors: what the sink throws is nobody's fault", "[registry]") {
  Frame frame;
  const auto content = Content(kLarge);
  frame.first.served.AddBlob(content);
  CHECK_THROWS_WITH(frame.repository().ReadBlob(Sha256Of(AsBytes(content)),
                                                content.size(),
                                                [](ByteSpan /*piece*/) {
                                                  throw ros::Error(ErrorKind::kNetwork, "no room");
                                                }),
                    Contains("no room") && !Contains("registries.yml"));
  CHECK(frame.second.Asked().empty());
  CHECK(frame.origin.Asked().empty());
}

TEST_CASE("Mirrors: none sees the credentials of another", "[registry]") {
  Frame frame;
  const auto entry = [](const Server& server, const std::string& auth) {
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
  const auto sent = [](const Server& server) {
    return server.server.Asked().back().Header("authorization");
  };
  CHECK(sent(frame.first).empty());
  CHECK(sent(frame.second) == "Basic bWU6Yg==");
  CHECK(sent(frame.origin) == "Basic bWU6YQ==");
}

TEST_CASE("Mirrors: nothing is written to them", "[registry]") {
  Frame frame;
  const auto content = Content(1000);
  frame.first.served.AddBlob(content);
  frame.repository().WriteBlob(
      Sha256Of(AsBytes(content)),
      {.size = content.size(), .read = [&](ros::Bytes offset, ros::MutableByteSpan into) {
         std::ranges::copy(AsBytes(content).subspan(offset, into.size()), into.begin());
       }});
  frame.repository().WriteManifest("1.0", kRaw, "application/vnd.oci.image.manifest.v1+json");
  CHECK(frame.first.Asked().empty());
  CHECK(frame.second.Asked().empty());
  CHECK(frame.origin.served.tags.contains("1.0"));
  CHECK(frame.origin.served.blobs.size() == 1);
}

TEST_CASE("Mirrors: tags are the registry's, of a mirror where it does not answer", "[registry]") {
  Frame frame;
  frame.origin.served.AddManifest("1.0", kRaw);
  frame.first.served.AddManifest("0.9", kRaw);
  CHECK(frame.repository().ListTags() == Names{"1.0"});
  CHECK(frame.first.Asked().empty());
  // What it refuses is its answer.
  frame.origin.fault = Refuses;
  CHECK_THROWS_AS(frame.repository().ListTags(), ros::Error);
  CHECK(frame.first.Asked().empty());
  frame.origin.fault = CloseAtOnce;
  CHECK(frame.repository().ListTags() == Names{"0.9"});
  CHECK(frame.first.server.Asked().at(0).Query("n") == "1000");
  CHECK(frame.first.server.Asked().at(0).Query("ns") == frame.origin.server.host());
}
