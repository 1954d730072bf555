#include "images/layer_archive.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "tests/images/support/small_root.hpp"
#include "tests/images/support/tar_text.hpp"

namespace ros::images {
namespace {

using testing::DescribeTree;
using testing::MakeTar;
using testing::TarEntry;

// Unpacks layers one after the other into a directory.
class Unpacked {
 public:
  explicit Unpacked(const std::vector<std::string>& layers) {
    std::filesystem::create_directory(directory());
    StagedTree tree(directory());
    for (const auto& layer : layers) {
      Add(tree, layer);
    }
    tree.Finish();
  }

  [[nodiscard]] std::filesystem::path directory() const { return outer_.path() / "root"; }

 private:
  void Add(StagedTree& tree, const std::string& layer) {
    const auto file = outer_.path() / "layer";
    WriteFileAtomically(file, AsBytes(layer));
    const UniqueFd fd = OpenFile(file, O_RDONLY);
    UnpackLayer({fd.get(), "layer 1", Whiteouts::kApply}, tree, [](Bytes) {});
  }

  TempDirectory outer_;
};

std::string MessageFor(const std::string& layer) {
  try {
    const Unpacked unpacked({layer});
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kVerification);
    return error.message();
  }
  FAIL("nothing was thrown");
  return "";
}

std::string Pack(const std::string& tool, const std::string& data) {
  return RunTool({.argv = {tool, "-c"}, .input = data, .output_limit = 1U << 24U});
}

TEST_CASE("UnpackLayer: reads every kind of entry", "[images]") {
  const Unpacked unpacked({MakeTar({
      {"./", '5', "", "", 0755},
      {"./dir/", '5', "", "", 01777, 3, 4},
      {"dir/file", '0', "content", "", 04755, 1000, 1001},
      {"dir/link", '2', "", "file", 0777},
      {"dir/hard", '1', "", "dir/file"},
      {"null", '3', "", "", 0666, 0, 0, 1, 1, 3},
      {"disk", '4', "", "", 0660, 0, 6, 1, 8, 1},
      {"fifo", '6', "", "", 0600},
  })});
  CHECK(DescribeTree(unpacked.directory()) ==
        "dir 41777 3:4\ndir/file 104755 1000:1001 'content'\ndir/hard 104755 1000:1001 'content'\n"
        "dir/link 120777 0:0 -> file\ndisk 60660 0:6 8:1\nfifo 10600 0:0\nnull 20666 0:0 1:3\n");
}

TEST_CASE("UnpackLayer: pax headers bring names, times and attributes", "[images]") {
  const std::string capability(
      "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x00\x00\x00\x00",
      20);
  const std::string long_name = "d/" + std::string(200, 'n') + "\xC3\xA4";
  const Unpacked unpacked({MakeTar({
      {"d/short",
       '0',
       "x",
       "",
       0755,
       0,
       0,
       1,
       0,
       0,
       {{"path", long_name},
        {"mtime", "1500000000.123456789"},
        {"SCHILY.xattr.security.capability", capability},
        {"SCHILY.xattr.trusted.overlay.opaque", "y"}}},
      {"latin-\xE4", '0', "raw bytes"},
  })});
  const auto path = unpacked.directory() / long_name;

  struct stat status {};

  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK(status.st_mtim.tv_sec == 1'500'000'000);
  CHECK(status.st_mtim.tv_nsec == 123'456'789);
  std::string value(64, '\0');
  const auto size = ::lgetxattr(path.c_str(), "security.capability", value.data(), value.size());
  REQUIRE(size == 20);
  CHECK(value.substr(0, 20) == capability);
  CHECK(::lgetxattr(path.c_str(), "trusted.overlay.opaque", value.data(), value.size()) < 0);
  CHECK(std::filesystem::exists(unpacked.directory() / "latin-\xE4"));
}

TEST_CASE("UnpackLayer: applies whiteouts between layers", "[images]") {
  const Unpacked unpacked({
      MakeTar({{"a/one", '0', "1"}, {"a/two", '0', "1"}, {"b/three", '0', "1"}}),
      MakeTar({{"a/.wh.one"}, {"b/.wh..wh..opq"}, {"b/four", '0', "2"}, {".wh..wh.plnk"}}),
  });
  CHECK(DescribeTree(unpacked.directory()) ==
        "a 40755 0:0\na/two 100644 0:0 '1'\nb 40755 0:0\nb/four 100644 0:0 '2'\n");
}

TEST_CASE("UnpackLayer: takes gzip, zstd and plain", "[images]") {
  const std::string tar = MakeTar({{"file", '0', std::string(100'000, 'x')}});
  for (const std::string& layer : {tar, Pack("gzip", tar), Pack("zstd", tar)}) {
    const Unpacked unpacked({layer});
    CHECK(std::filesystem::file_size(unpacked.directory() / "file") == 100'000);
  }
  CHECK_NOTHROW(Unpacked({std::string(1024, '\0')}));
}

TEST_CASE("UnpackLayer: refuses what reaches outside, naming archive and entry", "[images]") {
  CHECK(MessageFor(MakeTar({{"../evil"}})) ==
        "layer 1: ../evil: ../evil: the path holds .., which points outside of the container");
  CHECK(MessageFor(MakeTar({{"/etc/passwd"}})).find("absolute") != std::string::npos);
  CHECK(MessageFor(MakeTar({{"a", '1', "", "../../etc/passwd"}})).find("hard link") !=
        std::string::npos);
  CHECK(MessageFor(MakeTar({{"a", '1', "", "/etc/passwd"}})).find("hard link") !=
        std::string::npos);
}

TEST_CASE("UnpackLayer: refuses what is damaged or another format", "[images]") {
  const std::string tar = MakeTar({{"file", '0', std::string(100'000, 'x')}});
  CHECK(MessageFor(tar.substr(0, 50'000)).find("layer 1: file") == 0);
  CHECK(MessageFor(testing::Noise(10'000, 1)).find("layer 1: ") == 0);
  CHECK(MessageFor(Pack("bzip2", tar)).find("layer 1: ") == 0);
  const std::string packed = Pack("gzip", MakeTar({{"file", '0', testing::Noise(100'000, 2)}}));
  CHECK(MessageFor(packed.substr(0, packed.size() / 2)).find("layer 1: ") == 0);
  std::string damaged = tar;
  damaged[0] = 'F';  // the header's checksum does not fit any more
  CHECK(MessageFor(damaged).find("layer 1: ") == 0);
}

}  // namespace
}  // namespace ros::images
