#include "images/piped_image.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <thread>

#include "base/file.hpp"
#include "images/sign_image.hpp"
#include "images/signature.hpp"
#include "images/verified_image.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

constexpr Bytes kRootSize = Bytes{2} << 20U;
// All but the root layer of a fake image.
constexpr Bytes kMostHeld = Bytes{64} << 10U;

// A pipe that somebody writes into.
class Writer {
 public:
  explicit Writer(std::string text) : text_(std::move(text)) {
    std::signal(SIGPIPE, SIG_IGN);
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    read_ = UniqueFd(ends[0]);
    thread_ = std::thread([this, end = ends[1]] {
      const UniqueFd write(end);
      for (std::string_view left = text_; !left.empty();) {
        const auto length = ::write(write.get(), left.data(), left.size());
        if (length <= 0) {
          return;  // Nobody reads it any more.
        }
        left.remove_prefix(static_cast<std::size_t>(length));
      }
    });
  }

  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  Writer(Writer&&) = delete;
  Writer& operator=(Writer&&) = delete;

  ~Writer() {
    read_ = UniqueFd();
    thread_.join();
  }

  UniqueFd TakeEnd() { return std::move(read_); }

 private:
  std::string text_;
  UniqueFd read_;
  std::thread thread_;
};

std::unique_ptr<ImageSource> Open(Writer& writer, Bytes max_held = kMostHeld) {
  return OpenPipedImage(writer.TakeEnd(), "standard input", max_held);
}

// An archive with the small entries in front, as it is written, or behind.
std::string TarOf(const FakeImage& image, bool small_first = true) {
  std::vector<TarEntry> entries;
  for (const auto& [name, content] : image.files) {
    entries.push_back({.name = name, .content = content});
  }
  std::ranges::stable_sort(entries, [&](const auto& a, const auto& b) {
    return small_first ? a.content.size() < b.content.size() : a.content.size() > b.content.size();
  });
  return MakeTar(entries);
}

// The same with fragments and patches of deltas behind the root, each larger than what is held, one
// of them for two deltas.
std::string TarWithPatches(FakeParts parts) {
  parts.delta = FakeDelta{
      .base = std::string(64, 'a'), .index = "index", .patches = MakeData(2 * kMostHeld, 5)};
  parts.kernel_delta = FakeDelta{
      .base = std::string(64, 'b'), .index = "another", .patches = MakeData(3 * kMostHeld, 6)};
  parts.initrd_delta = parts.kernel_delta;
  parts.fragments = FakeFragments{.index = "a third", .layer = MakeData(2 * kMostHeld + 1, 7)};
  const auto image = Assemble(parts, {});
  const auto behind = [&](const std::string& content) {
    return content == parts.delta->patches || content == parts.kernel_delta->patches ||
           content == parts.fragments->layer;
  };
  std::vector<TarEntry> entries;
  for (const auto& [name, content] : image.files) {
    entries.push_back({.name = name, .content = content});
  }
  std::ranges::stable_sort(entries, {}, [&](const auto& entry) {
    return std::make_pair(behind(entry.content), entry.content.size());
  });
  return MakeTar(entries);
}

std::string ReadAll(Blob& blob) {
  std::string text(blob.size(), '\0');
  constexpr std::size_t kPiece = 50'000;
  for (std::size_t at = 0; at < text.size(); at += kPiece) {
    const auto piece = AsWritableBytes(text).subspan(at);
    blob.ReadAt(at, piece.first(std::min(kPiece, piece.size())));
  }
  return text;
}

}  // namespace

TEST_CASE("OpenPipedImage: small parts are held, the root comes as a stream", "[images]") {
  const auto parts = MakeParts(kRootSize);
  Writer writer(TarOf(Assemble(parts, {})));
  const auto source = Open(writer);
  CHECK(source->is_remote());
  const auto image = InspectImage(*source);
  {
    const auto root = source->OpenBlob(image.manifest.root.digest);
    root->Announce({{.offset = 0, .length = root->size()}});
    CHECK((ReadAll(*root) == parts.layer));
    std::byte again{};
    CheckError(ErrorKind::kVerification, "a pipe cannot go back; save the image as a file", [&] {
      root->ReadAt(0, MutableByteSpan(&again, 1));
    });
  }
  CHECK(ReadBlob(*source, image.manifest.kernel, 1000) == parts.kernel);
  CHECK(ReadBlob(*source, image.manifest.kernel, 1000) == parts.kernel);
  CheckError(ErrorKind::kVerification, "is missing", [&] {
    static_cast<void>(source->OpenBlob(keys::Digest()));
  });
}

