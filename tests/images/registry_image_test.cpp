#include "images/registry_image.hpp"

#include <catch2/catch.hpp>
#include <functional>

#include "images/verified_image.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"
#include "tests/registry/support/faulty_server.hpp"
#include "tests/registry/support/no_proxy.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;
using ros::testing::FaultyServer;
using ros::testing::ServedReply;
using ros::testing::ServedRequest;

namespace {

// What a registry or a mirror has of an image.
void Add(const FakeImage& image, FaultyServer& server) {
  for (const auto& [path, content] : image.files) {
    server.served.AddBlob(content);
  }
  server.served.AddManifest("1", image.files.at("blobs/sha256/" + image.digest.Hex()));
}

// An image with a large kernel in a registry that has a mirror.
struct Frame {
  Frame() {
    parts.kernel = MakeData(Bytes{6} << 20U, 5);
    const auto image = Assemble(parts, {});
    Add(image, origin);
    Add(image, mirror);
    mirrors = std::make_shared<registry::Mirrors>([this] {
      return registry::MirrorTable{{origin.server.host(), {registry::ParseEndpoint(mirror.Url())}}};
    });
    source = OpenRegistryImage(registry::ParseReference(origin.server.host() + "/team/os:1"),
                               {.ca_file = {}, .plain_http = true, .mirrors = mirrors});
  }

  // From now on the mirror does that with the kernel.
  void Damage(const std::function<void(ServedReply&)>& how) {
    mirror.fault = [this, how](const ServedRequest& request, ServedReply& reply) {
      if (request.path.ends_with(keys::Sha256Of(AsBytes(parts.kernel)).ToString())) {
        how(reply);
      }
    };
  }

  testing::NoProxy no_proxy;
  FakeParts parts = MakeParts();
  FaultyServer origin;
  FaultyServer mirror;
  std::shared_ptr<registry::Mirrors> mirrors;
  std::unique_ptr<ImageSource> source;
};

void ChangeByte(ServedReply& reply) {
  reply.body[reply.body.size() / 2] ^= 1;
}

// The kernel as it comes in one stream.
std::string ReadAll(Blob& kernel) {
  kernel.Announce({{.offset = 0, .length = kernel.size()}});
  std::string all(kernel.size(), '\0');
  constexpr std::size_t kPiece = std::size_t{1} << 20U;
  for (std::size_t at = 0; at < all.size(); at += kPiece) {
    kernel.ReadAt(at, AsWritableBytes(all).subspan(at, kPiece));
  }
  return all;
}

}  // namespace

TEST_CASE(
    "OpenRegistryImage: what a mirror sends wrong comes from elsewhere when it is announced anew",
    "[images]") {
  Frame frame;
  SECTION("whole") {
    frame.Damage(ChangeByte);
  }
  SECTION("and then it breaks, so that the rest comes from elsewhere") {
    frame.Damage([](ServedReply& reply) {
      reply.body[10] ^= 1;
      reply.cut_body = reply.body.size() / 2;
    });
  }
  SECTION("with more than was asked for") {
    frame.Damage([](ServedReply& reply) {
      ChangeByte(reply);
      reply.body += "x";
    });
  }
  const auto kernel = frame.source->OpenBlob(InspectImage(*frame.source).manifest.kernel.digest);
  CHECK((ReadAll(*kernel) != frame.parts.kernel));
  REQUIRE(kernel->Distrust());
  CHECK((ReadAll(*kernel) == frame.parts.kernel));
  CHECK(frame.mirrors->TakeWarnings().size() == 1);
  // There is nobody left to suspect.
  CHECK_FALSE(kernel->Distrust());
}

TEST_CASE("CheckBlobs: an image past a mirror that has another kernel", "[images]") {
  Frame frame;
  frame.Damage(ChangeByte);
  const auto image = InspectImage(*frame.source);
  NoProgress progress;
  CheckBlobs(*frame.source, image, progress);
  frame.origin.fault = frame.mirror.fault;
  CheckError(ErrorKind::kVerification, "the kernel (sha256:", [&] {
    CheckBlobs(*frame.source, image, progress);
  });
}
