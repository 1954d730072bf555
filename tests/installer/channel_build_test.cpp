#include "installer/channel_build.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "installer/channel_text.hpp"
#include "tests/images/support/fake_image.hpp"

namespace ros::installer {
namespace {

constexpr UnixTime kNow = 1'800'000'000;
constexpr std::int64_t kDay = 86400;

keys::Digest Digest(const std::string& text) {
  return keys::Sha256Of(AsBytes(text));
}

ChannelRequest First() {
  return {.name = "stable",
          .serial = 1,
          .created = kNow,
          .not_after = kNow + kDay,
          .releases = {{.version = "1", .digest = Digest("1")},
                       {.version = "2", .digest = Digest("2"), .share = 5}}};
}

ChannelRequest After(const trust::Channel& before) {
  return {.from = before, .created = kNow, .not_after = kNow + kDay};
}

void CheckRefused(const ChannelRequest& request, const char* says) {
  try {
    MakeChannel(request);
    FAIL("made");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kUsage);
    CHECK_THAT(error.message(), Catch::Contains(says));
  }
}

}  // namespace

TEST_CASE("MakeChannel: follows the document before", "[installer]") {
  const auto first = MakeChannel(First());
  CHECK(first.serial == 1);
  CHECK(first.releases.size() == 2);

  auto request = After(first);
  request.releases = {{.version = "2", .digest = Digest("2 again")},
                      {.version = "3", .digest = Digest("3"), .share = 1}};
  request.shares = {{"1", 0}};
  request.halt = ChannelRequest::Halt::kHalt;
  const auto second = MakeChannel(request);
  CHECK(second.name == "stable");
  CHECK(second.serial == 2);
  CHECK(second.halted);
  CHECK(second.releases ==
        std::vector<trust::Release>{{.version = "1", .digest = Digest("1"), .share = 0},
                                    {.version = "2", .digest = Digest("2 again")},
                                    {.version = "3", .digest = Digest("3"), .share = 1}});

  request = After(second);
  request.dropped = {"1"};
  request.serial = 9;
  const auto third = MakeChannel(request);
  CHECK(third.serial == 9);
  // A halt ends by a word, not by being forgotten.
  CHECK(third.halted);
  CHECK(third.releases.size() == 2);
  request = After(third);
  request.halt = ChannelRequest::Halt::kResume;
  CHECK_FALSE(MakeChannel(request).halted);
}

TEST_CASE("MakeChannel: refuses what machines would refuse", "[installer]") {
  auto request = First();
  request.name = "";
  CheckRefused(request, "give --name");
  request.name = "a/b";
  CheckRefused(request, "is no name of a channel");
  request = First();
  request.serial = std::nullopt;
  CheckRefused(request, "--serial 1 for the first one");
  request = First();
  request.not_after = kNow;
  CheckRefused(request, "has expired already");
  request = After(MakeChannel(First()));
  request.name = "beta";
  CheckRefused(request, "is of channel stable and not of beta");
  request.name = "";
  request.serial = 1;
  CheckRefused(request, "--serial 1 is not above that of the document before, 1");
  request.serial = std::nullopt;
  request.shares = {{"9", 10}};
  CheckRefused(request, "version 9 is not in channel stable");
}

TEST_CASE("ReadRelease: version and digest of the image, and a share", "[installer]") {
  const TempDirectory directory;
  const auto path = (directory.path() / "os=1.oci").string();
  const auto image =
      images::fakes::MakeImage(keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256));
  image.WriteArchive(path);
  CHECK(ReadRelease(path).digest == image.digest);
  CHECK(ReadRelease(path).share == 100);
  CHECK(ReadRelease(path + "=10").share == 10);
  CHECK_THROWS_WITH(ReadRelease(path + "=101"), Catch::Contains("is no share"));
  CHECK_THROWS_WITH(ReadRelease(path + "="), Catch::Contains("is no share"));
  CHECK_THROWS_WITH(ReadRelease("nothing.oci"), Catch::Contains("there is no such file"));
  CHECK(ParseShare("1.2.0=0") == std::pair<std::string, std::uint32_t>("1.2.0", 0));
  CHECK_THROWS_WITH(ParseShare("1.2.0"), Catch::Contains("VERSION=PERCENT"));
}

TEST_CASE("EndAfter, EndOn: when a document ends", "[installer]") {
  CHECK(EndAfter("30d", kNow) == kNow + 30 * kDay);
  CHECK(EndAfter("12h", kNow) == kNow + kDay / 2);
  CHECK_THROWS_WITH(EndAfter("30", kNow), Catch::Contains("write 30d for days"));
  CHECK_THROWS_WITH(EndAfter("99999d", kNow), Catch::Contains("at most 3660d"));
  CHECK_THROWS_WITH(EndAfter("d", kNow), Catch::Contains("no"));
  CHECK(FormatTime(EndOn("2027-01-31")) == "2027-01-31T23:59:59Z");
  CHECK(FormatTime(EndOn("2027-01-31T12:00:00Z")) == "2027-01-31T12:00:00Z");
  CHECK_THROWS_WITH(EndOn("31.1.2027"), Catch::Contains("is no date"));
}

TEST_CASE("DescribeChannel: says what is released and who has signed", "[installer]") {
  auto request = First();
  request.releases[1].share = 0;
  request.halt = ChannelRequest::Halt::kHalt;
  ChannelView view{.channel = MakeChannel(request),
                   .manifest = Digest("manifest"),
                   .signature_keys = {"0123456789abcdef"}};
  const auto text = DescribeChannel(view);
  CHECK_THAT(text, Catch::Contains("channel stable, serial 1\n"));
  CHECK_THAT(text, Catch::Contains("HALTED"));
  CHECK_THAT(text, Catch::Contains("  1, 100 %: sha256:"));
  CHECK_THAT(text, Catch::Contains("  2, withdrawn: sha256:"));
  CHECK_THAT(text, Catch::Contains("not verified; 1 signature by the key 0123456789abcdef"));
  CHECK_FALSE(ChannelToJson(view).At("verified", "").AsBool(""));
}

}  // namespace ros::installer
