#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>
#include <memory>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/output_file.hpp"
#include "config/apply.hpp"
#include "config/config_file.hpp"
#include "health/boot_arguments.hpp"
#include "installer/command.hpp"
#include "installer/first_boot.hpp"
#include "installer/machine.hpp"

namespace ros::installer {
namespace {

namespace fs = std::filesystem;
using config::ConfigFiles;

constexpr Bytes kMaxInput = Bytes{1} << 20U;

struct ConfigOptions {
  std::string state = kStateDirectory;
  std::string key;
  std::string value;
  std::string input = "-";
  std::string output;
  std::string stage = "all";
  bool plan = false;
};

using Options = std::shared_ptr<ConfigOptions>;

fs::path ConfigDirectory(const ConfigOptions& options) {
  if (!fs::is_directory(options.state)) {
    throw Error(ErrorKind::kRefused,
                "there is no state directory " + options.state +
                    "; this system was not started from a slot of ros");
  }
  return fs::path(options.state) / "config";
}

// One writer at a time. Not the lock of the whole machine: a runcmd may well run `ros upgrade`.
FileLock Lock(const fs::path& directory, std::string_view name) {
  fs::create_directories(directory);
  return FileLock(directory / name);
}

struct Input {
  std::string text;
  std::string name;
};

Input ReadInput(const std::string& path) {
  if (path != "-") {
    return {ReadFile(path, kMaxInput), path};
  }
  std::string text(kMaxInput + 1, '\0');
  std::cin.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::cin.gcount()));
  return {std::move(text), "standard input"};
}

void WarnOfAll(const Console& console, const std::vector<std::string>& warnings) {
  for (const auto& warning : warnings) {
    console.Warn(warning);
  }
}

void Set(const ConfigOptions& options, const Console& console) {
  const auto directory = ConfigDirectory(options);
  const auto lock = Lock(directory, "lock");
  WarnOfAll(console, ConfigFiles(directory).Set(options.key, options.value));
}

void Merge(const ConfigOptions& options, const Console& console) {
  const auto directory = ConfigDirectory(options);
  const auto input = ReadInput(options.input);
  const auto lock = Lock(directory, "lock");
  WarnOfAll(console, ConfigFiles(directory).Merge(input.text, input.name));
}

void Export(const ConfigOptions& options, const Console& console) {
  const auto text = ConfigFiles(ConfigDirectory(options)).Export();
  if (options.output.empty()) {
    console.Print(text);
  } else {
    constexpr mode_t kSecret = 0600;
    WriteFileAtomically(ResolveOutput(options.output), AsBytes(text), kSecret);
  }
}

void Validate(const ConfigOptions& options, const Console& console) {
  const auto input = ReadInput(options.input);
  WarnOfAll(console, config::ParseCloudConfig(input.text, input.name).warnings);
  console.Say("ros: " + input.name + " is valid");
}

config::BootIdentity ReadBootIdentity() {
  constexpr Bytes kMostOfProc = Bytes{64} << 10U;
  const auto boot = ReadFile("/proc/sys/kernel/random/boot_id", kMostOfProc);
  const auto arguments = health::FindBootArguments(ReadFile("/proc/cmdline", kMostOfProc));
  return {arguments ? InstanceName(kStateDirectory, arguments->state_partition) : "",
          boot.substr(0, boot.find('\n'))};
}

config::Stage ParseStage(const std::string& name) {
  return name == "early"  ? config::Stage::kEarly
         : name == "late" ? config::Stage::kLate
                          : config::Stage::kAll;
}

// True when every item went well.
bool TellOutcomes(const std::vector<config::StepOutcome>& outcomes, const Console& console) {
  auto list = Json::MakeArray();
  bool all_well = true;
  for (const auto& outcome : outcomes) {
    const bool well = outcome.result == config::StepOutcome::Result::kDone;
    all_well = all_well && well;
    console.Say("ros: " + outcome.item + (well ? ": done" : ": failed: " + outcome.detail));
    list.Append(Json::MakeObject()
                    .Set("item", outcome.item)
                    .Set("result", well ? "done" : "failed")
                    .Set("detail", outcome.detail));
  }
  if (console.json()) {
    console.PrintJson(Json::MakeObject().Set("items", std::move(list)));
  }
  return all_well;
}

