#include "images/image_source.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

FakeImage SmallImage(const Edit& edit_index = {}) {
  return Assemble(MakeParts(8192), {.edit_index = edit_index});
}

// A layout directory with the image in it.
struct Layout {
  explicit Layout(const FakeImage& image) { image.WriteLayout(directory.path()); }

  [[nodiscard]] std::filesystem::path Blob(const keys::Digest& digest) const {
    return directory.path() / "blobs" / "sha256" / digest.Hex();
  }

  TempDirectory directory;
};

}  // namespace

TEST_CASE("OpenImage: archive and layout hold the same blobs", "[images]") {
  const auto image = SmallImage();
  TempDirectory directory;
  const auto path = directory.path() / "image.oci";
  if (GENERATE(true, false)) {
    image.WriteArchive(path);
  } else {
    image.WriteLayout(path);
  }
  const auto source = OpenImage(path);
  CHECK(source->name() == path.string());
  CHECK(source->ReadIndex() == image.files.at("index.json"));
  for (const auto& [name, content] : image.files) {
    if (!name.starts_with("blobs/")) {
      continue;
    }
    const auto digest = keys::Sha256Of(AsBytes(content));
    CHECK(source->HasBlob(digest));
    Descriptor descriptor;
    descriptor.digest = digest;
    descriptor.size = content.size();
    CHECK((ReadBlob(*source, descriptor, kMaxRootBlobSize) == content));
    std::string tail(3, '\0');
    const auto into = AsWritableBytes(tail);
    const auto blob = source->OpenBlob(digest);
    if (content.size() > 3) {
      blob->ReadAt(content.size() - 3, into);
      CHECK(tail == content.substr(content.size() - 3));
    }
    CHECK_THROWS_AS(blob->ReadAt(content.size() - 2, into), Error);
    CHECK_THROWS_AS(blob->ReadAt(~Bytes{0}, into), Error);
  }
  CHECK_FALSE(source->HasBlob(keys::Digest()));
  CheckError(ErrorKind::kVerification, "sha256:0000", [&] {
    static_cast<void>(source->OpenBlob(keys::Digest()));
  });
}

TEST_CASE("ReadBlob: refuses another size, another digest, too long a blob", "[images]") {
  auto image = SmallImage();
  const auto digest = image.digest;
  const Layout layout(image);
  const auto source = OpenImage(layout.directory.path());
  auto descriptor = ChooseImage(*source, {});
  CheckError(ErrorKind::kVerification, "longer than", [&] { ReadBlob(*source, descriptor, 10); });
  ++descriptor.size;
  CheckError(ErrorKind::kVerification, "instead of", [&] { ReadBlob(*source, descriptor, 9999); });
  --descriptor.size;
  image.Blob(digest)[5] ^= 1;
  image.WriteLayout(layout.directory.path());
  CheckError(ErrorKind::kVerification, digest.ToString() + " does not have this digest", [&] {
    ReadBlob(*source, descriptor, 9999);
  });
}

TEST_CASE("OpenImage: what is not there or is not a file is the user's mistake", "[images]") {
  CheckError(
      ErrorKind::kUsage, "/nonexistent/x: there is no such", [] { OpenImage("/nonexistent/x"); });
  TempDirectory directory;
  const auto pipe = directory.path() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CheckError(ErrorKind::kUsage, "not a regular file", [&] { OpenImage(pipe); });
}

