// Whole upgrades by the real client from a registry that goes wrong: each ends in an error, and the
// machine boots what it did, or is complete.
#include <algorithm>
#include <atomic>

#include "images/registry_copy.hpp"
#include "images/registry_image.hpp"
#include "tests/installer/support/upgrade_story.hpp"
#include "tests/registry/support/faulty_server.hpp"
#include "tests/registry/support/no_proxy.hpp"

namespace ros::installer {
namespace {

struct Case {
  std::string name;
  Fault fault;
  std::string refusal = {};  // a part of the error; empty where the upgrade completes
};

Fault AnswersBy(int status, std::vector<registry::HttpHeader> headers = {}) {
  return [status, headers](const ServedRequest& /*request*/, ServedReply& reply) {
    reply = {.status = status, .headers = headers, .body = "<html>no</html>"};
  };
}

// The fault for the first request alone.
Fault Once(Fault fault) {
  const auto done = std::make_shared<std::atomic<bool>>(false);
  return [done, fault = std::move(fault)](const ServedRequest& request, ServedReply& reply) {
    if (!done->exchange(true)) {
      fault(request, reply);
    }
  };
}

void BreaksHalfWay(const ServedRequest& /*request*/, ServedReply& reply) {
  reply.cut_body = reply.body.size() / 2;
}

void StallsHalfWay(const ServedRequest& request, ServedReply& reply) {
  BreaksHalfWay(request, reply);
  reply.stalls = true;
}

void SendsWrongBytes(const ServedRequest& /*request*/, ServedReply& reply) {
  if (!reply.body.empty()) {
    reply.body[reply.body.size() / 2] ^= 1;
  }
}

void SendsAnotherRange(const ServedRequest& /*request*/, ServedReply& reply) {
  reply.status = 206;
  reply.Set("content-range", "bytes 1-" + std::to_string(reply.body.size()) + "/999999999");
}

// Sound but for faults of blobs, once they are switched on.
class Registry {
 public:
  Registry() {
    server_.fault = [this](const ServedRequest& request, ServedReply& reply) {
      if (on && request.method == "GET" && request.path.find(kBlobs) != std::string::npos) {
        ++faults;
        fault(request, reply);
      }
    };
  }

  // The whole blob that a part is asked of.
  [[nodiscard]] std::string BlobOf(const ServedRequest& request) const {
    return server_.served.blobs.at(request.path.substr(request.path.find(kBlobs) + kBlobs.size()));
  }

  void Push(const images::ImageSource& image) {
    registry::Connection to({.plain_http = true}, Reference());
    NoProgress progress;
    images::PushArtifact(image, to.repository(), Reference().tag, {}, progress);
  }

  [[nodiscard]] std::unique_ptr<images::ImageSource> Open() const {
    return images::OpenRegistryImage(Reference(), Options());
  }

  Fault fault;
  std::atomic<int> faults = 0;  // requests that it has had
  std::atomic<bool> on = false;

 private:
  static constexpr std::string_view kBlobs = "/blobs/";

  [[nodiscard]] registry::Reference Reference() const {
    return registry::ParseReference(server_.server.host() + "/team/os:2");
  }

  static registry::ConnectionOptions Options() {
    return {.plain_http = true,
            .ranges = std::make_shared<registry::RangeSupport>(),
            .longest_stall = std::chrono::seconds(1),
            .wait = [](std::chrono::milliseconds) {}};
  }

