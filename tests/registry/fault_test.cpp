#include <algorithm>
#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "registry/curl_transport.hpp"
#include "registry/repository.hpp"
#include "tests/registry/support/no_proxy.hpp"
#include "tests/registry/support/served_repository.hpp"

using Catch::Contains;
using ros::AsBytes;
using ros::AsText;
using ros::ByteRange;
using ros::ByteSpan;
using ros::ErrorKind;
using ros::keys::Sha256Of;
using ros::registry::Credentials;
using ros::registry::CurlTransport;
using ros::registry::Repository;
using ros::registry::Session;
using ros::testing::FaultServer;
using ros::testing::ServedReply;
using ros::testing::ServedRepository;
using ros::testing::ServedRequest;
using std::chrono::milliseconds;

namespace {

using Fault = std::function<void(const ServedRequest&, ServedReply&)>;

// A real server that is sound but for a fault, and the real client of it.
struct Frame {
  explicit Frame(Fault its_fault = {}, std::optional<Credentials> its_credentials = {})
      : fault(std::move(its_fault)), credentials(std::move(its_credentials)) {
    served.AddManifest("1.0", raw);
  }

  // The blob comes whole and exact, or the error is returned.
  std::optional<ros::Error> ReadBlob(const std::string& content) {
    served.AddBlob(content);
    return Read(content);
  }

  // As above, whatever the server has.
  std::optional<ros::Error> Read(const std::string& content) {
    std::string got;
    try {
      repository.ReadBlob(Sha256Of(AsBytes(content)), content.size(), [&](ByteSpan piece) {
        got += AsText(piece);
      });
    } catch (const ros::Error& error) {
      CHECK_THAT(error.message(), Contains(server.host()));
      CHECK_THAT(error.message(), Contains("team/os"));
      return error;
    }
    CHECK(got == content);
    return std::nullopt;
  }

  // So does the manifest.
  std::optional<ros::Error> ReadManifest() {
    try {
      const auto manifest = repository.FindManifest("1.0");
      REQUIRE(manifest);
      CHECK(manifest->raw == raw);
    } catch (const ros::Error& error) {
      CHECK_THAT(error.message(), Contains(server.host()));
      CHECK_THAT(error.message(), Contains("team/os"));
      return error;
    }
    return std::nullopt;
  }

  ros::testing::NoProxy no_proxy;
  std::string raw =
      R"({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"})";
  Fault fault;
  std::optional<Credentials> credentials;
  ServedRepository served{"team/os"};
  FaultServer server{[this](const ServedRequest& request) {
    auto reply = served.Answer(request);
    if (fault) {
      fault(request, reply);
    }
    return reply;
  }};
  std::vector<milliseconds> waits;
  CurlTransport transport;
  Session session{transport,
                  {.host = server.host(),
                   .credentials = credentials,
                   .plain_http = true,
                   .wait = [this](milliseconds time) { waits.push_back(time); }}};
  Repository repository{session, "team/os"};
};

// Bytes that repeat at no power of two.
std::string Content(std::size_t size) {
  std::string content(size, '\0');
  for (std::size_t at = 0; at < size; ++at) {
    content[at] = static_cast<char>(at * 7 % 251);
  }
  return content;
}

constexpr std::size_t kSize = std::size_t{3} << 20U;

void CheckError(const std::optional<ros::Error>& error, ErrorKind kind, const std::string& says) {
  REQUIRE(error);
  CHECK(error->kind() == kind);
  CHECK_THAT(error->message(), Contains(says));
}

const std::string kWhole;

// What the error says, if there is one.
std::string Said(const std::optional<ros::Error>& error) {
  return error ? error->message() : kWhole;
}

// The fault for the first so many requests.
Fault Times(int times, Fault fault) {
  return [times, fault = std::move(fault)](const auto& request, auto& reply) mutable {
    if (times > 0) {
      --times;
      fault(request, reply);
    }
  };
}

bool IsBlob(const ServedRequest& request) {
  return request.path.find("/blobs/sha256:") != std::string::npos;
}

void Fails(const ServedRequest& /*unused*/, ServedReply& reply) {
  reply = {.status = 503, .headers = {}, .body = "<html>later</html>"};
}

}  // namespace

