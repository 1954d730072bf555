#include "installer/etc_changes.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "images/erofs_image.hpp"

namespace ros::installer {
namespace {

keys::Digest Saying(std::string_view content) {
  return keys::Sha256Of(AsBytes(content));
}

using Version = std::optional<std::string_view>;

// One file, "etc/x": in the running image, in the next one, on the machine.
bool IsListed(Version running, Version next, Version machine) {
  const auto etc = [](Version content) {
    return content ? EtcFiles{{"etc/x", Saying(*content)}} : EtcFiles{};
  };
  const auto both = ChangedOnBothSides(etc(running), etc(next), [&](const std::string& path) {
    CHECK(path == "etc/x");
    return machine ? std::optional(Saying(*machine)) : std::nullopt;
  });
  return both == std::vector<std::string>{"etc/x"};
}

void Put(const std::filesystem::path& path, std::string_view content) {
  std::filesystem::create_directories(path.parent_path());
  WriteFileAtomically(path, AsBytes(content));
}

EtcFiles EtcOf(const std::filesystem::path& root, const std::filesystem::path& image) {
  images::MakeErofs(root, image, {1'700'000'000, {}});
  const auto bytes = ReadFile(image, Bytes{16} << 20U);
  return ReadImageEtc({.name = image.string(),
                       .size = bytes.size(),
                       .read = [&](Bytes offset, MutableByteSpan into) {
                         const auto part = AsBytes(bytes).subspan(offset, into.size());
                         std::copy(part.begin(), part.end(), into.begin());
                       }});
}

}  // namespace

TEST_CASE("ChangedOnBothSides: lists what neither side has as the other", "[installer]") {
  struct Case {
    Version running, next, machine;
    bool listed;
  };

  const auto none = std::nullopt;
  const auto row = GENERATE_COPY(values<Case>({
      {"1", "1", "1", false},   // nobody changed it
      {"1", "1", "m", false},   // the machine alone
      {"1", "1", none, false},  // the machine alone, by removing it
      {"1", "2", "1", false},   // the image alone
      {"1", "2", "2", false},   // both, in the same way
      {"1", "2", "m", true},    // both
      {"1", "2", none, true},   // removed here, changed there
      {"1", none, "m", true},   // changed here, removed there
      {"1", none, none, false},
      {none, "2", none, false},
      {none, "2", "2", false},
      {none, "2", "m", true},  // both brought one
  }));
  CHECK(IsListed(row.running, row.next, row.machine) == row.listed);
}

TEST_CASE("ChangedOnBothSides: account files are joined, not listed", "[installer]") {
  const EtcFiles running = {{"etc/passwd", Saying("1")}, {"etc/ssh/passwd", Saying("1")}};
  const EtcFiles next = {{"etc/passwd", Saying("2")}, {"etc/ssh/passwd", Saying("2")}};
  const auto both =
      ChangedOnBothSides(running, next, [](const std::string&) { return Saying("m"); });
  CHECK(both == std::vector<std::string>{"etc/ssh/passwd"});
}

TEST_CASE("ReadImageEtc: files and links of a real erofs, as the machine's own", "[installer]") {
  const TempDirectory directory;
  const auto root = directory.path() / "root";
  const std::string long_content(9000, 'x');
  Put(root / "etc/short", "short\n");
  Put(root / "etc/ssh/long", long_content);
  Put(root / "etc/blocks", std::string(8192, 'b'));
  Put(root / "etc/zeros", std::string(20'000, '\0') + "end");
  Put(root / "etc/empty", "");
  std::filesystem::create_symlink("ssh/long", root / "etc/link");
  Put(root / "usr/lib/etc/other", "not ours");
  const auto files = EtcOf(root, directory.path() / "image");
  CHECK(files.size() == 6);
  for (const auto& [path, digest] : files) {
    INFO(path);
    CHECK(ReadMachineFile(root, path) == digest);
  }

  SECTION("one byte makes another file") {
    Put(root / "etc/zeros", std::string(20'000, '\0') + "enD");
    CHECK(ReadMachineFile(root, "etc/zeros") != files.at("etc/zeros"));
  }
  SECTION("a file that says what a link points to is no link") {
    std::filesystem::remove(root / "etc/link");
    Put(root / "etc/link", "ssh/long");
    CHECK(ReadMachineFile(root, "etc/link") != files.at("etc/link"));
  }
  SECTION("a pipe is not waited on") {
    REQUIRE(::mkfifo((root / "etc/pipe").c_str(), 0600) == 0);
    CHECK(ReadMachineFile(root, "etc/pipe").has_value());
  }
  SECTION("what is not there") {
    CHECK_FALSE(ReadMachineFile(root, "etc/nothing").has_value());
    CHECK_FALSE(ReadMachineFile(root, "etc/short/below").has_value());
  }
}

TEST_CASE("ReadImageEtc: a root without /etc has no files", "[installer]") {
  const TempDirectory directory;
  Put(directory.path() / "root/usr/bin/sh", "sh");
  CHECK(EtcOf(directory.path() / "root", directory.path() / "image").empty());
}

}  // namespace ros::installer