  NoProxy no_proxy_;
  FaultyServer server_;
};

std::vector<Case> Cases() {
  return {
      {"a line that breaks half-way, once", Once(BreaksHalfWay)},
      {"a line that breaks after 100,000 bytes, each time",
       [](const ServedRequest&, ServedReply& reply) { reply.cut_body = 100'000; }},
      {"a line that breaks after 7 bytes, each time",
       [](const ServedRequest&, ServedReply& reply) { reply.cut_body = 7; },
       "127.0.0.1"},
      {"no answer at all",
       [](const ServedRequest&, ServedReply& reply) { reply.cut = 0; },
       "127.0.0.1"},
      {"a stall, once", Once(StallsHalfWay)},
      {"little at a time", [](const ServedRequest&, ServedReply& reply) { reply.drip = 4096; }},
      {"wrong bytes, each time", SendsWrongBytes, "127.0.0.1"},
      {"another range", SendsAnotherRange, "127.0.0.1"},
      {"too long a length",
       [](const ServedRequest&, ServedReply& reply) {
         reply.Set("content-length", std::to_string(reply.body.size() + 1));
         reply.close = true;
       }},
      {"no length that is one",
       [](const ServedRequest&, ServedReply& reply) { reply.Set("content-length", "-1"); },
       "127.0.0.1"},
      {"an endless body",
       [](const ServedRequest&, ServedReply& reply) {
         reply.head = "HTTP/1.1 200 OK\r\n\r\n";
         reply.forever = std::string(65536, 'x');
       },
       "127.0.0.1"},
      {"401", AnswersBy(401), "credentials"},
      {"403", AnswersBy(403), "127.0.0.1"},
      {"404", AnswersBy(404), "127.0.0.1"},
      {"429", AnswersBy(429, {{"retry-after", "1"}}), "127.0.0.1"},
      {"429, once", Once(AnswersBy(429))},
      {"500", AnswersBy(500), "127.0.0.1"},
      {"503, once", Once(AnswersBy(503))},
      {"a redirect in a circle",
       AnswersBy(302, {{"location", "?again"}}),
       "redirects without an end"},
      {"a redirect to nowhere", AnswersBy(302), "a redirect to nowhere"},
  };
}

// An upgrade from the registry; the message of the error that ended it, or none.
class Upgrade {
 public:
  Upgrade(Story& story, Registry& registry) : story_(story), registry_(registry) {}

  std::string Run(const std::shared_ptr<BlockDevice>& device, bool goes_wrong_at_once) {
    registry_.on = goes_wrong_at_once;
    try {
      story_.v2.source = registry_.Open();
      story_.v2.image = images::VerifyImage(
          *story_.v2.source, story_.shelf.trust(), images::SignaturePolicy::kRequired);
      plan = story_.Plan();
      registry_.on = true;
      const bool is_whole = story_.Run(plan, device);
      CHECK(is_whole);
    } catch (const Error& error) {
      CHECK((error.kind() == ErrorKind::kNetwork || error.kind() == ErrorKind::kVerification));
      return error.message();
    }
    return {};
  }

  UpgradePlan plan;

 private:
  Story& story_;
  Registry& registry_;
};

void CheckBoots(const Story& story,
                const std::shared_ptr<BlockDevice>& device,
                const std::string& version) {
  const auto outcome = WhatBoots(device, story.installed.layout);
  CHECK(outcome.fault.empty());
  CHECK(outcome.version == version);
}

}  // namespace

TEST_CASE("ApplyUpgrade: from a registry that goes wrong, completes or leaves what boots",
          "[crash]") {
  Story story;
  const bool by_delta = GENERATE(false, true);
  const std::string next = by_delta ? "3" : "2";
  if (by_delta) {
    story.v2 = story.shelf.MakeNext("1", next);
  }
  Registry registry;
  registry.Push(*story.v2.source);
  for (const bool at_once : {true, false}) {
    for (auto& one : Cases()) {
      INFO(one.name << (at_once ? ", from its begin" : ", from the plan on")
                    << (by_delta ? ", by a delta" : ""));
      const auto device = std::make_shared<OverlayDisk>(story.disk);
      registry.fault = one.fault;
      Upgrade upgrade(story, registry);
      registry.faults = 0;
      const auto refusal = upgrade.Run(device, at_once);
      CHECK(registry.faults > 0);
      if (one.refusal.empty()) {
        CHECK(refusal.empty());
        CheckBoots(story, device, next);
        continue;
      }
      CHECK_THAT(refusal, Catch::Contains(one.refusal));
      CheckBoots(story, device, "1");
      INFO("and when it is well again");
      registry.fault = [](const ServedRequest&, ServedReply&) {};
      CHECK(upgrade.Run(device, false).empty());
      CheckBoots(story, device, next);
    }
  }
}

TEST_CASE("ApplyUpgrade: from a registry that knows no ranges, by whole layers", "[crash]") {
  Story story;
  story.v2 = story.shelf.MakeDivided("1", "3");  // of which parts are wanted
  RememberRootIndex(story.state.path(), SlotId::kA, story.v1.image);
  Registry registry;
  registry.Push(*story.v2.source);
  std::atomic<int> whole = 0;
  std::atomic<int> fragments = 0;
  bool several_alone = false;
  registry.fault = [&](const ServedRequest& request, ServedReply& reply) {
    const auto range = request.Header("range");
    if (request.path.ends_with(story.v2.image.manifest.fragments->fragments.digest.ToString())) {
      ++fragments;
    }
    if (!range.empty() && (!several_alone || range.find(',') != std::string::npos)) {
      ++whole;
      reply = {.status = 200, .headers = {}, .body = registry.BlobOf(request)};
    }
  };
  const auto device = std::make_shared<OverlayDisk>(story.disk);
  Upgrade upgrade(story, registry);
  SECTION("which the plan says") {
    CHECK(upgrade.Run(device, true).empty());
    CHECK(upgrade.plan.reuse->why == "its registry gives layers as a whole alone");
    CHECK(upgrade.plan.reuse->root.fetched == story.v2.image.manifest.root.size);
    CHECK(fragments == 0);
  }
  SECTION("but of one that knows one range at a time, by fragments") {
    several_alone = true;
    CHECK(upgrade.Run(device, true).empty());
    CHECK(upgrade.plan.reuse->why == "the image has no delta from 1");
    CHECK(upgrade.plan.reuse->root.fetched < story.v2.image.manifest.root.size);
    CHECK(fragments > 0);
  }
  CHECK(whole > 0);
  CheckBoots(story, device, "3");
}

}  // namespace ros::installer
