#include "installer/reset.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "health/journal.hpp"

namespace ros::installer {
namespace {

using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.
using bootloader::BootState;
using bootloader::Trial;
using health::ResetScope;

std::string Refusal(const ResetFacts& facts) {
  try {
    PlanReset(facts, {});
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kRefused);
    return error.message();
  }
  return {};
}

bool Has(const std::vector<std::string>& list, const std::string& what) {
  return std::find(list.begin(), list.end(), what) != list.end();
}

}  // namespace

TEST_CASE("PlanReset: says what goes and what stays", "[installer]") {
  const ResetFacts facts{.running = SlotId::kB, .state = {SlotId::kB, {}}, .used = 3_GiB};
  const auto plan = PlanReset(facts, {});
  CHECK(plan.scope == ResetScope::kContent);
  CHECK(plan.reboot);
  CHECK(Has(plan.removes, "/var"));
  CHECK(Has(plan.keeps, "keys"));
  const auto text = DescribeReset(plan);
  CHECK_THAT(text, Catch::Contains("which holds 3 GiB"));
  CHECK_THAT(text, Catch::Contains("for the next boot of slot b"));
  CHECK_THAT(ResetToJson(plan).Dump(), Catch::Contains("\"scope\":\"content\""));
  const auto all = PlanReset(
      facts, {.scope = ResetScope::kContentAndTrust, .reboot = ResetRequest::Reboot::kLater});
  CHECK(Has(all.removes, "keys"));
  CHECK(Has(all.keeps, "the journal"));
  CHECK_FALSE(all.reboot);
}

TEST_CASE("PlanReset: a request that waits is not made less", "[installer]") {
  ResetFacts facts{.pending = ResetScope::kContentAndTrust};
  CHECK(PlanReset(facts, {}).scope == ResetScope::kContentAndTrust);
}

TEST_CASE("PlanReset: refuses while it is open which slot is the good one", "[installer]") {
  CHECK_THAT(Refusal({.running = SlotId::kB,
                      .on_trial = true,
                      .state = {SlotId::kA, Trial{SlotId::kB, 2, true}}}),
             Catch::Contains("slot b is on trial"));
  CHECK_THAT(Refusal({.running = SlotId::kA, .state = {SlotId::kA, Trial{SlotId::kB, 3, false}}}),
             Catch::Contains("slot b waits for its trial"));
  CHECK_THAT(Refusal({.running = SlotId::kA, .state = {SlotId::kB, {}}}),
             Catch::Contains("slot a runs and slot b is the good one"));
}

TEST_CASE("ApplyReset: leaves a request and a line in the journal", "[installer]") {
  const TempDirectory state("ros-reset");
  const SystemClock clock;
  ApplyReset(PlanReset({}, {.scope = ResetScope::kContentAndTrust}), state.path(), clock);
  CHECK(health::ReadResetRequest(state.path()) == ResetScope::kContentAndTrust);
  const auto entries = health::Journal(state.path(), clock).Read();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].reason == "factory reset asked for, with --forget-trust");
}

}  // namespace ros::installer