TEST_CASE("OpenImage: refuses layouts with links, pipes or missing parts", "[images]") {
  const auto image = SmallImage();
  const Layout layout(image);
  const auto root = layout.directory.path();
  const auto blob = layout.Blob(image.digest);
  const auto open_blob = [&] { static_cast<void>(OpenImage(root)->OpenBlob(image.digest)); };

  SECTION("a blob that is a link") {
    std::filesystem::rename(blob, root / "elsewhere");
    std::filesystem::create_symlink(root / "elsewhere", blob);
    CheckError(ErrorKind::kVerification, "is a link", open_blob);
  }
  SECTION("a blob that is a pipe") {
    std::filesystem::remove(blob);
    REQUIRE(::mkfifo(blob.c_str(), 0600) == 0);
    CheckError(ErrorKind::kVerification, "is not a file", open_blob);
  }
  SECTION("a blob directory that is a link") {
    std::filesystem::rename(root / "blobs", root / "other");
    std::filesystem::create_symlink("other", root / "blobs");
    CheckError(ErrorKind::kVerification, "is a link", open_blob);
  }
  SECTION("no index.json") {
    std::filesystem::remove(root / "index.json");
    CheckError(ErrorKind::kVerification, "index.json is missing", [&] {
      static_cast<void>(OpenImage(root)->ReadIndex());
    });
  }
  SECTION("no oci-layout") {
    std::filesystem::remove(root / "oci-layout");
    CheckError(ErrorKind::kVerification, "oci-layout is missing", open_blob);
  }
  SECTION("an oci-layout of another version") {
    WriteFileAtomically(root / "oci-layout", AsBytes(R"({"imageLayoutVersion":"2.0.0"})"));
    CheckError(ErrorKind::kVerification, "imageLayoutVersion", open_blob);
  }
  SECTION("an index.json that is too long") {
    WriteFileAtomically(root / "index.json", AsBytes(std::string(kMaxOciIndexSize + 1, ' ')));
    CheckError(ErrorKind::kVerification, "longer than", [&] {
      static_cast<void>(OpenImage(root)->ReadIndex());
    });
  }
}

TEST_CASE("OpenImage: a tar without index.json is no OCI archive", "[images]") {
  TempDirectory directory;
  const auto path = directory.path() / "x";
  WriteFileAtomically(path, AsBytes(MakeTar({{.name = "etc/passwd", .content = "x"}})));
  CheckError(ErrorKind::kVerification, "this is not an OCI archive", [&] { OpenImage(path); });
}

TEST_CASE("ChooseImage: takes the one image, or the one that is named", "[images]") {
  const Layout layout(SmallImage());
  const auto source = OpenImage(layout.directory.path());
  const auto chosen = ChooseImage(*source, {});
  CHECK(ChooseImage(*source, "1.0.0") == chosen);
  CheckError(ErrorKind::kVerification, "no image \"2\" in it, only: 1.0.0", [&] {
    ChooseImage(*source, "2");
  });
}

TEST_CASE("ChooseImage: never guesses", "[images]") {
  const auto other = R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","size":5,)"
                     R"("digest":"sha256:)" +
                     std::string(64, 'a') +
                     R"(","annotations":{"org.opencontainers.image.ref.name":"other"})";
  const auto add = [&](const std::string& more) {
    return SmallImage([&, more](const std::string& index) {
      return Replace(index, R"("manifests":[)", R"("manifests":[)" + other + more + "},");
    });
  };
  SECTION("two images") {
    const Layout layout(add(""));
    const auto source = OpenImage(layout.directory.path());
    CheckError(ErrorKind::kVerification, "in it: other, 1.0.0; copy the one", [&] {
      ChooseImage(*source, {});
    });
    CHECK(ChooseImage(*source, "other").size == 5);
  }
  SECTION("an artifact of another kind is none of ours") {
    const Layout layout(add(R"(,"artifactType":"application/vnd.example")"));
    const auto source = OpenImage(layout.directory.path());
    CHECK(ChooseImage(*source, {}).size != 5);
  }
}

TEST_CASE("ListIndex: refuses an index of wrong shape, naming the place", "[images]") {
  struct Case {
    const char* text;
    const char* message;
  };

  const auto case_ = GENERATE(values<Case>({
      {"", "index.json: "},
      {"[]", "index.json: expected an object"},
      {"{}", "\"manifests\" is missing"},
      {R"({"manifests":{}})", "manifests: expected a list"},
      {R"({"manifests":[1]})", "manifests[0]: expected an object"},
      {R"({"manifests":[{"mediaType":"a","digest":"sha256:xy","size":1}]})", "manifests[0].digest"},
      {R"({"manifests":[{"mediaType":"a","size":1}]})", "\"digest\" is missing"},
      {R"({"manifests":[]})", "there is no image in it"},
  }));
  const Layout layout(SmallImage([&](const std::string&) { return case_.text; }));
  CheckError(ErrorKind::kVerification, case_.message, [&] {
    ChooseImage(*OpenImage(layout.directory.path()), {});
  });
}
