#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/slot.hpp"
#include "installer/command.hpp"
#include "installer/machine.hpp"
#include "installer/trusted_keys.hpp"
#include "keys/trust_store.hpp"

namespace ros::installer {
namespace {

struct TrustOptions {
  std::string name;
  std::string policy;
  bool force = false;
};

TrustRules RulesFor(const TrustOptions& options) {
  const SystemClock clock;
  return options.policy.empty() ? FindTrustRules(OpenRunningMachine(), clock)
                                : RulesOfFile(options.policy, clock.Now());
}

void List(const TrustOptions& options, const Console& console) {
  const auto rules = RulesFor(options);
  if (console.json()) {
    console.PrintJson(TrustToJson(rules));
  } else {
    console.Print(DescribeTrust(rules));
  }
}

keys::PublicKey ReadKey(const std::string& file) {
  return keys::PublicKey::FromPem(ReadFile(file, keys::kMaxKeyFileSize),
                                  std::filesystem::path(file).filename().string());
}

void Trust(const TrustOptions& options, const Console& console) {
  const SystemClock clock;
  const auto machine = OpenRunningMachine();
  const auto lock = LockMachine();
  const auto plan =
      PlanTrustKey(machine.state, FindTrustRules(machine, clock), ReadKey(options.name));
  if (plan.already_there) {
    console.Say("the key " + plan.fingerprint + " is trusted already; nothing to do");
    return;
  }
  const auto question = "Images signed by the key " + plan.fingerprint +
                        " will be taken by this machine from now on.";
  if (!options.force && !console.Confirm(question)) {
    throw Error(ErrorKind::kRefused,
                "nothing was changed; to trust the key " + plan.fingerprint +
                    " without being asked use --force");
  }
  ApplyTrustKey(plan, machine.state, clock);
  console.Say("the key " + plan.fingerprint + " is trusted: " + plan.file.string());
}

void Revoke(const TrustOptions& options, const Console& console) {
  const SystemClock clock;
  const auto machine = OpenRunningMachine();
  const auto lock = LockMachine();
  const auto plan = PlanRevoke(FindTrustRules(machine, clock), options.name);
  if (plan.already_there) {
    console.Say("the " + plan.what + " is revoked already; nothing to do");
    return;
  }
  if (!plan.strands.empty() && !options.force) {
    throw Error(ErrorKind::kRefused,
                "without the " + plan.what + " no image could be taken any more (" + plan.strands +
                    "); nothing was changed. To revoke it all the same use --force");
  }
  ApplyRevoke(plan, machine.state, clock);
  const auto state = OpenBootState(OpenBootVolume(machine, DeviceAccess::kRead))->Load();
  if (const auto trial = state.StateOr(machine.running.value().slot).trial) {
    console.Warn(SlotText(trial->slot) +
                 " is armed or on trial and was judged before; ros rollback gives it up");
  }
  console.Say("the " + plan.what + " is revoked: " + (machine.state / kOwnRules).string());
}

}  // namespace

void AddTrustCommands(CLI::App& keys, CommandContext& context) {
  auto options = std::make_shared<TrustOptions>();
  auto* list = keys.add_subcommand("list", "Show the keys and rules that this machine judges by");
  list->add_option("--trust", options->policy, "Of this trust policy instead")->type_name("FILE");
  AddJsonFlag(*list, context);
  list->callback([options, &context] { List(*options, context.console); });

  auto* trust = keys.add_subcommand("trust", "Take images signed by one more key");
  trust->add_option("FILE", options->name, "Public key, PEM")->required();
  trust->add_flag("-f,--force", options->force, "Do not ask");
  trust->callback([options, &context] { Trust(*options, context.console); });

  auto* revoke = keys.add_subcommand("revoke", "Count a key, or take an image, no more");
  revoke->add_option("WHAT", options->name, "Key's name or fingerprint, or sha256:... of an image")
      ->required();
  revoke->add_flag(
      "-f,--force", options->force, "Also when no image could be taken any more afterwards");
  revoke->callback([options, &context] { Revoke(*options, context.console); });
}

}  // namespace ros::installer
