#include "config/apply.hpp"

#include <fcntl.h>

#include <chrono>
#include <map>
#include <sstream>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "config/ssh_keys.hpp"
#include "config/write_files.hpp"

namespace ros::config {
namespace {

namespace fs = std::filesystem;
using literals::operator""_KiB;
using literals::operator""_MiB;
using Outcomes = std::vector<StepOutcome>;

// bootcmd holds up the boot, runcmd does not; neither may hang for ever.
constexpr std::chrono::minutes kBootcmdLimit(10);
constexpr std::chrono::minutes kRuncmdLimit(60);

constexpr Bytes kMaxLogSize = 1_MiB;

std::string OneLine(std::string text) {
  constexpr std::size_t kMost = 60;
  text = text.substr(0, text.find('\n'));
  return text.size() > kMost ? text.substr(0, kMost) + "..." : text;
}

// Where a script's output goes. Nowhere when the log cannot be written: the commands matter more.
std::string PrepareLog(const ApplyPlaces& places) {
  const auto path = Below(places.root, places.log);
  std::error_code code;
  fs::create_directories(path.parent_path(), code);
  if (const auto size = fs::file_size(path, code); !code && size > kMaxLogSize) {
    fs::rename(path, path.string() + ".old", code);
  }
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  return fd.valid() ? path.string() : "/dev/null";
}

std::string SingleQuoted(const fs::path& path) {
  return "'" + path.string() + "'";
}

// All commands of a section are one script, as cloud-init has it, so that `cd` and variables last.
// After each command its exit code goes to `results`; the code itself is left as it was, for a
// script that looks at $?.
std::string MakeScript(const std::vector<ShellCommand>& commands,
                       const fs::path& results,
                       const std::string& log) {
  std::string script = "#!/bin/sh\nexec >>" + SingleQuoted(log) + " 2>&1\n";
  script += "ros_result() {\n  ros_code=$?\n  echo \"$1 $ros_code\" >>" + SingleQuoted(results) +
            "\n  return $ros_code\n}\n";
  for (std::size_t number = 1; number <= commands.size(); ++number) {
    script += commands[number - 1].line + "\nros_result " + std::to_string(number) + "\n";
  }
  return script + "exit 0\n";
}

std::map<std::size_t, int> ReadResults(const fs::path& path) {
  std::map<std::size_t, int> codes;
  std::istringstream lines(ReadFile(path, 1_MiB));
  std::size_t number = 0;
  int code = 0;
  while (lines >> number >> code) {
    codes[number] = code;
  }
  return codes;
}

// Does one step and says how each of its items went. Throws nothing of the step's own.
class Worker {
 public:
  Worker(const ApplyPlaces& places, Machine& machine, Outcomes& outcomes)
      : places_(places), machine_(machine), outcomes_(outcomes) {}

  // Each of these: true when all went well.

  bool operator()(const RunCommands& work) {
    std::string stopped;
    std::map<std::size_t, int> codes;
    try {
      codes = Run(work, stopped);
    } catch (const std::exception& error) {
      stopped = error.what();
    }
    bool all_well = true;
    for (std::size_t number = 1; number <= work.commands.size(); ++number) {
      const auto item = work.section + " " + std::to_string(number) + ": " +
                        OneLine(work.commands[number - 1].line);
      const auto code = codes.find(number);
      const bool well = code != codes.end() && code->second == 0;
      all_well = all_well && well;
      if (well) {
        outcomes_.push_back({item, StepOutcome::Result::kDone, ""});
      } else if (code != codes.end()) {
        Fail(item, "exit " + std::to_string(code->second));
      } else {
        Fail(item, stopped);
      }
    }
    return all_well;
  }

  bool operator()(const SetHostname& work) {
    return Try("hostname " + work.name, [&] {
      machine_.SetHostname(work.name);
      const auto path = Below(places_.root, "/etc/hostname");
      std::error_code code;
      const auto wanted = work.name + "\n";
      if (!fs::exists(path, code) || ReadFile(path, 4_KiB) != wanted) {
        WriteFileAtomically(path, AsBytes(wanted));
      }
    });
  }

  bool operator()(const MountEntry& work) {
    return Try("mounts " + work.mount_point, [&] { machine_.Mount(work); });
  }

  bool operator()(const FileToWrite& work) {
    return Try("write_files " + work.path, [&] { WriteOneFile(places_.root, work); });
  }

  bool operator()(const AddSshKeys& work) {
    return Try("ssh_authorized_keys of " + SshUser(places_.root),
               [&] { AddAuthorizedKeys(places_.root, work.keys); });
  }

 private:
  void Fail(std::string item, std::string why) {
    outcomes_.push_back({std::move(item), StepOutcome::Result::kFailed, std::move(why)});
  }

  template <typename Work>
  bool Try(const std::string& item, Work work) {
    try {
      work();
      outcomes_.push_back({item, StepOutcome::Result::kDone, ""});
      return true;
    } catch (const std::exception& error) {
      Fail(item, error.what());
      return false;
    }
  }

  std::map<std::size_t, int> Run(const RunCommands& work, std::string& stopped) {
    fs::create_directories(places_.scratch);
    const TempDirectory directory(places_.scratch, "config");
    const auto results = directory.path() / "results";
    const auto script = directory.path() / work.section;
    const auto text = MakeScript(work.commands, results, PrepareLog(places_));
    WriteFileAtomically(results, {}, 0600);
    WriteFileAtomically(script, AsBytes(text), 0600);
    try {
      const int code =
          machine_.RunScript(script, work.section == "bootcmd" ? kBootcmdLimit : kRuncmdLimit);
      stopped = "not finished, the script ended here with exit " + std::to_string(code);
    } catch (const std::exception& error) {
      stopped = error.what();
    }
    return ReadResults(results);
  }

  const ApplyPlaces& places_;
  Machine& machine_;
  Outcomes& outcomes_;
};

// The history as it stands for this instance and boot.
History Current(const fs::path& directory, const BootIdentity& now) {
  auto history = LoadHistory(directory);
  if (history.identity.instance != now.instance) {
    history.once.clear();
    history.this_boot.clear();
  }
  if (history.identity.boot != now.boot) {
    history.this_boot.clear();
  }
  history.identity = now;
  return history;
}

}  // namespace

std::vector<StepOutcome> ApplySteps(const std::vector<Step>& steps,
                                    const BootIdentity& now,
                                    const ApplyPlaces& places,
                                    Machine& machine) {
  Outcomes outcomes;
  auto history = Current(places.state, now);
  Worker worker(places, machine, outcomes);
  for (const auto& step : steps) {
    auto& marks = step.frequency == Frequency::kOnce ? history.once : history.this_boot;
    const bool commands = std::holds_alternative<RunCommands>(step.work);
    if (commands) {
      marks.insert(step.mark);
      StoreHistory(places.state, history);
    }
    const bool done = std::visit(worker, step.work);
    if (done && !commands) {
      marks.insert(step.mark);
      StoreHistory(places.state, history);
    }
  }
  return outcomes;
}

}  // namespace ros::config
