#include "bootloader/grub_environment.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"

namespace ros::bootloader {
namespace {

constexpr BootState kTrialOfB{.good = SlotId::kA,
                              .trial = Trial{.slot = SlotId::kB, .tries_left = 2, .started = true}};

std::string DamageOf(const std::string& block) {
  try {
    ParseGrubEnvironment(AsBytes(block));
  } catch (const Error& error) {
    return error.message();
  }
  return "none";
}

// The block of kTrialOfB with one piece of text replaced, as long as before.
std::string Replaced(std::string_view from, std::string_view to) {
  auto block = FormatGrubEnvironment(kTrialOfB);
  block.replace(block.find(from), from.size(), to);
  block.resize(kGrubEnvironmentSize, '#');
  return block;
}

}  // namespace

TEST_CASE("GrubEnvironment: says everything in its first sector", "[bootloader]") {
  const auto block = FormatGrubEnvironment(kTrialOfB);
  REQUIRE(block.size() == kGrubEnvironmentSize);
  CHECK(
      block.starts_with("# GRUB Environment Block\n"
                        "ros_good=a\n"
                        "ros_trial=b\n"
                        "ros_tries=2\n"
                        "ros_started=1\n"
                        "ros_check=a,b,2,1\n#"));
  CHECK(block.find_first_not_of('#', block.find("2,1\n") + 4) == std::string::npos);
  CHECK(block.rfind('\n') < kGrubStateSize);
}

TEST_CASE("GrubEnvironment: reads back every state", "[bootloader]") {
  for (const auto good : {SlotId::kA, SlotId::kB}) {
    BootState state{.good = good};
    CHECK(ParseGrubEnvironment(AsBytes(FormatGrubEnvironment(state))) == state);
    for (int tries = 0; tries <= kMaximumTries; ++tries) {
      for (const bool started : {false, true}) {
        state.trial = Trial{.slot = Other(good), .tries_left = tries, .started = started};
        CHECK(ParseGrubEnvironment(AsBytes(FormatGrubEnvironment(state))) == state);
      }
    }
  }
}

TEST_CASE("ArgumentOfBoot: GRUB's note, and the state where there is none", "[bootloader]") {
  const auto block = [](const BootState& state, const std::string& note) {
    auto text = FormatGrubEnvironment(state);
    text.replace(text.find('#', 1 + text.find("ros_check")), note.size(), note);
    return text;
  };
  const BootState started{.good = SlotId::kA,
                          .trial = Trial{.slot = SlotId::kB, .tries_left = 2, .started = true}};
  auto waiting = started;
  waiting.trial->started = false;

  struct Case {
    std::string block;
    SlotId slot;
    std::string argument;
  };

  const std::vector<Case> cases = {
      {block(started, "ros_booting=b,ros.trial=1\n"), SlotId::kB, "ros.trial=1"},
      {block(started, "ros_booting=a,ros.fell=b\n"), SlotId::kA, "ros.fell=b"},
      {block(started, "ros_booting=b,\n"), SlotId::kB, ""},  // chosen in the menu
      {block(started, "ros_booting=a,\n"), SlotId::kB, "ros.trial=2"},
      {block(started, ""), SlotId::kB, "ros.trial=2"},
      {block(started, ""), SlotId::kA, ""},
      {block(waiting, ""), SlotId::kB, ""},
      {block({.good = SlotId::kB}, ""), SlotId::kB, ""},
      {"no block", SlotId::kB, ""},
      {"", SlotId::kB, ""},
  };
  for (const auto& row : cases) {
    INFO(row.block.substr(0, 200));
    CHECK(ArgumentOfBoot(AsBytes(row.block), row.slot) == row.argument);
  }
}

TEST_CASE("BootNote: what GRUB has written, and nothing else", "[bootloader]") {
  const auto note = [](const std::string& line) {
    return ParseBootNote(AsBytes("# GRUB Environment Block\nros_good=a\n" + line));
  };
  CHECK(note("ros_booting=b,ros.trial=2\n###") == BootNote{SlotId::kB, "ros.trial=2"});
  CHECK(note("ros_booting=a,ros.fell=b\n") == BootNote{SlotId::kA, "ros.fell=b"});
  CHECK(note("ros_booting=a,\n") == BootNote{SlotId::kA, ""});
  for (const auto* line : {"",
                           "ros_booting=",
                           "ros_booting=\n",
                           "ros_booting=c,\n",
                           "ros_booting=a\n",
                           "ros_booting=a,quiet\n",
                           "ros_booting=a,ros.trial=10\n",
                           "ros_booting=a,ros.trial=1 init=/bin/sh\n",
                           "ros_booting=a,ros.trial=\n",
                           "ros_booting=a,ros.fell=c\n",
                           "ros_booting=a,ros.fell=b quiet\n"}) {
    INFO(line);
    CHECK_FALSE(note(line));
  }
}

TEST_CASE("GrubEnvironment: passes over variables of others", "[bootloader]") {
  CHECK(DamageOf(Replaced("ros_good", "next_entry=3\nros_good")) == "none");
  CHECK(DamageOf(Replaced("ros_good", "#ros_good=b\nros_good")) == "none");
}

TEST_CASE("GrubEnvironment: says what is damaged", "[bootloader]") {
  CHECK(DamageOf("") == "it has 0 bytes, not 1024");
  CHECK(DamageOf(std::string(kGrubEnvironmentSize, '\0')) ==
        "it does not start with GRUB's signature");
  CHECK(DamageOf(Replaced("ros_good=a\n", "")) == "ros_good is missing");
  CHECK(DamageOf(Replaced("ros_check", "ros_chuck")) == "ros_check is missing");
  CHECK(DamageOf(Replaced("ros_good=a\n", "ros_good=a\nros_good=b\n")) ==
        "ros_good is there twice");
  CHECK(DamageOf(Replaced("ros_tries=2", "ros_tries=3")) ==
        "ros_check says a,b,2,1 and the values are a,b,3,1");
  CHECK(DamageOf(Replaced("ros_good=a", "ros_good=\x1b")) ==
        "ros_check says a,b,2,1 and the values are ?,b,2,1");
}

TEST_CASE("GrubEnvironment: refuses values that cannot be", "[bootloader]") {
  const auto with = [](std::string_view good, std::string_view trial, std::string_view tries) {
    std::string block = "# GRUB Environment Block\n";
    block.append("ros_good=").append(good).append("\nros_trial=").append(trial);
    block.append("\nros_tries=").append(tries).append("\nros_started=0\nros_check=");
    block.append(good).append(",").append(trial).append(",").append(tries).append(",0\n");
    block.resize(kGrubEnvironmentSize, '#');
    return block;
  };
  CHECK(DamageOf(with("a", "none", "0")) == "none");
  CHECK(DamageOf(with("c", "none", "0")) == "ros_good is 'c', not a slot");
  CHECK(DamageOf(with("a", "a", "1")) == "slot a is both good and on trial");
  CHECK(DamageOf(with("a", "", "1")) == "ros_trial is '', not a slot");
  CHECK(DamageOf(with("a", "b", "10")) == "ros_tries is '10', not a digit up to 9");
  CHECK(DamageOf(with("a", "b", "")) == "ros_tries is '', not a digit up to 9");
}

TEST_CASE("GrubEnvironment: any bytes are either a state or damaged", "[bootloader]") {
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    auto block = FormatGrubEnvironment(kTrialOfB);
    for (int flips = 0; flips < 3; ++flips) {
      block.at(random() % 120) = static_cast<char>(random() % 256);
    }
    CHECK_NOTHROW(DamageOf(block));
  }
}

TEST_CASE("GrubEnvironment: grub-editenv reads and writes it", "[bootloader]") {
  const TempDirectory scratch("ros-env");
  const auto path = scratch.path() / "grubenv";
  WriteFileAtomically(path, AsBytes(FormatGrubEnvironment(kTrialOfB)));
  RunTool({.argv = {"grub-editenv", path.string(), "set", "ros_tries=1", "ros_check=a,b,1,1"}});
  auto expected = kTrialOfB;
  expected.trial->tries_left = 1;
  CHECK(ParseGrubEnvironment(AsBytes(ReadFile(path, kGrubEnvironmentSize))) == expected);
}

}  // namespace ros::bootloader