TEST_CASE("Faults: a sound server gives what it has", "[registry]") {
  Frame frame;
  CHECK(Said(frame.ReadBlob(Content(kSize))) == kWhole);
  CHECK(Said(frame.ReadBlob("")) == kWhole);
  CHECK(Said(frame.ReadManifest()) == kWhole);
  CHECK(frame.waits.empty());
}

TEST_CASE("Faults: a connection cut after each so many bytes of the body", "[registry]") {
  for (const std::size_t step : {std::size_t{1'000'000}, std::size_t{65536}, kSize - 1, kSize}) {
    CAPTURE(step);
    Frame frame([step](const auto& /*request*/, auto& reply) { reply.cut_body = step; });
    CHECK(Said(frame.ReadBlob(Content(kSize))) == kWhole);
    CHECK(frame.server.Asked().size() == (kSize + step - 1) / step);
  }
  for (const std::size_t step : {1U, 2U, 7U}) {
    CAPTURE(step);
    Frame frame([step](const auto& /*request*/, auto& reply) { reply.cut_body = step; });
    CHECK(Said(frame.ReadBlob(Content(200))) == kWhole);
  }
}

TEST_CASE("Faults: a connection cut once, at each byte of the head and of a small body",
          "[registry]") {
  for (std::size_t at = 0; at < 220; ++at) {
    CAPTURE(at);
    Frame frame(Times(1, [at](const auto& /*request*/, auto& reply) { reply.cut = at; }));
    CHECK(Said(frame.ReadBlob(Content(150))) == kWhole);
    Frame other(Times(1, [at](const auto& /*request*/, auto& reply) { reply.cut = at; }));
    CHECK(Said(other.ReadManifest()) == kWhole);
  }
}

TEST_CASE("Faults: a connection that is always cut before the body ends it", "[registry]") {
  for (const std::size_t at : {0U, 1U, 9U, 12U, 17U, 25U}) {
    CAPTURE(at);
    Frame frame([at](const auto& /*request*/, auto& reply) { reply.cut = at; });
    const auto error = frame.ReadBlob(Content(150));
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::kNetwork);
    CHECK(frame.server.Asked().size() <= 15);
    CHECK(frame.ReadManifest());
  }
}