void Apply(const ConfigOptions& options, CommandContext& context) {
  const auto& console = context.console;
  const auto directory = ConfigDirectory(options);
  const auto lock = Lock(directory, "apply.lock");
  const auto wanted = ConfigFiles(directory).Load();
  WarnOfAll(console, wanted.warnings);
  const auto now = ReadBootIdentity();
  const auto steps =
      PlanApply(wanted, config::LoadHistory(directory), now, ParseStage(options.stage));
  if (options.plan) {
    if (console.json()) {
      console.PrintJson(config::StepsToJson(steps));
    } else {
      console.Print(steps.empty() ? "nothing to do" : config::DescribeSteps(steps));
    }
    return;
  }
  config::RunningMachine machine;
  if (!TellOutcomes(ApplySteps(steps, now, {.state = directory}, machine), console)) {
    context.exit_code = static_cast<int>(ErrorKind::kFailed);
  }
}

CLI::App* AddVerb(CLI::App& config, const Options& options, const char* name, const char* text) {
  auto* verb = config.add_subcommand(name, text);
  verb->add_option("--state", options->state, "The state directory")->capture_default_str();
  return verb;
}

void AddInput(CLI::App& verb, const Options& options) {
  verb.add_option("FILE,-i,--input", options->input, "A cloud-config; - for standard input")
      ->capture_default_str();
}

void AddGetAndSet(CLI::App& config, const Options& options, CommandContext& context) {
  auto* get = AddVerb(config, options, "get", "Print the value of a key, such as a.b.c");
  get->add_option("KEY", options->key)->required();
  get->callback([options, &context] {
    context.console.Print(ConfigFiles(ConfigDirectory(*options)).Get(options->key));
  });
  auto* set = AddVerb(config, options, "set", "Set a key to a YAML value");
  set->add_option("KEY", options->key)->required();
  set->add_option("VALUE", options->value)->required();
  set->callback([options, &context] { Set(*options, context.console); });
}

void AddWholeFiles(CLI::App& config, const Options& options, CommandContext& context) {
  auto* merge = AddVerb(config, options, "merge", "Lay a cloud-config over what is there");
  AddInput(*merge, options);
  merge->callback([options, &context] { Merge(*options, context.console); });
  auto* print = AddVerb(config, options, "export", "Print the whole configuration, merged");
  print->add_option("-o,--output", options->output, "Write to this file, mode 0600");
  print->callback([options, &context] { Export(*options, context.console); });
  auto* validate = config.add_subcommand("validate", "Read a cloud-config and change nothing");
  AddInput(*validate, options);
  validate->callback([options, &context] { Validate(*options, context.console); });
}

void AddApply(CLI::App& config, const Options& options, CommandContext& context) {
  auto* apply = AddVerb(config, options, "apply", "Do what the configuration says (a service)");
  apply->add_option("--stage", options->stage, "early: before the network; late: runcmd")
      ->check(CLI::IsMember({"early", "late", "all"}))
      ->capture_default_str();
  apply->add_flag("--plan", options->plan, "Show what would be done, and stop");
  AddJsonFlag(*apply, context);
  apply->callback([options, &context] { Apply(*options, context); });
}

}  // namespace

void AddConfigCommand(CLI::App& app, CommandContext& context) {
  auto* config = app.add_subcommand("config", "The machine's configuration");
  config->require_subcommand(1);
  auto options = std::make_shared<ConfigOptions>();
  AddGetAndSet(*config, options, context);
  AddWholeFiles(*config, options, context);
  AddApply(*config, options, context);
}

}  // namespace ros::installer
