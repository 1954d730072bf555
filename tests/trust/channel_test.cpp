#include "trust/channel.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

namespace ros::trust {
namespace {

keys::Digest Digest(char digit) {
  return keys::Digest::ParseHex(std::string(64, digit));
}

Channel Stable() {
  return {.name = "stable",
          .serial = 7,
          .created = ParseTime("2026-03-01T12:00:00Z"),
          .not_after = ParseTime("2026-04-01T12:00:00Z"),
          .releases = {{.version = "1.2.0", .digest = Digest('1')},
                       {.version = "1.3.0",
                        .digest = Digest('2'),
                        .share = 10,
                        .image = "registry.example/os:1.3.0"}}};
}

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("WriteChannel: is read back as it was, and always the same", "[trust]") {
  auto channel = Stable();
  CHECK(ParseChannel(WriteChannel(channel)) == channel);
  CHECK(WriteChannel(channel) == WriteChannel(Stable()));
  channel.halted = true;
  channel.releases.clear();
  CHECK(ParseChannel(WriteChannel(channel)) == channel);
  channel.name = "../stable";
  CHECK_THROWS_WITH(WriteChannel(channel), Catch::Contains("is no name of a channel"));
}

TEST_CASE("ParseChannel: refuses what it does not understand, saying where", "[trust]") {
  struct Case {
    const char* from;
    const char* to;
    const char* says;
  };

  const Case cases[] = {
      {"\"serial\":7", "\"serial\":7,\"serial\":8", "the key \"serial\" is there twice"},
      {"\"serial\":7", "\"serial\":7,\"moon\":1", "\"moon\" is not known"},
      {"\"share\":10,", "\"share\":10,\"moon\":1,", "releases[1]: \"moon\" is not known"},
      {"\"share\":10,", "\"share\":101,", "releases[1].share: 101 is more than 100"},
      {"\"share\":10,", "", "share"},
      {"\"serial\":7", "\"serial\":-7", "serial"},
      {"\"serial\":7", "\"serial\":9007199254740992", "is more than 9007199254740991"},
      {"\"version\":1", "\"version\":2", "this ros knows version 1"},
      {"\"version\":1,", "", "version"},
      {"\"stable\"", "\".hidden\"", "is no name of a channel"},
      {"\"stable\"", "\"a/b\"", "is no name of a channel"},
      {"\"1.3.0\"", "\"1.2.0\"", "a second release of version 1.2.0"},
      {"sha256:2222", "sha512:2222", "releases[1].digest"},
      {"2026-04-01T12:00:00Z", "tomorrow", "not-after"},
      {"registry.example/os:1.3.0", "a b", "is no reference"},
      {"\"releases\":[", "\"releases\":[[],", "releases[0]"},
      {"\"created\":", "\"halted\":\"no\",\"created\":", "halted"},
      {"\"created\":\"2026-03-01T12:00:00Z\",", "", "created"},
  };
  const auto text = WriteChannel(Stable());
  for (const auto& test : cases) {
    INFO(test.to);
    try {
      ParseChannel(Replace(text, test.from, test.to));
      FAIL("taken");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kVerification);
      CHECK_THAT(error.message(), Catch::Contains(test.says));
    }
  }
  const std::string twos(64, '2');
  CHECK_THROWS_WITH(ParseChannel(Replace(text, twos, std::string(64, '1'))),
                    Catch::Contains("version 1.3.0 is the same image as 1.2.0"));
  CHECK_THROWS_WITH(ParseChannel(std::string(kMaxChannelSize + 1, ' ')),
                    Catch::Contains("longer than 64 KiB"));
}

TEST_CASE("ParseChannel: takes 256 releases and no more", "[trust]") {
  auto channel = Stable();
  channel.releases.clear();
  for (std::size_t i = 0; i < kMaxReleases; ++i) {
    const auto number = std::to_string(i);
    channel.releases.push_back({.version = number, .digest = keys::Sha256Of(AsBytes(number))});
  }
  CHECK(ParseChannel(WriteChannel(channel)) == channel);
  channel.releases.push_back({.version = "more", .digest = Digest('3')});
  CHECK_THROWS_WITH(WriteChannel(channel), Catch::Contains("more than 256"));
}

TEST_CASE("IsInWave: so many of the machines, and none leaves when the share grows", "[trust]") {
  constexpr int kMachines = 2000;
  int in = 0;
  int other_version = 0;
  for (int i = 0; i < kMachines; ++i) {
    const auto machine = "machine-" + std::to_string(i);
    CHECK_FALSE(IsInWave(machine, "1.3.0", 0));
    CHECK(IsInWave(machine, "1.3.0", 100));
    const bool early = IsInWave(machine, "1.3.0", 10);
    in += early ? 1 : 0;
    other_version += early && IsInWave(machine, "1.4.0", 10) ? 1 : 0;
    CHECK((!early || IsInWave(machine, "1.3.0", 11)));
  }
  CHECK(in > kMachines * 7 / 100);
  CHECK(in < kMachines * 13 / 100);
  // The same machines are not always the first.
  CHECK(other_version < in / 2);
}

}  // namespace ros::trust
