// Keys that change: each image brings the trust policy that the next one must meet.
#include <catch2/catch.hpp>

#include "qemu-harness/host.hpp"
#include "qemu-harness/scenarios/story.hpp"

using namespace ros::qemu;  // NOLINT(google-build-using-namespace)

namespace {

constexpr int kVerificationFailed = 4;

// `os/make-images` says who has signed each, and which policy it brings.
const std::vector<std::string> kImages = {"tiny-v3",
                                          "tiny-rotation-2",
                                          "tiny-rotation-3",
                                          "tiny-rotation-3-by-release",
                                          "tiny-rotation-4",
                                          "tiny-rotation-4-by-revoked",
                                          "tiny-rotation-old"};

void CheckRefused(Machine& machine, std::string_view image, const std::string& why) {
  INFO(image);
  const auto answer = machine.Run("ros upgrade --no-reboot -i " + InGuest(image) + " 2>&1");
  CHECK(answer.exit_code == kVerificationFailed);
  CHECK_THAT(answer.output, Catch::Contains(why));
}

// The names of the keys that the machine judges by.
std::vector<std::string> TrustedKeys(Machine& machine) {
  const ros::Json trust = Ask(machine, "ros keys list");
  std::vector<std::string> names;
  for (const auto& key : trust.At("keys", "trust").AsArray("keys")) {
    names.push_back(key.At("name", "key").AsString("name"));
  }
  return names;
}

void UpgradeAndCommit(Story& story, std::string_view image, const RunningOs& becomes) {
  story.Upgrade(image);
  story.machine().RestartBy("reboot -f");
  story.machine().WaitForShell();
  CHECK(WhoRuns(story.machine()) == becomes);
  story.WaitForServices();
}

void RollBack(Story& story, const RunningOs& becomes) {
  story.machine().MustRun("ros rollback --no-reboot");
  story.machine().RestartBy("reboot -f");
  story.machine().WaitForShell();
  CHECK(WhoRuns(story.machine()) == becomes);
  story.WaitForServices();
}

}  // namespace

TEST_CASE("keys-rotate-and-are-revoked", "[qemu]") {
  Story story("rotation", kImages, NewDisk("tiny-rotation-1"));
  Machine& machine = story.Boot();
  story.WaitForServices();

  INFO("version 1 trusts `release` alone");
  CHECK(TrustedKeys(machine) == std::vector<std::string>{"release"});
  CheckRefused(machine, "tiny-rotation-3", "is not signed by a trusted key");
  CheckRefused(machine, "tiny-v3", "it brings none");

  INFO(
      "version 2, signed by it, brings the key `next`; what `release` signs is refused from then "
      "on");
  UpgradeAndCommit(story, "tiny-rotation-2", {"b", "2", true});
  CHECK(TrustedKeys(machine) == std::vector<std::string>{"next"});
  CheckRefused(machine, "tiny-rotation-3-by-release", "is not signed by a trusted key");
  CheckRefused(machine, "tiny-rotation-old", "older epochs are refused for good");

  INFO("back to version 1, and its policy is in force again; then forward");
  RollBack(story, {"a", "1"});
  CHECK(TrustedKeys(machine) == std::vector<std::string>{"release"});
  RollBack(story, {"b", "2"});

  INFO("version 3, signed by `next`, asks for two of three keys; one of them is lost and revoked");
  UpgradeAndCommit(story, "tiny-rotation-3", {"a", "3", true});
  machine.MustRun("ros keys revoke third");
  CheckRefused(machine, "tiny-rotation-4-by-revoked", "2 of release");
  UpgradeAndCommit(story, "tiny-rotation-4", {"b", "4", true});
  CHECK_THAT(machine.MustRun("ros keys list"), Catch::Contains("no, it is revoked"));
}
