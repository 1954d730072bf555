#include <algorithm>

#include "tests/registry/support/faulty_registry.hpp"

using Catch::Contains;
using ros::AsBytes;
using ros::AsText;
using ros::ByteRange;
using ros::ByteSpan;
using ros::ErrorKind;
using ros::keys::Sha256Of;
using ros::testing::CheckError;
using ros::testing::Content;
using ros::testing::Fails;
using ros::testing::Fault;
using ros::testing::FaultyRegistry;
using ros::testing::kSize;
using ros::testing::kWhole;
using ros::testing::Said;
using ros::testing::ServedRequest;
using ros::testing::Times;

namespace {

// Ranges of the blob, each too far from the one before to come with it.
std::vector<ByteRange> FarRanges(std::size_t count, std::size_t first = 1000) {
  std::vector<ByteRange> ranges;
  for (std::size_t at = 0; at < count; ++at) {
    ranges.push_back({.offset = first + at * 20'000, .length = 100 + at % 7});
  }
  return ranges;
}

std::optional<ros::Error> ReadRanges(FaultyRegistry& frame,
                                     const std::vector<ByteRange>& ranges,
                                     std::size_t behind = 1000) {
  const auto content = Content(ranges.back().End() + behind);
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
std::size_t CountSeveral(const FaultyRegistry& frame) {
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
  FaultyRegistry frame;
  CHECK(Said(ReadRanges(frame, FarRanges(49))) == kWhole);
  CHECK(frame.server.Asked().size() == 1);
  // From the first byte to the last, which is not the whole.
  FaultyRegistry ends;
  const std::vector<ByteRange> first_and_last = {{.offset = 0, .length = 100},
                                                 {.offset = 900'000, .length = 100}};
  CHECK(Said(ReadRanges(ends, first_and_last, 0)) == kWhole);
  REQUIRE(ends.server.Asked().size() == 1);
  CHECK(ends.server.Asked().front().Header("range") == "bytes=0-99,900000-900099");
  // 64 at most.
  CHECK(Said(ReadRanges(frame, FarRanges(140))) == kWhole);
  const auto asked = frame.server.Asked();
  CHECK(asked.size() == 4);
  CHECK(std::ranges::count(asked[1].Header("range"), ',') == 63);
  CHECK(asked[1].Header("range").starts_with("bytes=1000-1099,21000-21100,"));
  CHECK(std::ranges::count(asked[3].Header("range"), ',') == 11);
  // What lies close to each other comes as one, since an answer has as much in front of each.
  FaultyRegistry close;
  CHECK(Said(ReadRanges(close, {{100, 50}, {1'174, 50}, {2'249, 50}})) == kWhole);
  REQUIRE(close.server.Asked().size() == 1);
  CHECK(close.server.Asked()[0].Header("range") == "bytes=100-1223,2249-2298");
  // One byte at a time; and one of no length, which is not asked for.
  FaultyRegistry slow([](const auto& /*request*/, auto& reply) { reply.drip = 1; });
  CHECK(Said(ReadRanges(slow, {{100, 5}, {50'000, 0}, {100'000, 5}, {200'000, 5}})) == kWhole);
  REQUIRE(slow.server.Asked().size() == 1);
  CHECK(slow.server.Asked()[0].Header("range") == "bytes=100-104,100000-100004,200000-200004");
}

TEST_CASE("Faults: a server that puts ranges together", "[registry]") {
  FaultyRegistry frame;
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
  // By one range each time more is fetched for the sake of fewer requests.
  FaultyRegistry close(whole);
  CHECK(Said(ReadRanges(close, {{100, 50}, {10'000, 50}, {30'000, 50}})) == kWhole);
  CHECK(close.server.Asked().back().Header("range") == "bytes=30000-30049");
  // What follows is not waited for, and it is asked for once.
  FaultyRegistry frame(whole);
  CHECK(Said(ReadRanges(frame, FarRanges(10, 50'000))) == kWhole);
  CHECK(frame.server.Asked().size() == 11);
  CHECK(Said(ReadRanges(frame, FarRanges(10))) == kWhole);
  CHECK(frame.server.Asked().size() == 21);
  CHECK(CountSeveral(frame) == 1);
  // What is at its start is taken from there.
  FaultyRegistry start(whole);
  CHECK(Said(ReadRanges(start, {{0, 100}, {1'000'000, 100}, {2'000'000, 100}})) == kWhole);
  CHECK(start.server.Asked().size() == 3);
  // A server that knows no range at all sends it once more, to its end.
  FaultyRegistry none([&none](const auto& /*request*/, auto& reply) {
    reply = {.headers = {}, .body = none.served.blobs.begin()->second};
  });
  CHECK(Said(ReadRanges(none, FarRanges(10, 50'000))) == kWhole);
  CHECK(none.server.Asked().size() == 2);
}

TEST_CASE("Faults: several ranges answered by the first alone", "[registry]") {
  FaultyRegistry frame;
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
  FaultyRegistry frame;
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
  for (const int status : {400, 403, 405, 406, 416, 429, 431, 500, 501, 502, 503}) {
    CAPTURE(status);
    FaultyRegistry frame([status](const auto& request, auto& reply) {
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
  FaultyRegistry frame([](const auto& /*request*/, auto& reply) {
    reply = {.status = 403, .headers = {}, .body = {}};
  });
  CheckError(ReadRanges(frame, FarRanges(10)), ErrorKind::kNetwork, "status 403");
  CHECK(frame.server.Asked().size() == 2);
  // What stands before a server may also close the connection.
  FaultyRegistry closed([](const auto& request, auto& reply) {
    if (AsksForSeveral(request)) {
      reply.cut = 0;
    }
  });
  CHECK(Said(ReadRanges(closed, FarRanges(10))) == kWhole);
  CHECK(CountSeveral(closed) == 1);
  CHECK(closed.waits.empty());
  // One of several behind an address may know them and another not.
  FaultyRegistry other;
  CHECK(Said(ReadRanges(other, FarRanges(10))) == kWhole);
  other.fault = [](const auto& request, auto& reply) {
    if (AsksForSeveral(request)) {
      reply = {.status = 403, .headers = {}, .body = {}};
    }
  };
  CHECK(Said(ReadRanges(other, FarRanges(10))) == kWhole);
  CHECK(CountSeveral(other) == 2);
  // One that has answered before is asked again where it is busy.
  FaultyRegistry busy;
  CHECK(Said(ReadRanges(busy, FarRanges(10))) == kWhole);
  busy.fault = Times(2, &Fails);
  CHECK(Said(ReadRanges(busy, FarRanges(10))) == kWhole);
  CHECK(CountSeveral(busy) == 4);
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
    FaultyRegistry frame([&](const auto& request, auto& reply) {
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
    FaultyRegistry frame(
        Times(1, [at](const auto& /*request*/, auto& reply) { reply.cut_body = at; }));
    CHECK(Said(ReadRanges(frame, FarRanges(2))) == kWhole);
    // An answer without a byte may be one to the question whether it knows several.
    CHECK(frame.server.Asked().size() <= (at == 0 ? 3 : 2));
    CHECK(CountSeveral(frame) >= 1);
  }
  // It goes on with several.
  FaultyRegistry frame([](const auto& /*request*/, auto& reply) { reply.cut_body = 100'000; });
  auto ranges = FarRanges(40);
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    ranges[i] = {.offset = 1000 + i * 60'000, .length = 30'000};
  }
  CHECK(Said(ReadRanges(frame, ranges)) == kWhole);
  CHECK(frame.server.Asked().size() < 20);
  // Without a last boundary, by a connection whose end looks like that of the body.
  FaultyRegistry unmeasured([](const auto& request, auto& reply) {
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
  FaultyRegistry stuck([](const auto& /*request*/, auto& reply) { reply.cut_body = 10; });
  CheckError(ReadRanges(stuck, FarRanges(5)), ErrorKind::kNetwork, "bytes");
  CHECK(stuck.server.Asked().size() <= 5);
}

TEST_CASE("Faults: several ranges, and what follows them without an end", "[registry]") {
  FaultyRegistry frame([](const auto& /*request*/, auto& reply) {
    reply.Set("content-length", "1000000000000");
    reply.forever = std::string(65536, 'x');
  });
  CheckError(ReadRanges(frame, FarRanges(5)), ErrorKind::kNetwork, "the server sends more than");
}

TEST_CASE("Faults: what is thrown by who takes the ranges ends them", "[registry]") {
  FaultyRegistry frame;
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
  CHECK(frame.session.several_ranges() == ros::registry::SeveralRanges::kUnknown);
}

namespace {

// Reads five ranges by a session of its own that shares what is known of hosts.
ros::Bytes ReadBySharing(FaultyRegistry& frame,
                         const std::shared_ptr<ros::registry::RangeSupport>& known) {
  ros::registry::Session session(frame.transport,
                                 {.host = frame.session.host(),
                                  .credentials = {},
                                  .plain_http = true,
                                  .wait = [](std::chrono::milliseconds) {},
                                  .cancelled = {},
                                  .ranges = known});
  ros::registry::Repository repository(session, "team/os");
  const auto content = Content(200'000);
  frame.served.AddBlob(content);
  ros::Bytes got = 0;
  repository.ReadRanges(
      Sha256Of(AsBytes(content)), content.size(), FarRanges(5), [&](ByteSpan piece) {
        got += piece.size();
      });
  return got;
}

}  // namespace

TEST_CASE("Faults: a host that answers one range at a time is asked once by all sessions",
          "[registry]") {
  const auto known = std::make_shared<ros::registry::RangeSupport>();
  CHECK(known->MostGap() == ros::registry::kGapOfSeveral);
  FaultyRegistry frame([](const auto& request, auto& reply) {
    if (AsksForSeveral(request)) {
      reply = {.status = 416, .headers = {}, .body = {}};
    }
  });
  const auto wanted = ReadBySharing(frame, known);
  CHECK(known->Of(frame.session.host()) == ros::registry::SeveralRanges::kNever);
  CHECK(known->MostGap() == ros::registry::kGapOfOne);
  CHECK_FALSE(known->AnyWithout());
  CHECK(ReadBySharing(frame, known) == wanted);
  CHECK(CountSeveral(frame) == 1);
}

TEST_CASE("Faults: of a host that answers no range, what is behind all that is wanted is not read",
          "[registry]") {
  const auto known = std::make_shared<ros::registry::RangeSupport>();
  const auto content = Content(200'000);
  FaultyRegistry frame([&](const auto& /*request*/, auto& reply) {
    reply = {.headers = {}, .body = content, .cut_body = 150'000, .stalls = true};
  });
  (void)ReadBySharing(frame, known);
  CHECK(known->Of(frame.session.host()) == ros::registry::SeveralRanges::kNever);
  INFO("and is asked for one range");
  (void)ReadBySharing(frame, known);
  CHECK(known->Of(frame.session.host()) == ros::registry::SeveralRanges::kNorOne);
  CHECK(known->AnyWithout());
  CHECK(known->MostGap() == ros::registry::kGapOfOne);
  CHECK(CountSeveral(frame) == 1);
  // A cache that has the file by now.
  frame.fault = {};
  (void)ReadBySharing(frame, known);
  CHECK(known->Of(frame.session.host()) == ros::registry::SeveralRanges::kNever);
  CHECK_FALSE(known->AnyWithout());
}

TEST_CASE("Faults: a host that answers several ranges by the whole file may know one",
          "[registry]") {
  const auto known = std::make_shared<ros::registry::RangeSupport>();
  const auto content = Content(200'000);
  FaultyRegistry frame([&](const auto& request, auto& reply) {
    if (AsksForSeveral(request)) {
      reply = {.headers = {}, .body = content};
    }
  });
  (void)ReadBySharing(frame, known);
  CHECK(known->Of(frame.session.host()) == ros::registry::SeveralRanges::kNever);
}

TEST_CASE("Faults: what passes says nothing of a host to other sessions", "[registry]") {
  const auto known = std::make_shared<ros::registry::RangeSupport>();
  FaultyRegistry frame(Times(1, [](const auto& /*request*/, auto& reply) {
    reply = {.status = 429, .headers = {}, .body = {}};
  }));
  const auto wanted = ReadBySharing(frame, known);
  CHECK(known->Of(frame.session.host()) == ros::registry::SeveralRanges::kUnknown);
  CHECK(known->MostGap() == ros::registry::kGapOfSeveral);
  CHECK(ReadBySharing(frame, known) == wanted);
  CHECK(known->Of(frame.session.host()) == ros::registry::SeveralRanges::kAnswered);
  CHECK(CountSeveral(frame) == 2);
}