TEST_CASE("CheckBlobs: of a pipe, part by part as they pass", "[images]") {
  auto tar = TarWithPatches(MakeParts(kRootSize));
  const bool is_good = GENERATE(true, false);
  if (!is_good) {
    constexpr std::size_t kEndMark = 1024;
    tar[tar.size() - kEndMark - kMostHeld] ^= 1;
  }
  Writer writer(tar);
  const auto source = Open(writer);
  CHECK(source->is_passing());
  const auto image = InspectImage(*source);
  NoProgress progress;
  if (is_good) {
    CHECK_NOTHROW(CheckBlobs(*source, image, progress));
  } else {
    CheckError(ErrorKind::kVerification, "the patches of a delta (sha256:", [&] {
      CheckBlobs(*source, image, progress);
    });
  }
}

TEST_CASE("OpenPipedImage: what is not announced of the root is passed over", "[images]") {
  const auto parts = MakeParts(kRootSize);
  Writer writer(TarOf(Assemble(parts, {})));
  const auto source = Open(writer);
  const auto image = InspectImage(*source);
  const auto root = source->OpenBlob(image.manifest.root.digest);
  const Bytes place = root->size() / 2;
  root->Announce({{.offset = 10, .length = 5}, {.offset = place, .length = 100}});
  std::string text(100, '\0');
  root->ReadAt(10, std::as_writable_bytes(std::span(text).first(5)));
  CHECK(text.substr(0, 5) == parts.layer.substr(10, 5));
  root->ReadAt(place, AsWritableBytes(text));
  CHECK(text == parts.layer.substr(place, 100));
}

TEST_CASE("OpenPipedImage: what is announced in the order in which it comes is not held",
          "[images]") {
  auto parts = MakeParts(kRootSize);
  parts.kernel = MakeData(2 * kMostHeld, 1);
  parts.initrd = MakeData(3 * kMostHeld, 2);
  Writer writer(TarOf(Assemble(parts, {})));
  const auto source = Open(writer);
  const auto image = InspectImage(*source);
  const auto announced = [&](const Descriptor& descriptor) {
    auto blob = source->OpenBlob(descriptor.digest);
    blob->Announce({{.offset = 0, .length = blob->size()}});
    return blob;
  };
  std::byte first{};
  SECTION("one after the other") {
    CHECK((ReadAll(*announced(image.manifest.kernel)) == parts.kernel));
    CHECK((ReadAll(*announced(image.manifest.initrd)) == parts.initrd));
    CHECK((ReadAll(*announced(image.manifest.root)) == parts.layer));
    CheckError(ErrorKind::kVerification, "have passed, and a pipe cannot go back", [&] {
      static_cast<void>(ReadBlob(*source, image.manifest.kernel, 3 * kMostHeld));
    });
  }
  SECTION("nor what is let pass") {
    const auto kernel = source->OpenBlob(image.manifest.kernel.digest);
    kernel->Announce({});
    CHECK((ReadAll(*announced(image.manifest.initrd)) == parts.initrd));
    CheckError(ErrorKind::kVerification, "have passed, and a pipe cannot go back", [&] {
      kernel->ReadAt(0, {&first, 1});
    });
  }
  SECTION("nor read twice") {
    const auto once = announced(image.manifest.kernel);
    const auto twice = source->OpenBlob(image.manifest.kernel.digest);
    CheckError(ErrorKind::kVerification, "has passed, and a pipe cannot go back", [&] {
      twice->Announce({{.offset = 0, .length = 1}});
    });
    CHECK((ReadAll(*once) == parts.kernel));
  }
  SECTION("though its begin was looked at, twice") {
    auto kernel = source->OpenBlob(image.manifest.kernel.digest);
    std::string head(kMostHeld, '\0');
    kernel->ReadAt(0, AsWritableBytes(head));
    kernel->ReadAt(1, AsWritableBytes(head).subspan(1));
    CHECK((head == parts.kernel.substr(0, kMostHeld)));
    kernel->Announce({{.offset = 10, .length = kernel->size() - 10}});
    std::string rest(kMostHeld, '\0');
    kernel->ReadAt(10, AsWritableBytes(rest));
    CHECK((rest == parts.kernel.substr(10, kMostHeld)));
    kernel.reset();  // Its stream has ended then.
    CHECK((ReadAll(*announced(image.manifest.initrd)) == parts.initrd));
  }
  SECTION("and is read otherwise where memory reaches alone") {
    const auto kernel = source->OpenBlob(image.manifest.kernel.digest);
    CheckError(ErrorKind::kVerification, "have passed", [&] {
      kernel->ReadAt(kernel->size() - 1, {&first, 1});
    });
    CheckError(ErrorKind::kVerification, "does not fit into the memory", [&] {
      static_cast<void>(source->OpenBlob(image.manifest.initrd.digest));
    });
  }
}

