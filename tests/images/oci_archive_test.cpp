#include "images/oci_archive.hpp"

#include <fcntl.h>

#include "base/file.hpp"
#include "base/process.hpp"
#include "images/image_source.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

ArchiveListing List(const std::filesystem::path& path) {
  return ListArchive(LocalFile(OpenFile(path, O_RDONLY), path.string()));
}

// Each file's bytes must be where the listing says.
void CheckPlaces(const std::filesystem::path& path,
                 const std::map<std::string, std::string>& expected) {
  const auto raw = ReadFile(path, Bytes{1} << 30U);
  std::size_t found = 0;
  for (const auto& entry : List(path).files) {
    INFO(entry.name);
    REQUIRE(expected.contains(entry.name));
    CHECK((raw.substr(entry.data_offset, entry.size) == expected.at(entry.name)));
    ++found;
  }
  CHECK(found == expected.size());
}

void CheckRefused(const std::string& tar, std::string_view message) {
  TempDirectory directory;
  const auto path = directory.path() / "image.oci";
  WriteFileAtomically(path, AsBytes(tar));
  CheckError(ErrorKind::kVerification, path.string() + ": ", [&] { List(path); });
  CheckError(ErrorKind::kVerification, message, [&] { List(path); });
}

}  // namespace

TEST_CASE("ListArchive: finds each file's place in archives of every format", "[images]") {
  const std::string format = GENERATE("v7", "ustar", "gnu", "posix", "oldgnu");
  TempDirectory directory;
  const auto tree = directory.path() / "tree";
  const std::string deep =
      format == "v7" ? "short" : std::string(80, 'd') + "/" + std::string(90, 'f');
  const std::map<std::string, std::string> files = {{"a", MakeData(100000, 1)},
                                                    {"b/empty", ""},
                                                    {"c/" + deep, MakeData(513, 2)},
                                                    {"d", MakeData(512, 3)}};
  for (const auto& [name, content] : files) {
    std::filesystem::create_directories((tree / name).parent_path());
    WriteFileAtomically(tree / name, AsBytes(content));
  }
  const auto path = directory.path() / "x.tar";
  RunTool({.argv = {"tar", "-C", tree, "-cf", path, "--format=" + format, "."}});
  CheckPlaces(path, files);
}

TEST_CASE("ListArchive: refuses compressed files and says how they are compressed", "[images]") {
  const std::string tool = GENERATE("gzip", "zstd", "xz", "bzip2");
  const auto tar = MakeTar({{.name = "a", .content = "x"}});
  CheckRefused(RunTool({.argv = {tool, "-c"}, .input = tar}), "it is compressed (" + tool + ")");
}

TEST_CASE("ListArchive: refuses entries that an OCI layout never has", "[images]") {
  struct Case {
    TarEntry entry;
    const char* message;
  };

  const auto case_ = GENERATE(values<Case>({
      {{.name = "../evil", .content = "x"}, "entry \"../evil\": the name leads outside"},
      {{.name = "a/../../evil", .content = "x"}, "the name leads outside"},
      {{.name = "a/..", .type = '5'}, "the name leads outside"},
      {{.name = "/etc/passwd", .content = "x"}, "the name is absolute"},
      {{.name = "a/l", .type = '2', .link = "/etc/passwd"}, "entry \"a/l\": it is a link"},
      {{.name = "h", .type = '1', .link = "first"}, "entry \"h\": it is a link"},
      {{.name = "c", .type = '3'}, "neither a file nor a directory"},
      {{.name = "b", .type = '4'}, "neither a file nor a directory"},
      {{.name = "p", .type = '6'}, "neither a file nor a directory"},
      {{.name = "first", .content = "x"}, "entry \"first\" is there twice"},
      {{.name = "./first", .content = "x"}, "entry \"first\" is there twice"},
      {{.name = ".//first/", .type = '5'}, "entry \"first\" is there twice"},
  }));
  CheckRefused(MakeTar({{.name = "first", .content = "1"}, case_.entry, {.name = "last"}}),
               case_.message);
}

