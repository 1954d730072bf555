#include <algorithm>
#include <array>
#include <cstdio>

#include "tests/registry/support/faulty_registry.hpp"

using ros::AsBytes;
using ros::ErrorKind;
using ros::keys::Sha256Of;
using ros::testing::CheckError;
using ros::testing::Content;
using ros::testing::Fails;
using ros::testing::FaultyRegistry;
using ros::testing::kSize;
using ros::testing::kWhole;
using ros::testing::Said;
using ros::testing::ServedReply;
using ros::testing::ServedRequest;
using ros::testing::Times;
using std::chrono::milliseconds;

TEST_CASE("Faults: a sound server gives what it has", "[registry]") {
  FaultyRegistry frame;
  CHECK(Said(frame.ReadBlob(Content(kSize))) == kWhole);
  CHECK(Said(frame.ReadBlob("")) == kWhole);
  CHECK(Said(frame.ReadManifest()) == kWhole);
  CHECK(frame.waits.empty());
}

TEST_CASE("Faults: a connection cut after each so many bytes of the body", "[registry]") {
  for (const std::size_t step : {std::size_t{1'000'000}, std::size_t{65536}, kSize - 1, kSize}) {
    CAPTURE(step);
    FaultyRegistry frame([step](const auto& /*request*/, auto& reply) { reply.cut_body = step; });
    CHECK(Said(frame.ReadBlob(Content(kSize))) == kWhole);
    CHECK(frame.server.Asked().size() == (kSize + step - 1) / step);
  }
}