TEST_CASE("OpenPipedImage: what is passed on the way is held, and announced from there",
          "[images]") {
  const auto parts = MakeParts(kRootSize);
  Writer writer(TarOf(Assemble(parts, {})));
  const auto source = Open(writer);
  const auto image = InspectImage(*source);
  const auto kernel = source->OpenBlob(image.manifest.kernel.digest);
  CHECK(source->HasBlob(image.manifest.root.digest));
  kernel->Announce({{.offset = 0, .length = kernel->size()}});
  CHECK((ReadAll(*kernel) == parts.kernel));
  CHECK((ReadAll(*kernel) == parts.kernel));
}

TEST_CASE("OpenPipedImage: a small image is held as a whole, in any order", "[images]") {
  const auto parts = MakeParts(kRootSize);
  Writer writer(TarOf(Assemble(parts, {}), GENERATE(true, false)));
  const auto source = Open(writer, kMaxHeldOfPipe);
  const auto image = InspectImage(*source);
  CHECK(ReadBlob(*source, image.manifest.root, kRootSize * 2) == parts.layer);
}

TEST_CASE("OpenPipedImage: what comes too late is refused, and told how to mend it", "[images]") {
  Writer writer(TarOf(Assemble(MakeParts(kRootSize), {}), false));
  CheckError(ErrorKind::kVerification,
             "save the image as a file (ros image build, pull and sign",
             [&] { Open(writer); });
}

TEST_CASE("OpenPipedImage: a pipe that ends early ends the reading", "[images]") {
  auto tar = TarOf(Assemble(MakeParts(kRootSize), {}));
  Writer writer(tar.substr(0, tar.size() / 2));
  const auto source = Open(writer);
  const auto image = InspectImage(*source);
  const auto root = source->OpenBlob(image.manifest.root.digest);
  root->Announce({{.offset = 0, .length = root->size()}});
  CheckError(ErrorKind::kVerification, "standard input: ", [&] { ReadAll(*root); });
}

TEST_CASE("OpenPipedImage: nothing, something else, and what is compressed", "[images]") {
  Writer nothing("");
  CheckError(ErrorKind::kVerification, "it is empty", [&] { Open(nothing); });
  Writer text("hello");
  CheckError(ErrorKind::kVerification, "it is not a tar archive", [&] { Open(text); });
  Writer packed("\x1f\x8b" + std::string(2000, 'x'));
  CheckError(ErrorKind::kVerification, "it is compressed (gzip)", [&] { Open(packed); });
}

TEST_CASE("OpenPipedImage: a signature is added in front, where a pipe wants it", "[images]") {
  TempDirectory directory;
  const auto path = directory.path() / "image.oci";
  const auto key = keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256);
  WriteFileAtomically(path, AsBytes(TarOf(Assemble(MakeParts(kRootSize), {}))));
  SignImage(path, key);
  Writer writer(ReadFile(path, kRootSize * 2));
  const auto source = Open(writer);
  CHECK(FindSignatures(*source, ChooseImage(*source, {}).digest).size() == 1);
}
