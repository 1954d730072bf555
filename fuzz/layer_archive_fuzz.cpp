#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "base/file.hpp"
#include "fuzz/target.hpp"
#include "images/layer_archive.hpp"

namespace ros::fuzz {
namespace {

using images::StagedTree;

constexpr std::size_t kRecord = 512;
// Kinds of entries (pax(1), "ustar interchange format"; GNU tar's L, K and S).
constexpr std::string_view kKinds = "0123456xgLKS";

// Of a kind's byte: what is above them chooses the kind.
enum Flags : unsigned { kLies = 1, kNextLayer = 2, kFlagsEnd = 4 };

void PutOctal(std::string& header, std::size_t at, std::size_t digits, std::uint64_t value) {
  for (std::size_t i = at + digits; i-- > at; value >>= 3U) {
    header[i] = static_cast<char>('0' + (value & 7U));
  }
}

struct Entry {
  char kind = '0';
  std::string name;
  std::string link;
  std::uint64_t mode = 0644;
  std::string content;
  std::uint64_t told_size = 0;
};

// With a right checksum, which no input finds by chance.
std::string Record(const Entry& entry) {
  std::string header(kRecord, '\0');
  header.replace(0, std::min<std::size_t>(entry.name.size(), 100), entry.name, 0, 100);
  PutOctal(header, 100, 7, entry.mode);
  PutOctal(header, 108, 7, 0);
  PutOctal(header, 116, 7, 0);
  PutOctal(header, 124, 11, entry.told_size);
  PutOctal(header, 136, 11, 1'700'000'000);
  header.replace(148, 8, 8, ' ');
  header[156] = entry.kind;
  header.replace(157, std::min<std::size_t>(entry.link.size(), 100), entry.link, 0, 100);
  header.replace(257, 8, std::string_view("ustar\00000", 8));
  PutOctal(header, 329, 7, 1);  // Nodes are /dev/null.
  PutOctal(header, 337, 7, 3);
  std::uint64_t sum = 0;
  for (const char c : header) {
    sum += static_cast<unsigned char>(c);
  }
  PutOctal(header, 148, 6, sum);
  header[154] = '\0';
  auto content = entry.content;
  content.resize((content.size() + kRecord - 1) / kRecord * kRecord);
  return header + content;
}

std::string TakeText(Input& input) {
  const auto bytes = input.Take(input.Number(1));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The archives of an input, one a layer.
std::vector<std::string> MakeLayers(ByteSpan bytes) {
  Input input(bytes);
  std::vector<std::string> layers(1);
  while (!input.empty()) {
    const auto head = input.Number(1);
    Entry entry{.kind = kKinds[head / kFlagsEnd % kKinds.size()],
                .name = TakeText(input),
                .link = TakeText(input),
                .mode = input.Number(2) & 07777U,
                .content = TakeText(input)};
    entry.told_size = (head & kLies) != 0 ? input.Number(4) : entry.content.size();
    if ((head & kNextLayer) != 0) {
      layers.emplace_back();
    }
    layers.back() += Record(entry);
  }
  return layers;
}

// A directory with an empty one in it for the tree, and beside that a file that is nobody's
// business.
class Surroundings {
 public:
  Surroundings() : directory_(Parent(), "fuzz-layer") {
    std::filesystem::create_directory(directory_.path() / "root");
    std::filesystem::create_directory(directory_.path() / "beside");
    WriteFileAtomically(File(), AsBytes("untouched"));
    before_ = Look();
  }

  [[nodiscard]] std::filesystem::path Root() const { return directory_.path() / "root"; }

  void ExpectUntouched() const {
    Expect(ListDirectory(directory_.path()) == std::vector<std::string>{"beside", "root"},
           "nothing is made beside the tree");
    Expect(ListDirectory(directory_.path() / "beside") == std::vector<std::string>{"file"},
           "nothing is made or removed outside of the tree");
    Expect(Look() == before_ && ReadFile(File(), kRecord) == "untouched",
           "a file outside of the tree stays as it was, without a second name");
  }

 private:
  using Looks = std::array<std::uint64_t, 5>;

  // A file system in memory, where there is one.
  static std::filesystem::path Parent() {
    return std::filesystem::is_directory("/dev/shm") ? "/dev/shm"
                                                     : std::filesystem::temp_directory_path();
  }

  [[nodiscard]] std::filesystem::path File() const { return directory_.path() / "beside/file"; }

  [[nodiscard]] Looks Look() const {
    struct stat status {};

    Expect(::lstat(File().c_str(), &status) == 0, "a file outside of the tree is there");
    return {status.st_ino,
            status.st_mode,
            status.st_uid,
            status.st_nlink,
            static_cast<std::uint64_t>(status.st_mtim.tv_sec)};
  }

  TempDirectory directory_;
  Looks before_{};
};

UniqueFd MakeFile(const std::string& content) {
  UniqueFd fd(::memfd_create("layer", MFD_CLOEXEC));
  if (!fd.valid()) {
    ThrowErrno("making a file in memory");
  }
  WriteFull(fd.get(), 0, AsBytes(content), "layer.tar");
  return fd;
}

}  // namespace

void Run(ByteSpan bytes) {
  const Surroundings surroundings;
  static_cast<void>(Succeeds([&] {
    StagedTree tree(surroundings.Root());
    for (const auto& layer : MakeLayers(bytes)) {
      const auto fd = MakeFile(layer);
      static_cast<void>(images::ReadFirstEntry({.fd = fd.get(), .name = "layer.tar"}));
      Expect(::lseek(fd.get(), 0, SEEK_SET) == 0, "a file in memory is rewound");
      images::UnpackLayer({.fd = fd.get(), .name = "layer.tar"}, tree, [](Bytes /*read*/) {});
    }
    tree.Finish();
  }));
  surroundings.ExpectUntouched();
}

std::vector<Seed> Seeds() {
  const auto entry = [](char kind,
                        std::string_view name,
                        std::string_view link = "",
                        std::string_view content = "",
                        unsigned flags = 0) {
    const auto text = [](std::string_view of) { return Number(of.size(), 1) + std::string(of); };
    return Number(kKinds.find(kind) * kFlagsEnd + flags, 1) + text(name) + text(link) +
           Number(0755, 2) + text(content) + ((flags & kLies) != 0 ? Number(70'000, 4) : "");
  };
  return {{"tree",
           entry('5', "usr") + entry('0', "usr/file", "", "content") +
               entry('1', "usr/second", "usr/file") + entry('2', "link", "usr/file") +
               entry('3', "null") + entry('6', "pipe")},
          {"upwards", entry('0', "../beside/file", "", "changed")},
          {"through-a-link",
           entry('2', "up", "../beside") + entry('0', "up/file", "", "changed") +
               entry('1', "own", "up/file")},
          {"hard-link-upwards", entry('1', "own", "../beside/file")},
          {"whiteouts",
           entry('0', "etc/old", "", "1") + entry('0', "etc/.wh.old", "", "", kNextLayer) +
               entry('0', "usr/.wh..wh..opq") + entry('0', ".wh..")},
          {"pax",
           entry('x', "pax", "", "20 path=../beside/x\n29 SCHILY.xattr.user.a=hello\n") +
               entry('0', "file", "", "1")},
          {"long-name", entry('L', "@", "", std::string(200, 'n')) + entry('0', "n")},
          {"lies", entry('0', "file", "", "short", kLies)}};
}

}  // namespace ros::fuzz
