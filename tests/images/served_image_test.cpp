#include "images/served_image.hpp"

#include <atomic>

#include "images/verified_image.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"
#include "tests/registry/support/no_proxy.hpp"
#include "tests/registry/support/served_file.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;
using ros::testing::FaultServer;
using ros::testing::ServedReply;
using ros::testing::ServedRequest;

namespace {

// A web server with one archive.
struct Server {
  explicit Server(std::string its_content) : content(std::move(its_content)) {}

  std::unique_ptr<ImageSource> Open() const {
    return OpenServedImage(registry::ParseWebAddress("http://" + server.host() + "/os.oci"),
                           {.plain_http = true});
  }

  // The bytes that were asked for.
  [[nodiscard]] Bytes Sent() const { return sent; }

  testing::NoProxy no_proxy;
  std::string content;
  std::atomic<Bytes> sent = 0;
  FaultServer server{[this](const ServedRequest& request) {
    auto reply = testing::ServeFile(request, content);
    sent += reply.body.size();
    return reply;
  }};
};

std::string ImageTar(Bytes root_size) {
  return Assemble(MakeParts(root_size), {}).Tar();
}

}  // namespace

TEST_CASE("OpenServedImage: reads an image where it is, and no more than is wanted", "[images]") {
  Server server(ImageTar(Bytes{8} << 20U));
  const auto source = server.Open();
  CHECK(source->is_remote());
  CHECK_THAT(source->name(), Catch::EndsWith("/os.oci"));
  const auto image = InspectImage(*source);
  CHECK(image.chunks.size() == MakeParts(Bytes{8} << 20U).chunks.size());
  CHECK(server.Sent() < server.content.size() / 4);
  CHECK(server.server.Asked().size() < 12);
  const auto kernel = ReadBlob(*source, image.manifest.kernel, 1000);
  CHECK(kernel == MakeParts(4096).kernel);
}

TEST_CASE("OpenServedImage: what is announced of a blob comes in one stream", "[images]") {
  Server server(ImageTar(Bytes{8} << 20U));
  const auto source = server.Open();
  const auto image = InspectImage(*source);
  const auto before = server.server.Asked().size();
  const auto root = source->OpenBlob(image.manifest.root.digest);
  root->Announce({{.offset = 0, .length = root->size()}});
  std::string layer(root->size(), '\0');
  constexpr std::size_t kPiece = 100'000;
  for (std::size_t at = 0; at < layer.size(); at += kPiece) {
    const auto piece = AsWritableBytes(layer).subspan(at);
    root->ReadAt(at, piece.first(std::min(kPiece, piece.size())));
  }
  CHECK((layer == MakeParts(Bytes{8} << 20U).layer));
  CHECK(server.server.Asked().size() == before + 1);
  std::byte behind{};
  CheckError(ErrorKind::kVerification, "is read beyond its end", [&] {
    root->ReadAt(layer.size(), MutableByteSpan(&behind, 1));
  });
}

TEST_CASE("OpenServedImage: an archive that was cut short is refused", "[images]") {
  Server server(ImageTar(Bytes{1} << 20U));
  server.content.resize(server.content.size() / 2);
  CheckError(ErrorKind::kVerification, "it was cut short", [&] { server.Open(); });
}

TEST_CASE("OpenServedImage: what is no archive is refused as a file would be", "[images]") {
  Server text("<html>hello</html>");
  CheckError(ErrorKind::kVerification, "it is not a tar archive", [&] { text.Open(); });
  Server packed("\x1f\x8b" + std::string(2000, 'x'));
  CheckError(ErrorKind::kVerification, "it is compressed (gzip)", [&] { packed.Open(); });
  Server tar(MakeTar({{.name = "a", .content = "b"}}));
  CheckError(ErrorKind::kVerification, "this is not an OCI archive", [&] { tar.Open(); });
}
