#include "init/boot_check.hpp"

#include <catch2/catch.hpp>

namespace ros::init {
namespace {

using health::BootArguments;
using health::BootCheck;

enum class Form { kEntry, kUnified };
enum class State { kGood, kTrial };
enum class Found { kSame, kOtherFits, kOtherFitsNot, kNothing };

const RootIdentity kTold{
    .root_hash = std::string(64, '1'), .salt = "00ff", .blocks = 100, .file_system = "erofs"};
const std::string kOther(64, '2');

BootArguments Arguments(Form form, State state) {
  BootArguments arguments{.slot = SlotId::kB, .loader = form == Form::kUnified ? "uki" : ""};
  SetRoot(arguments, kTold);
  if (state == State::kTrial) {
    arguments.trial = 2;
  }
  return arguments;
}

SlotFinding Finding(Found found) {
  if (found == Found::kNothing) {
    return {.problem = "/dev/sda2: /B/SIGS: damaged"};
  }
  auto root = kTold;
  if (found != Found::kSame) {
    root.root_hash = kOther;
  }
  return {.root = root, .signers = "the key"};
}

struct Row {
  Form form;
  State state;
  Found found;
  RootChoice choice;
  BootCheck check;
  std::string says;
};

const auto kUse = RootChoice::kOfArguments;
const auto kGiveUp = RootChoice::kGiveUp;
const auto kBad = BootCheck::kNotVerified;

const std::vector<Row> kRows = {
    {Form::kEntry, State::kGood, Found::kSame, kUse, BootCheck::kVerified, "signed by the key"},
    {Form::kEntry, State::kTrial, Found::kSame, kUse, BootCheck::kVerified, "signed by the key"},
    {Form::kUnified, State::kGood, Found::kSame, kUse, BootCheck::kVerified, "signed by the key"},
    {Form::kUnified, State::kTrial, Found::kSame, kUse, BootCheck::kVerified, "signed by the key"},

    {Form::kEntry,
     State::kGood,
     Found::kOtherFits,
     RootChoice::kSigned,
     BootCheck::kSignedRootUsed,
     "name the root hash 111111111111... and not the one that was signed, 222222222222...; the "
     "signed one is used"},
    {Form::kEntry, State::kGood, Found::kOtherFitsNot, kUse, kBad, "not what the partition holds"},
    {Form::kEntry, State::kGood, Found::kNothing, kUse, kBad, "/B/SIGS: damaged; going on"},

    {Form::kEntry, State::kTrial, Found::kOtherFits, kGiveUp, kBad, "slot b name the root hash"},
    {Form::kEntry, State::kTrial, Found::kOtherFitsNot, kGiveUp, kBad, "name the root hash"},
    {Form::kEntry, State::kTrial, Found::kNothing, kGiveUp, kBad, "slot b was started from is not"},

    // An older image, signed once, in the slot's folder changes nothing.
    {Form::kUnified, State::kGood, Found::kOtherFits, kUse, kBad, "unified kernel count"},
    {Form::kUnified, State::kGood, Found::kOtherFitsNot, kUse, kBad, "unified kernel count"},
    {Form::kUnified, State::kGood, Found::kNothing, kUse, kBad, "going on with the root of"},
    {Form::kUnified, State::kTrial, Found::kOtherFits, kGiveUp, kBad, "name the root hash"},
    {Form::kUnified, State::kTrial, Found::kOtherFitsNot, kGiveUp, kBad, "name the root hash"},
    {Form::kUnified, State::kTrial, Found::kNothing, kGiveUp, kBad, "is not verified"},
};

}  // namespace

TEST_CASE("DecideRoot: a trial is given up, a good slot goes on", "[init]") {
  for (const auto& row : kRows) {
    const auto finding = Finding(row.found);
    const auto decision =
        DecideRoot(Arguments(row.form, row.state), finding, [&](const RootIdentity& root) {
          CHECK(root == finding.root);
          return row.found != Found::kOtherFitsNot;
        });
    INFO(&row - kRows.data() << ": " << decision.text);
    CHECK(decision.choice == row.choice);
    CHECK(decision.check == row.check);
    CHECK_THAT(decision.text, Catch::Contains(row.says));
  }
}

TEST_CASE("DecideRoot: all that dm-verity and the mount are told must be as signed", "[init]") {
  const auto change = GENERATE(0, 1, 2);
  auto finding = Finding(Found::kSame);
  auto& root = *finding.root;
  root.salt = change == 0 ? "11" : root.salt;
  root.blocks = change == 1 ? 99 : root.blocks;
  root.file_system = change == 2 ? "ext4" : root.file_system;
  const auto decision = DecideRoot(
      Arguments(Form::kEntry, State::kGood), finding, [](const RootIdentity&) { return true; });
  CHECK(decision.choice == RootChoice::kSigned);
  CHECK_THAT(decision.text, Catch::Contains("another salt, length or file system"));
}

TEST_CASE("SetRoot: makes the arguments say what RootOf reads", "[init]") {
  BootArguments arguments;
  SetRoot(arguments, kTold);
  CHECK(RootOf(arguments) == kTold);
}

}  // namespace ros::init