TEST_CASE("ListArchive: refuses sparse entries of both kinds", "[images]") {
  const std::string version = GENERATE("0.1", "1.0");
  TempDirectory directory;
  const auto file = directory.path() / "sparse";
  {
    const auto fd = OpenFile(file, O_WRONLY | O_CREAT);
    WriteFull(fd.get(), Bytes{1} << 20U, AsBytes("end"), "sparse");
    WriteFull(fd.get(), Bytes{3} << 20U, AsBytes("end"), "sparse");
  }
  const auto path = directory.path() / "x.tar";
  RunTool({.argv = {"tar",
                    "-C",
                    directory.path(),
                    "-cSf",
                    path,
                    "--format=posix",
                    "--sparse-version=" + version,
                    "sparse"}});
  CheckError(ErrorKind::kVerification, "it is stored sparse", [&] { List(path); });
}

TEST_CASE("ListArchive: refuses a file that is no tar", "[images]") {
  CheckRefused("", "it is empty");
  CheckRefused("hello", "it is not a tar archive");
  CheckRefused(std::string(2000, 'x'), "it is not a tar archive");
  CheckRefused(std::string(20000, '\0'), "it is");
  auto tar = MakeTar({{.name = "a", .content = "x"}});
  tar[124] = 'z';
  CheckRefused(tar, "it is not a tar archive");
  const auto second = MakeTar({{.name = "a", .content = "x"}, {.name = "b", .content = "y"}});
  CheckRefused(second.substr(0, 1024) + std::string(512, 'x') + second.substr(1536),
               "after 1 entries it is not a sound tar archive");
}

TEST_CASE("ListArchive: refuses sizes beyond the file, also those that overflow", "[images]") {
  const std::string size = GENERATE("77777777777", "00000003001");
  auto tar = MakeTar({{.name = "a", .content = "x"}});
  tar.replace(124, 11, size);
  // The header's check sum, anew.
  tar.replace(148, 8, "        ");
  unsigned sum = 0;
  for (const char c : std::string_view(tar).substr(0, 512)) {
    sum += static_cast<unsigned char>(c);
  }
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%06o", sum);
  tar.replace(148, 8, std::string(text.data(), 7) + ' ');
  CheckRefused(tar, "is longer than the file; it was cut short");
}

TEST_CASE("ListArchive: has a limit on entries", "[images]") {
  std::vector<TarEntry> entries;
  for (std::size_t i = 0; i <= kMaxArchiveEntries; ++i) {
    entries.push_back({.name = "e" + std::to_string(i)});
  }
  CheckRefused(MakeTar(entries), "more than 4096 entries");
}

TEST_CASE("ListArchive: has a limit on the bytes of headers", "[images]") {
  // Each entry has a long header of its own, which libarchive keeps in memory.
  const std::string record = "900000 comment=";
  const auto pax = record + std::string(900000 - record.size() - 1, 'x') + "\n";
  std::vector<TarEntry> entries;
  for (int i = 0; i < 40; ++i) {
    entries.push_back({.name = "pax" + std::to_string(i), .content = pax, .type = 'x'});
    entries.push_back({.name = "e" + std::to_string(i), .content = ""});
  }
  CheckRefused(MakeTar(entries), "its headers are longer than 32 MiB");
}

TEST_CASE("OpenImage: an archive cut short anywhere is refused", "[images]") {
  const auto tar = Assemble(MakeParts(8192), {}).Tar();
  TempDirectory directory;
  const auto path = directory.path() / "image.oci";
  for (std::size_t length = 0; length + 1024 < tar.size(); length += 256) {
    INFO(length);
    WriteFull(
        OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC).get(), 0, AsBytes(tar).first(length), "image");
    const auto error = ErrorOf(
        [&] { ReadBlob(*OpenImage(path), ChooseImage(*OpenImage(path), {}), kMaxManifestSize); });
    CHECK(error.kind() == ErrorKind::kVerification);
    CHECK_THAT(error.message(), Catch::StartsWith(path.string() + ": "));
  }
}
