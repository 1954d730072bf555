#include "installer/channel_memory.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::installer {
namespace {

trust::AcceptedChannel Accepted(std::uint64_t serial) {
  return {.serial = serial, .digest = keys::Sha256Of(AsBytes(std::to_string(serial)))};
}

}  // namespace

TEST_CASE("RememberChannel: keeps the highest serial of each channel", "[installer]") {
  const TempDirectory state;
  CHECK(ReadChannelMemory(state.path()).empty());
  RememberChannel(state.path(), "stable", Accepted(7));
  RememberChannel(state.path(), "beta", Accepted(3));
  RememberChannel(state.path(), "stable", Accepted(6));
  CHECK(ReadChannelMemory(state.path()) ==
        ChannelMemory{{"beta", Accepted(3)}, {"stable", Accepted(7)}});
  RememberChannel(state.path(), "stable", Accepted(8));
  CHECK(ReadChannelMemory(state.path()).at("stable") == Accepted(8));
}

TEST_CASE("ReadChannelMemory: a damaged file is no empty one", "[installer]") {
  const TempDirectory state;
  const auto file = state.path() / kChannelMemoryFile;
  const auto good = FormatChannelMemory({{"stable", Accepted(7)}});
  const std::string damaged[] = {"",
                                 std::string(good.size(), '\0'),
                                 good.substr(0, good.size() / 2),
                                 "[]",
                                 "{\"stable\": {\"serial\": 7}}",
                                 "{\"stable\": {\"serial\": -7, \"digest\": \"\"}}",
                                 "{\"../x\": {\"serial\": 7, \"digest\": \"\"}}"};
  for (const auto& text : damaged) {
    INFO(text);
    WriteFileAtomically(file, AsBytes(text));
    try {
      ReadChannelMemory(state.path());
      FAIL("read");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kVerification);
      CHECK_THAT(error.message(),
                 Catch::Contains("channels.json") && Catch::Contains("remove the file"));
    }
    CHECK_THROWS_AS(RememberChannel(state.path(), "stable", Accepted(8)), Error);
    CHECK(ReadFile(file, 4096) == text);
  }
  // Nor is one that cannot be opened.
  std::filesystem::remove(file);
  std::filesystem::create_symlink("nowhere", file);
  CHECK_THROWS_AS(ReadChannelMemory(state.path()), Error);
}

TEST_CASE("RememberChannel: what a power cut leaves of the write is no memory", "[installer]") {
  const TempDirectory state;
  RememberChannel(state.path(), "stable", Accepted(7));
  const auto next = FormatChannelMemory({{"stable", Accepted(8)}});
  // The file beside it that was to take its place, as far as it was written.
  for (std::size_t length = 0; length <= next.size(); ++length) {
    WriteFileAtomically(state.path() / "channels.json.abcdef", AsBytes(next.substr(0, length)));
    REQUIRE(ReadChannelMemory(state.path()) == ChannelMemory{{"stable", Accepted(7)}});
  }
  RememberChannel(state.path(), "stable", Accepted(8));
  CHECK(ReadChannelMemory(state.path()) == ChannelMemory{{"stable", Accepted(8)}});
}

}  // namespace ros::installer