TEST_CASE("Faults: a wrong Content-Length", "[registry]") {
  const auto content = Content(10'000);
  const auto claims = [](std::size_t length) {
    return [length](const auto& /*request*/, ServedReply& reply) {
      reply.Set("content-length", std::to_string(length));
      reply.close = true;
    };
  };
  // More than comes: known as a line that broke.
  Frame longer(claims(20'000));
  CHECK(Said(longer.ReadBlob(content)) == kWhole);
  CheckError(Frame(claims(200)).ReadManifest(), ErrorKind::kNetwork, "bytes");
  CHECK(Said(Frame(Times(1, claims(200))).ReadManifest()) == kWhole);
  // Less than comes.
  Frame shorter(claims(4'000));
  CHECK(Said(shorter.ReadBlob(content)) == kWhole);
  CheckError(Frame(claims(20)).ReadManifest(), ErrorKind::kVerification, "another digest");
  CheckError(Frame(claims(0)).ReadBlob(content), ErrorKind::kVerification, "is shorter than");
  // None at all, and nonsense.
  Frame nonsense([](const auto& /*request*/, ServedReply& reply) {
    reply.Set("content-length", "-1");
    reply.close = true;
  });
  CheckError(nonsense.ReadBlob(content), ErrorKind::kNetwork, "Content-Length");
}

TEST_CASE("Faults: a body that only the end of the connection ends", "[registry]") {
  const auto unmeasured = [](std::size_t cut) {
    return [cut](const auto& /*request*/, ServedReply& reply) {
      reply.head = "HTTP/1.1 200 OK\r\ndocker-content-digest: sha256:" +
                   Sha256Of(AsBytes(reply.body)).Hex() + "\r\n\r\n";
      reply.cut_body = cut;
    };
  };
  Frame whole(unmeasured(kSize));
  CHECK(Said(whole.ReadBlob(Content(kSize))) == kWhole);
  CHECK(Said(whole.ReadManifest()) == kWhole);
  // What is cut looks complete.
  CheckError(Frame(unmeasured(20)).ReadManifest(), ErrorKind::kVerification, "another digest");
  CHECK(Said(Frame(Times(1, unmeasured(1000))).ReadBlob(Content(kSize))) == kWhole);
}

TEST_CASE("Faults: chunks, whole and broken", "[registry]") {
  const auto chunked = [](const std::string& end, const std::string& size = "96") {
    return [=](const ServedRequest& /*unused*/, ServedReply& reply) {
      reply.Set("transfer-encoding", "chunked");
      reply.body = size + "\r\n" + reply.body + end;
      reply.close = true;
    };
  };
  CHECK(Said(Frame(chunked("\r\n0\r\n\r\n")).ReadBlob(Content(150))) == kWhole);
  CHECK(Said(Frame(chunked("\r\n0\r\nx-a: b\r\n\r\n")).ReadBlob(Content(150))) == kWhole);
  // All of it has come, and its digest is right.
  CHECK(Said(Frame(chunked("")).ReadBlob(Content(150))) == kWhole);
  CHECK(Said(Frame(chunked("\r\nzz\r\n")).ReadBlob(Content(150))) == kWhole);
  CheckError(Frame(chunked("", "zz")).ReadBlob(Content(150)), ErrorKind::kNetwork, "hunk");
  CheckError(Frame(chunked("", "ff")).ReadManifest(), ErrorKind::kNetwork, "");
}

TEST_CASE("Faults: wrong bytes", "[registry]") {
  const auto damages = [](const ServedRequest& /*unused*/, ServedReply& reply) {
    reply.body.back() = static_cast<char>(~reply.body.back());
  };
  CheckError(Frame(damages).ReadBlob(Content(kSize)),
             ErrorKind::kVerification,
             "does not have this digest; it is damaged");
  CheckError(Frame(damages).ReadManifest(), ErrorKind::kVerification, "another digest");
  // A blob that is shorter, and ends there.
  Frame shorter([](const ServedRequest& request, ServedReply& reply) {
    if (reply.status == 200) {
      reply.body = "short";
    } else {
      CHECK(request.Header("range") == "bytes=5-99");
      reply = {.status = 416, .headers = {}, .body = {}};
    }
  });
  CheckError(shorter.ReadBlob(Content(100)), ErrorKind::kVerification, "is shorter than");
  CheckError(Frame().Read("never there"), ErrorKind::kNetwork, "BLOB_UNKNOWN");
}

TEST_CASE("Faults: a part that is not the one that was asked for", "[registry]") {
  for (const auto* range : {"bytes 0-99/100", "bytes 51-99/100", "bytes 5-99/100", "50-99", ""}) {
    CAPTURE(range);
    Frame frame([range](const auto& /*request*/, auto& reply) {
      if (reply.status == 200) {
        reply.cut_body = 50;
      } else {
        reply.Set("content-range", range);
      }
    });
    CheckError(frame.ReadBlob(Content(100)),
               ErrorKind::kNetwork,
               "asked for the bytes from 50 on, and got \"" + std::string(range) + "\"");
  }
  // A part that nobody asked for.
  Frame frame([](const auto& /*request*/, auto& reply) {
    reply.status = 206;
    reply.Set("content-range", "bytes 10-99/100");
  });
  CheckError(frame.ReadBlob(Content(100)), ErrorKind::kNetwork, "asked for the bytes from 0 on");
}

TEST_CASE("Faults: a server that knows no range", "[registry]") {
  const auto content = Content(kSize);
  std::size_t cut = 100'000;
  Frame frame([&](const auto& request, auto& reply) {
    reply = {.headers = {}, .body = content, .cut_body = cut};
    CHECK((request.Header("range").empty() || cut > 100'000));
    cut *= 4;
  });
  CHECK(Said(frame.ReadBlob(content)) == kWhole);
  CHECK(frame.server.Asked().size() == 4);
  // One that never comes further ends.
  Frame stuck([&](const auto& /*request*/, auto& reply) {
    reply = {.headers = {}, .body = content, .cut_body = 100'000};
  });
  CheckError(stuck.ReadBlob(content), ErrorKind::kNetwork, "bytes");
  CHECK(stuck.server.Asked().size() == 4);
}

namespace {

// Ranges of the blob, each too far from the one before to come with it.
std::vector<ByteRange> FarRanges(std::size_t count, std::size_t first = 1000) {
  std::vector<ByteRange> ranges;
  for (std::size_t at = 0; at < count; ++at) {
    ranges.push_back({.offset = first + at * 20'000, .length = 100 + at % 7});
  }
  return ranges;
}

std::optional<ros::Error> ReadRanges(Frame& frame, const std::vector<ByteRange>& ranges) {
  const auto content = Content(ranges.back().End() + 1000);
  frame.served.AddBlob(content);
  std::string wanted;
  for (const auto& range : ranges) {
    wanted += content.substr(range.offset, range.length);
  }
  std::string got;
  try {
    frame.repository.ReadRanges(
        Sha256Of(AsBytes(content)), content.size(), ranges, [&](ByteSpan piece) {
          got += AsText(piece);
        });
  } catch (const ros::Error& error) {
    return error;
  }
  CHECK(got == wanted);
  return std::nullopt;
}

bool AsksForSeveral(const ServedRequest& request) {
  return request.Header("range").find(',') != std::string::npos;
}

// How many requests of the frame were for several ranges.
std::size_t CountSeveral(const Frame& frame) {
  const auto asked = frame.server.Asked();
  return static_cast<std::size_t>(std::count_if(asked.begin(), asked.end(), AsksForSeveral));
}

void Replace(std::string& text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  text.replace(at, what.size(), by);
}

}  // namespace

TEST_CASE("Faults: several ranges come by one request", "[registry]") {
  Frame frame;
  CHECK(Said(ReadRanges(frame, FarRanges(49))) == kWhole);
  CHECK(frame.server.Asked().size() == 1);
  // 64 at most.
  CHECK(Said(ReadRanges(frame, FarRanges(140))) == kWhole);
  const auto asked = frame.server.Asked();
  CHECK(asked.size() == 4);
  CHECK(std::ranges::count(asked[1].Header("range"), ',') == 63);
  CHECK(asked[1].Header("range").starts_with("bytes=1000-1099,21000-21100,"));
  CHECK(std::ranges::count(asked[3].Header("range"), ',') == 11);
  // One byte at a time; and one of no length, which is not asked for.
  Frame slow([](const auto& /*request*/, auto& reply) { reply.drip = 1; });
  CHECK(Said(ReadRanges(slow, {{100, 5}, {50'000, 0}, {100'000, 5}, {200'000, 5}})) == kWhole);
  REQUIRE(slow.server.Asked().size() == 1);
  CHECK(slow.server.Asked()[0].Header("range") == "bytes=100-104,100000-100004,200000-200004");
}

TEST_CASE("Faults: a server that puts ranges together", "[registry]") {
  Frame frame;
  frame.fault = [&](const auto& request, auto& reply) {
    auto joined = request;
    joined.headers["range"] = "bytes=1000-21100,41000-41101";
    reply = frame.served.Answer(joined);
  };
  CHECK(Said(ReadRanges(frame, FarRanges(3))) == kWhole);
  CHECK(frame.server.Asked().size() == 1);
}

TEST_CASE("Faults: several ranges answered by the whole file", "[registry]") {
  const auto whole = [](const auto& request, auto& reply) {
    if (AsksForSeveral(request)) {
      reply = {.headers = {}, .body = {}};
      reply.headers.push_back({"content-length", "1000000000000"});
      reply.body = Content(kSize);
      reply.forever = std::string(65536, 'x');
    }
  };
  // What follows is not waited for, and it is asked for once.
  Frame frame(whole);
  CHECK(Said(ReadRanges(frame, FarRanges(10, 50'000))) == kWhole);
  CHECK(frame.server.Asked().size() == 11);
  CHECK(Said(ReadRanges(frame, FarRanges(10))) == kWhole);
  CHECK(frame.server.Asked().size() == 21);
  CHECK(CountSeveral(frame) == 1);
  // What is at its start is taken from there.
  Frame start(whole);
  CHECK(Said(ReadRanges(start, {{0, 100}, {1'000'000, 100}, {2'000'000, 100}})) == kWhole);
  CHECK(start.server.Asked().size() == 3);
  // A server that knows no range at all sends it once more, to its end.
  Frame none([&none](const auto& /*request*/, auto& reply) {
    reply = {.headers = {}, .body = none.served.blobs.begin()->second};
  });
  CHECK(Said(ReadRanges(none, FarRanges(10, 50'000))) == kWhole);
  CHECK(none.server.Asked().size() == 2);
}

TEST_CASE("Faults: several ranges answered by the first alone", "[registry]") {
  Frame frame;
  frame.fault = [&](const auto& request, auto& reply) {
    auto first = request;
    first.headers["range"] = request.Header("range").substr(0, request.Header("range").find(','));
    reply = frame.served.Answer(first);
  };
  CHECK(Said(ReadRanges(frame, FarRanges(10))) == kWhole);
  CHECK(frame.server.Asked().size() == 10);
  CHECK(CountSeveral(frame) == 1);
}

TEST_CASE("Faults: several ranges answered by all from the first on", "[registry]") {
  Frame frame;
  frame.fault = [&](const auto& request, auto& reply) {
    if (AsksForSeveral(request)) {
      auto rest = request;
      rest.headers["range"] = "bytes=1000-";
      reply = frame.served.Answer(rest);
    }
  };
  // All that was asked for is in less than one piece, which ends behind it.
  CHECK(Said(ReadRanges(frame, {{1000, 10}, {18'000, 10}})) == kWhole);
  CHECK(frame.server.Asked().size() <= 3);
  CHECK(Said(ReadRanges(frame, FarRanges(10, 1000))) == kWhole);
  CHECK(CountSeveral(frame) == 1);
}

TEST_CASE("Faults: several ranges refused", "[registry]") {
  for (const int status : {400, 403, 416, 431, 501}) {
    CAPTURE(status);
    Frame frame([status](const auto& request, auto& reply) {
      if (AsksForSeveral(request)) {
        reply = {.status = status, .headers = {}, .body = "<html>no</html>"};
      }
    });
    CHECK(Said(ReadRanges(frame, FarRanges(10))) == kWhole);
    CHECK(frame.server.Asked().size() == 11);
    CHECK(CountSeveral(frame) == 1);
    CHECK(frame.waits.empty());
  }
  // What is refused one by one too is told.
  Frame frame([](const auto& /*request*/, auto& reply) {
    reply = {.status = 403, .headers = {}, .body = {}};
  });
  CheckError(ReadRanges(frame, FarRanges(10)), ErrorKind::kNetwork, "status 403");
  CHECK(frame.server.Asked().size() == 2);
  // A server that is busy is not one that does not know them.
  Frame busy(Times(2, &Fails));
  CHECK(Said(ReadRanges(busy, FarRanges(10))) == kWhole);
  CHECK(CountSeveral(busy) == 3);
}

TEST_CASE("Faults: several ranges, and an answer that is none", "[registry]") {
  struct Case {
    std::string what;
    Fault fault;
    std::size_t requests;  // for five ranges
  };

  const std::string begin = "--b0unda4y\r\n";
  const Case cases[] = {
      {"wrong order",
       [](const auto& /*request*/, auto& reply) {
         Replace(reply.body, "bytes 1000-1099", "bytes 21000-21099");
       },
       6},
      {"a wrong range later",
       [](const auto& /*request*/, auto& reply) {
         Replace(reply.body, "bytes 21000-21100", "bytes 21000-21101");
       },
       5},
      {"no range",
       [](const auto& /*request*/, auto& reply) { Replace(reply.body, "Content-Range", "X"); },
       6},
      {"another boundary",
       [](const auto& /*request*/, auto& reply) {
         reply.Set("content-type", "multipart/byteranges; boundary=other");
       },
       6},
      {"no boundary",
       [](const auto& /*request*/, auto& reply) {
         reply.Set("content-type", "multipart/byteranges");
       },
       6},
      {"no type, and no range",
       [](const auto& /*request*/, auto& reply) { reply.headers.clear(); },
       6},
      {"headers of a part without an end",
       [&](const auto& /*request*/, auto& reply) {
         reply.body = begin;
         reply.Set("content-length", "1000000000000");
         reply.forever = "a: b\r\n";
       },
       6},
      {"a header without an end",
       [&](const auto& /*request*/, auto& reply) {
         reply.body = begin;
         reply.Set("content-length", "1000000000000");
         reply.forever = "aaaaaaaaaaaaaaaa";
       },
       6},
      {"empty parts without an end",
       [&](const auto& /*request*/, auto& reply) {
         reply.body.clear();
         reply.Set("content-length", "1000000000000");
         reply.forever = begin + "\r\n\r\n";
       },
       6},
      {"the last boundary first",
       [](const auto& /*request*/, auto& reply) { reply.body = "--b0unda4y--\r\n"; },
       6},
      {"an empty body", [](const auto& /*request*/, auto& reply) { reply.body.clear(); }, 6}};
  for (const auto& one : cases) {
    CAPTURE(one.what);
    Frame frame([&](const auto& request, auto& reply) {
      if (AsksForSeveral(request)) {
        one.fault(request, reply);
      }
    });
    CHECK(Said(ReadRanges(frame, FarRanges(5))) == kWhole);
    CHECK(frame.server.Asked().size() == one.requests);
    CHECK(CountSeveral(frame) == 1);
  }
}

TEST_CASE("Faults: several ranges by a line that is cut", "[registry]") {
  // At each place of the body: in a boundary, in a head, in a part, before the last boundary.
  for (std::size_t at = 0; at < 500; ++at) {
    CAPTURE(at);
    Frame frame(Times(1, [at](const auto& /*request*/, auto& reply) { reply.cut_body = at; }));
    CHECK(Said(ReadRanges(frame, FarRanges(2))) == kWhole);
    CHECK(frame.server.Asked().size() <= 2);
    CHECK(CountSeveral(frame) >= 1);
  }
  // It goes on with several.
  Frame frame([](const auto& /*request*/, auto& reply) { reply.cut_body = 1000; });
  CHECK(Said(ReadRanges(frame, FarRanges(40))) == kWhole);
  CHECK(frame.server.Asked().size() < 20);
  // Without a last boundary, by a connection whose end looks like that of the body.
  Frame unmeasured([](const auto& request, auto& reply) {
    if (AsksForSeveral(request)) {
      reply.head =
          "HTTP/1.1 206 Whatever\r\ncontent-type: multipart/byteranges; "
          "boundary=\"b0unda4y\"\r\n\r\n";
      reply.cut_body = reply.body.size() - 16;
    }
  });
  CHECK(Said(ReadRanges(unmeasured, FarRanges(5))) == kWhole);
  CHECK(unmeasured.server.Asked().size() == 1);
  // One that never brings anything ends.
  Frame stuck([](const auto& /*request*/, auto& reply) { reply.cut_body = 10; });
  CheckError(ReadRanges(stuck, FarRanges(5)), ErrorKind::kNetwork, "bytes");
  CHECK(stuck.server.Asked().size() <= 5);
}

TEST_CASE("Faults: several ranges, and what follows them without an end", "[registry]") {
  Frame frame([](const auto& /*request*/, auto& reply) {
    reply.Set("content-length", "1000000000000");
    reply.forever = std::string(65536, 'x');
  });
  CheckError(ReadRanges(frame, FarRanges(5)), ErrorKind::kNetwork, "the server sends more than");
}

TEST_CASE("Faults: what is thrown by who takes the ranges ends them", "[registry]") {
  Frame frame;
  const auto ranges = FarRanges(5);
  const auto content = Content(200'000);
  frame.served.AddBlob(content);
  CHECK_THROWS_WITH(frame.repository.ReadRanges(
                        Sha256Of(AsBytes(content)),
                        content.size(),
                        ranges,
                        [](ByteSpan) { throw ros::Error(ErrorKind::kFailed, "the disk is full"); }),
                    Contains("the disk is full"));
  CHECK(frame.server.Asked().size() == 1);
  CHECK(frame.session.knows_several_ranges());
}

TEST_CASE("Faults: refused without a way to sign in", "[registry]") {
  for (const auto* challenge :
       {"", "Negotiate", "Basic realm=\"x\"", "Bearer realm=\"", "Bearer realm=\"\"", "\x01"}) {
    CAPTURE(challenge);
    const auto refuses = [challenge](const auto& /*request*/, auto& reply) {
      reply = {.status = 401, .headers = {{"www-authenticate", challenge}}, .body = {}};
    };
    Frame frame(refuses);
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
  Frame frame(std::ref(gate), kMe);
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
  Frame frame(
      [&gate](const auto& request, auto& reply) {
        gate(request, reply);
        reply.cut_body = 500'000;
      },
      kMe);
  CHECK(Said(frame.ReadBlob(Content(kSize))) == kWhole);
  CHECK(gate.issued == 7);
  // And one that is no good at all ends it.
  TokenGate useless{.uses = 0};
  Frame refused(std::ref(useless), kMe);
  CheckError(refused.ReadBlob("x"), ErrorKind::kNetwork, "credentials of this machine");
  CHECK(useless.issued == 1);
}

TEST_CASE("Faults: the token's endpoint", "[registry]") {
  TokenGate later{.endpoint = Times(2, &Fails)};
  Frame frame(std::ref(later), kMe);
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
      {"more headers", {.headers = {}, .body = R"({"token": "a\r\nx: y"})"}, "is no token"},
      {"empty", {.headers = {}, .body = R"({"token": ""})"}, "is no token"},
      {"too long", {.headers = {}, .body = std::string(100'000, ' ')}, "more than the 64 KiB"}};
  for (const auto& one : cases) {
    CAPTURE(one.what);
    TokenGate gate{.endpoint = [&](const auto& /*request*/, auto& reply) { reply = one.reply; }};
    Frame bad(std::ref(gate), kMe);
    const auto error = bad.ReadBlob("x");
    CheckError(error, ErrorKind::kNetwork, one.says);
    CHECK_THAT(error->message(), Contains("signing in at http://" + bad.server.host() + "/token"));
  }
  TokenGate nowhere{.realm = "http://127.0.0.1:1/token"};
  CheckError(Frame(std::ref(nowhere), kMe).ReadBlob("x"), ErrorKind::kNetwork, "signing in at");
  TokenGate file{.realm = "file:///etc/passwd"};
  CheckError(Frame(std::ref(file), kMe).ReadBlob("x"), ErrorKind::kNetwork, "signing in at");
}

TEST_CASE("Faults: what is not there", "[registry]") {
  Frame frame;
  CHECK_FALSE(frame.repository.FindManifest("2.0"));
  CheckError(frame.Read("x"), ErrorKind::kNetwork, "BLOB_UNKNOWN: refused");
  CHECK(frame.waits.empty());
}

TEST_CASE("Faults: a server that has no time now", "[registry]") {
  Frame busy(Times(2, [](const auto& /*request*/, auto& reply) {
    reply = {.status = 429, .headers = {{"retry-after", "3"}}, .body = {}};
  }));
  CHECK(Said(busy.ReadBlob(Content(kSize))) == kWhole);
  CHECK(busy.waits == std::vector<milliseconds>{milliseconds(3000), milliseconds(3000)});
  for (const int status : {500, 502, 503, 504}) {
    const auto fails = [status](const auto& /*request*/, auto& reply) {
      reply = {.status = status, .headers = {}, .body = "<html>later</html>"};
    };
    CHECK(Said(Frame(Times(4, fails)).ReadBlob(Content(kSize))) == kWhole);
    CHECK(Said(Frame(Times(4, fails)).ReadManifest()) == kWhole);
    Frame frame(fails);
    CheckError(frame.ReadBlob("x"), ErrorKind::kNetwork, "status " + std::to_string(status));
    CHECK(frame.server.Asked().size() == 5);
  }
  // In the middle of a blob.
  Frame frame([count = 0](const auto& request, auto& reply) mutable {
    if (++count % 2 == 0) {
      Fails(request, reply);
    } else {
      reply.cut_body = 1'000'000;
    }
  });
  CHECK(Said(frame.ReadBlob(Content(kSize))) == kWhole);
  // A page of any length beside the error does not hide it.
  Frame page(Times(2, [](const auto& /*request*/, auto& reply) {
    reply = {.status = 503, .headers = {}, .body = std::string(1'000'000, 'x')};
  }));
  CHECK(Said(page.ReadBlob("x")) == kWhole);
}

TEST_CASE("Faults: a body without an end", "[registry]") {
  for (const auto* head : {"HTTP/1.1 200 OK\r\n\r\n",
                           "HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n",
                           "HTTP/1.1 500 No\r\n\r\n"}) {
    CAPTURE(head);
    const auto endless = [head](const auto& /*request*/, auto& reply) {
      reply.head = head;
      reply.forever = std::string(65536, 'x');
    };
    const auto error = Frame(endless).ReadBlob(Content(kSize));
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::kNetwork);
    CHECK(Frame(endless).ReadManifest());
  }
  // Chunks too.
  Frame chunks([](const auto& /*request*/, auto& reply) {
    reply.head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    reply.body.clear();
    reply.forever = "10000\r\n" + std::string(65536, 'x') + "\r\n";
  });
  CheckError(chunks.ReadBlob(Content(kSize)), ErrorKind::kNetwork, "more than the 3 MiB");
}

TEST_CASE("Faults: a slow server is waited for", "[registry]") {
  Frame frame([](const auto& /*request*/, auto& reply) { reply.drip = 7; });
  CHECK(Said(frame.ReadBlob(Content(1000))) == kWhole);
  CHECK(Said(frame.ReadManifest()) == kWhole);
  CHECK(frame.server.Asked().size() == 2);
}

TEST_CASE("Faults: redirects in a circle, and to nowhere", "[registry]") {
  struct Case {
    const char* location;
    const char* says;
  };

  const Case cases[] = {{"/v2/team/os/blobs/again", "redirects without an end"},
                        {"", "redirects without an end"},
                        {"file:///etc/passwd", "rotocol"},
                        {"ftp://127.0.0.1/x", "rotocol"},
                        {"http://127.0.0.1:1/x", "onnect"},
                        {"http://[/", "is no URL"}};
  for (const auto& one : cases) {
    CAPTURE(one.location);
    Frame frame([&](const auto& /*request*/, auto& reply) {
      reply = {.status = 307, .headers = {{"location", one.location}}, .body = {}};
    });
    CheckError(frame.ReadBlob("x"), ErrorKind::kNetwork, one.says);
    CheckError(frame.ReadManifest(), ErrorKind::kNetwork, one.says);
    CHECK(frame.server.Asked().size() <= 20);
  }
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
  Frame frame(
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

TEST_CASE("Faults: garbage in the place of an answer", "[registry]") {
  for (const auto* head : {"garbage\r\n\r\n",
                           "\r\n\r\n",
                           "HTTP/1.1\r\n\r\n",
                           "HTTP/1.1 abc OK\r\n\r\n",
                           "HTTP/1.1 99999 OK\r\n\r\n",
                           "HTTP/1.1 -1 OK\r\n\r\n",
                           "HTTP/9.9 200 OK\r\n\r\n",
                           "SSH-2.0-OpenSSH_9.2\r\n",
                           "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 3\r\n"}) {
    CAPTURE(head);
    const auto garbage = [head](const auto& /*request*/, auto& reply) {
      reply = {.headers = {}, .body = {}, .head = head, .close = true};
    };
    const auto error = Frame(garbage).ReadBlob(Content(100));
    REQUIRE(error);
    CHECK((error->kind() == ErrorKind::kNetwork || error->kind() == ErrorKind::kVerification));
  }
}

TEST_CASE("Faults: headers without an end", "[registry]") {
  const auto endless = [](const std::string& head, const std::string& forever) {
    return [=](const auto& /*request*/, auto& reply) {
      reply.head = head;
      reply.body.clear();
      reply.forever = forever;
    };
  };
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  CheckError(Frame(endless(ok, "x-a: b\r\n")).ReadBlob("x"),
             ErrorKind::kNetwork,
             "the headers are longer than 64 KiB");
  CheckError(Frame(endless(ok, "x-a: b\r\n")).ReadManifest(),
             ErrorKind::kNetwork,
             "the headers are longer than 64 KiB");
  CheckError(Frame(endless("", "HTTP/1.1 100 Continue\r\n\r\n")).ReadBlob("x"),
             ErrorKind::kNetwork,
             "the headers are longer than 64 KiB");
  CheckError(Frame(endless("", "HTTP/1.1 103 Hints\r\nlink: </>\r\n\r\n")).ReadBlob("x"),
             ErrorKind::kNetwork,
             "the headers are longer than 64 KiB");
  CheckError(Frame(endless(ok + "x-a: ", "bbbbbbbbbbbbbbbb")).ReadBlob("x"),
             ErrorKind::kNetwork,
             "a header is of any length");
  CheckError(Frame(endless(ok + "transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", "x-a: b\r\n"))
                 .ReadBlob("x"),
             ErrorKind::kNetwork,
             "the headers are longer than 64 KiB");
}