TEST_CASE("Faults: a line that breaks again and again before much has come is given up",
          "[registry]") {
  for (const std::size_t step : {1U, 7U, 50'000U}) {
    CAPTURE(step);
    FaultyRegistry frame([step](const auto& /*request*/, auto& reply) { reply.cut_body = step; });
    const auto error = frame.ReadBlob(Content(kSize));
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::kNetwork);
    CHECK(frame.server.Asked().size() == 3);
  }
  // Not one that goes on then, and not a server that gives little at a time.
  FaultyRegistry again(
      Times(2, [](const auto& /*request*/, ServedReply& reply) { reply.cut_body = 100; }));
  CHECK(Said(again.ReadBlob(Content(kSize))) == kWhole);
  FaultyRegistry little([](const ServedRequest& request, ServedReply& reply) {
    const auto range = request.Header("range");
    const auto first = range.empty() ? 0 : std::stoul(range.substr(range.find('=') + 1));
    const auto length = std::min<std::size_t>(50'000, kSize - first);
    reply = {.status = 206,
             .headers = {{"content-range",
                          "bytes " + std::to_string(first) + "-" +
                              std::to_string(first + length - 1) + "/" + std::to_string(kSize)}},
             .body = Content(kSize).substr(first, length)};
  });
  CHECK(Said(little.ReadBlob(Content(kSize))) == kWhole);
}

TEST_CASE("Faults: a connection cut once, at each byte of the head and of a small body",
          "[registry]") {
  for (std::size_t at = 0; at < 220; ++at) {
    CAPTURE(at);
    FaultyRegistry frame(Times(1, [at](const auto& /*request*/, auto& reply) { reply.cut = at; }));
    CHECK(Said(frame.ReadBlob(Content(150))) == kWhole);
    FaultyRegistry other(Times(1, [at](const auto& /*request*/, auto& reply) { reply.cut = at; }));
    CHECK(Said(other.ReadManifest()) == kWhole);
  }
}

TEST_CASE("Faults: a connection that is always cut before the body ends it", "[registry]") {
  for (const std::size_t at : {0U, 1U, 9U, 12U, 17U, 25U}) {
    CAPTURE(at);
    FaultyRegistry frame([at](const auto& /*request*/, auto& reply) { reply.cut = at; });
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
  FaultyRegistry longer(claims(20'000));
  CHECK(Said(longer.ReadBlob(content)) == kWhole);
  CheckError(FaultyRegistry(claims(200)).ReadManifest(), ErrorKind::kNetwork, "bytes");
  CHECK(Said(FaultyRegistry(Times(1, claims(200))).ReadManifest()) == kWhole);
  // Less than comes.
  FaultyRegistry shorter(claims(4'000));
  CHECK(Said(shorter.ReadBlob(content)) == kWhole);
  CheckError(FaultyRegistry(claims(20)).ReadManifest(), ErrorKind::kVerification, "another digest");
  CheckError(
      FaultyRegistry(claims(0)).ReadBlob(content), ErrorKind::kVerification, "is shorter than");
  // None at all, and nonsense.
  FaultyRegistry nonsense([](const auto& /*request*/, ServedReply& reply) {
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
  FaultyRegistry whole(unmeasured(kSize));
  CHECK(Said(whole.ReadBlob(Content(kSize))) == kWhole);
  CHECK(Said(whole.ReadManifest()) == kWhole);
  // What is cut looks complete.
  CheckError(
      FaultyRegistry(unmeasured(20)).ReadManifest(), ErrorKind::kVerification, "another digest");
  CHECK(Said(FaultyRegistry(Times(1, unmeasured(1000))).ReadBlob(Content(kSize))) == kWhole);
}

TEST_CASE("Faults: chunks, whole and broken", "[registry]") {
  const auto chunked = [](const std::string& end, const std::string& size = "96") {
    return [=](const ServedRequest& /*unused*/, ServedReply& reply) {
      reply.Set("transfer-encoding", "chunked");
      reply.body = size + "\r\n" + reply.body + end;
      reply.close = true;
    };
  };
  CHECK(Said(FaultyRegistry(chunked("\r\n0\r\n\r\n")).ReadBlob(Content(150))) == kWhole);
  CHECK(Said(FaultyRegistry(chunked("\r\n0\r\nx-a: b\r\n\r\n")).ReadBlob(Content(150))) == kWhole);
  const auto with_trailer = [](const auto& /*request*/, ServedReply& reply) {
    std::array<char, 9> size{};
    std::snprintf(size.data(), size.size(), "%zx", reply.body.size());
    reply.Set("transfer-encoding", "chunked");
    reply.body = size.data() + ("\r\n" + reply.body) + "\r\n0\r\nx-took: 1 ms\r\n\r\n";
  };
  CHECK(Said(FaultyRegistry(with_trailer).ReadManifest()) == kWhole);
  // Behind nothing.
  FaultyRegistry none([](const auto& /*request*/, ServedReply& reply) {
    reply = {.status = 404,
             .headers = {{"transfer-encoding", "chunked"}},
             .body = "0\r\nx-took: 1 ms\r\n\r\n"};
  });
  CHECK_FALSE(none.repository.FindManifest("1.0"));
  CHECK(none.server.Asked().size() == 1);
  // All of it has come, and its digest is right.
  CHECK(Said(FaultyRegistry(chunked("")).ReadBlob(Content(150))) == kWhole);
  CHECK(Said(FaultyRegistry(chunked("\r\nzz\r\n")).ReadBlob(Content(150))) == kWhole);
  CheckError(FaultyRegistry(chunked("", "zz")).ReadBlob(Content(150)), ErrorKind::kNetwork, "hunk");
  CheckError(FaultyRegistry(chunked("", "ff")).ReadManifest(), ErrorKind::kNetwork, "");
}

TEST_CASE("Faults: a manifest that no image has is not read", "[registry]") {
  FaultyRegistry large([](const auto& /*request*/, ServedReply& reply) {
    reply.body = std::string(ros::registry::kMaxManifest + 1, ' ');
  });
  CheckError(large.ReadManifest(), ErrorKind::kNetwork, "sends more than the 256 KiB");
}

TEST_CASE("Faults: wrong bytes", "[registry]") {
  const auto damages = [](const ServedRequest& /*unused*/, ServedReply& reply) {
    reply.body.back() = static_cast<char>(~reply.body.back());
  };
  CheckError(FaultyRegistry(damages).ReadBlob(Content(kSize)),
             ErrorKind::kVerification,
             "does not have this digest; it is damaged");
  CheckError(FaultyRegistry(damages).ReadManifest(), ErrorKind::kVerification, "another digest");
  // A blob that is shorter, and ends there.
  FaultyRegistry shorter([](const ServedRequest& request, ServedReply& reply) {
    if (reply.status == 200) {
      reply.body = "short";
    } else {
      CHECK(request.Header("range") == "bytes=5-99");
      reply = {.status = 416, .headers = {}, .body = {}};
    }
  });
  CheckError(shorter.ReadBlob(Content(100)), ErrorKind::kVerification, "is shorter than");
  CheckError(FaultyRegistry().Read("never there"), ErrorKind::kNetwork, "BLOB_UNKNOWN");
}

TEST_CASE("Faults: a part that is not the one that was asked for", "[registry]") {
  for (const auto* range : {"bytes 0-99/100", "bytes 51-99/100", "bytes 5-99/100", "50-99", ""}) {
    CAPTURE(range);
    FaultyRegistry frame([range](const auto& /*request*/, auto& reply) {
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
  FaultyRegistry frame([](const auto& /*request*/, auto& reply) {
    reply.status = 206;
    reply.Set("content-range", "bytes 10-99/100");
  });
  CheckError(frame.ReadBlob(Content(100)), ErrorKind::kNetwork, "asked for the bytes from 0 on");
}

TEST_CASE("Faults: a server that knows no range", "[registry]") {
  const auto content = Content(kSize);
  std::size_t cut = 100'000;
  FaultyRegistry frame([&](const auto& request, auto& reply) {
    reply = {.headers = {}, .body = content, .cut_body = cut};
    CHECK((request.Header("range").empty() || cut > 100'000));
    cut *= 4;
  });
  CHECK(Said(frame.ReadBlob(content)) == kWhole);
  CHECK(frame.server.Asked().size() == 4);
  // One that never comes further ends.
  FaultyRegistry stuck([&](const auto& /*request*/, auto& reply) {
    reply = {.headers = {}, .body = content, .cut_body = 100'000};
  });
  CheckError(stuck.ReadBlob(content), ErrorKind::kNetwork, "bytes");
  CHECK(stuck.server.Asked().size() == 4);
}

TEST_CASE("Faults: what is not there", "[registry]") {
  FaultyRegistry frame;
  CHECK_FALSE(frame.repository.FindManifest("2.0"));
  CheckError(frame.Read("x"), ErrorKind::kNetwork, "BLOB_UNKNOWN: refused");
  CHECK(frame.waits.empty());
}

TEST_CASE("Faults: a server that has no time now", "[registry]") {
  FaultyRegistry busy(Times(2, [](const auto& /*request*/, auto& reply) {
    reply = {.status = 429, .headers = {{"retry-after", "3"}}, .body = {}};
  }));
  CHECK(Said(busy.ReadBlob(Content(kSize))) == kWhole);
  CHECK(busy.waits == std::vector<milliseconds>{milliseconds(3000), milliseconds(3000)});
  for (const int status : {500, 502, 503, 504}) {
    const auto fails = [status](const auto& /*request*/, auto& reply) {
      reply = {.status = status, .headers = {}, .body = "<html>later</html>"};
    };
    CHECK(Said(FaultyRegistry(Times(4, fails)).ReadBlob(Content(kSize))) == kWhole);
    CHECK(Said(FaultyRegistry(Times(4, fails)).ReadManifest()) == kWhole);
    FaultyRegistry frame(fails);
    CheckError(frame.ReadBlob("x"), ErrorKind::kNetwork, "status " + std::to_string(status));
    CHECK(frame.server.Asked().size() == 5);
  }
  // In the middle of a blob.
  FaultyRegistry frame([count = 0](const auto& request, auto& reply) mutable {
    if (++count % 2 == 0) {
      Fails(request, reply);
    } else {
      reply.cut_body = 1'000'000;
    }
  });
  CHECK(Said(frame.ReadBlob(Content(kSize))) == kWhole);
  // A page of any length beside the error does not hide it.
  FaultyRegistry page(Times(2, [](const auto& /*request*/, auto& reply) {
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
    const auto error = FaultyRegistry(endless).ReadBlob(Content(kSize));
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::kNetwork);
    CHECK(FaultyRegistry(endless).ReadManifest());
  }
  // Chunks too.
  FaultyRegistry chunks([](const auto& /*request*/, auto& reply) {
    reply.head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    reply.body.clear();
    reply.forever = "10000\r\n" + std::string(65536, 'x') + "\r\n";
  });
  CheckError(chunks.ReadBlob(Content(kSize)), ErrorKind::kNetwork, "more than the 3 MiB");
}

TEST_CASE("Faults: a slow server is waited for", "[registry]") {
  FaultyRegistry frame([](const auto& /*request*/, auto& reply) { reply.drip = 7; });
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
    FaultyRegistry frame([&](const auto& /*request*/, auto& reply) {
      reply = {.status = 307, .headers = {{"location", one.location}}, .body = {}};
    });
    CheckError(frame.ReadBlob("x"), ErrorKind::kNetwork, one.says);
    CheckError(frame.ReadManifest(), ErrorKind::kNetwork, one.says);
    CHECK(frame.server.Asked().size() <= 20);
  }
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
    const auto error = FaultyRegistry(garbage).ReadBlob(Content(100));
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
  CheckError(FaultyRegistry(endless(ok, "x-a: b\r\n")).ReadBlob("x"),
             ErrorKind::kNetwork,
             "the headers are longer than 64 KiB");
  CheckError(FaultyRegistry(endless(ok, "x-a: b\r\n")).ReadManifest(),
             ErrorKind::kNetwork,
             "the headers are longer than 64 KiB");
  CheckError(FaultyRegistry(endless("", "HTTP/1.1 100 Continue\r\n\r\n")).ReadBlob("x"),
             ErrorKind::kNetwork,
             "the headers are longer than 64 KiB");
  CheckError(FaultyRegistry(endless("", "HTTP/1.1 103 Hints\r\nlink: </>\r\n\r\n")).ReadBlob("x"),
             ErrorKind::kNetwork,
             "the headers are longer than 64 KiB");
  CheckError(FaultyRegistry(endless(ok + "x-a: ", "bbbbbbbbbbbbbbbb")).ReadBlob("x"),
             ErrorKind::kNetwork,
             "a header is of any length");
  CheckError(FaultyRegistry(
                 endless(ok + "transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", "x-a: b\r\n"))
                 .ReadBlob("x"),
             ErrorKind::kNetwork,
             "the headers are longer than 64 KiB");
}
