#include <array>
#include <cstdint>
#include <utility>

#include "base/bytes.hpp"
#include "config/apply.hpp"

namespace ros::config {
namespace {

// A short name of some content, FNV-1a of 64 bits: tells a changed entry from the one that was
// applied. Not for security.
class ContentName {
 public:
  ContentName& Add(std::string_view text) {
    for (const char c : text) {
      Mix(static_cast<unsigned char>(c));
    }
    Mix(0x100);  // so that "ab","c" is not "a","bc"
    return *this;
  }

  [[nodiscard]] std::string Text() const {
    std::array<std::byte, 8> bytes{};
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      bytes.at(at) = static_cast<std::byte>(value_ >> (56U - 8U * at));
    }
    return ToHex(bytes);
  }

 private:
  void Mix(std::uint64_t value) {
    constexpr std::uint64_t kPrime = 0x100000001b3;
    value_ = (value_ ^ value) * kPrime;
  }

  std::uint64_t value_ = 0xcbf29ce484222325;
};

std::string MarkOf(const RunCommands& work) {
  return work.section;
}

std::string MarkOf(const SetHostname& work) {
  return "hostname:" + work.name;
}

std::string MarkOf(const MountEntry& work) {
  return "mounts:" + work.device + ":" + work.mount_point;
}

std::string MarkOf(const FileToWrite& work) {
  ContentName name;
  name.Add(work.content).Add(work.user).Add(work.group).Add(std::to_string(work.permissions));
  name.Add(work.existing == FileToWrite::Existing::kAppend ? "append" : "replace");
  return "write_files:" + work.path + ":" + name.Text();
}

std::string MarkOf(const AddSshKeys& work) {
  ContentName name;
  for (const auto& key : work.keys) {
    name.Add(key);
  }
  return "ssh_authorized_keys:" + name.Text();
}

bool IsNetworkMount(const MountEntry& entry) {
  for (const auto& option : entry.options) {
    if (option == "_netdev") {
      return true;
    }
  }
  return false;
}

// Collects the steps that belong to the stage and are not done yet.
class Planner {
 public:
  Planner(const History& history, const BootIdentity& now, Stage stage) : stage_(stage) {
    if (history.identity.instance == now.instance) {
      once_ = history.once;
      if (history.identity.boot == now.boot) {
        this_boot_ = history.this_boot;
      }
    }
  }

  template <typename Work>
  void Add(Stage stage, Frequency frequency, Work work) {
    auto mark = MarkOf(work);
    const auto& done = frequency == Frequency::kOnce ? once_ : this_boot_;
    if ((stage_ == Stage::kAll || stage_ == stage) && !done.contains(mark)) {
      steps_.push_back({std::move(mark), frequency, std::move(work)});
    }
  }

  [[nodiscard]] std::vector<Step> Take() { return std::move(steps_); }

 private:
  Stage stage_;
  std::set<std::string> once_;
  std::set<std::string> this_boot_;
  std::vector<Step> steps_;
};

std::string_view Name(Frequency frequency) {
  return frequency == Frequency::kOnce ? "once" : "each boot";
}

// What a step does, as a section of the cloud-config and what of it.
struct StepText {
  std::string section;
  std::string what;
};

struct Describer {
  StepText operator()(const RunCommands& work) const {
    const auto count = work.commands.size();
    return {work.section, std::to_string(count) + (count == 1 ? " command" : " commands")};
  }

  StepText operator()(const SetHostname& work) const { return {"hostname", work.name}; }

  StepText operator()(const MountEntry& work) const {
    return {"mounts", work.device + " on " + work.mount_point};
  }

  StepText operator()(const FileToWrite& work) const { return {"write_files", work.path}; }

  StepText operator()(const AddSshKeys& work) const {
    const auto count = work.keys.size();
    return {"ssh_authorized_keys", std::to_string(count) + (count == 1 ? " key" : " keys")};
  }
};

}  // namespace

std::vector<Step> PlanApply(const CloudConfig& config,
                            const History& history,
                            const BootIdentity& now,
                            Stage stage) {
  Planner planner(history, now, stage);
  if (!config.bootcmd.empty()) {
    planner.Add(Stage::kEarly, Frequency::kEachBoot, RunCommands{"bootcmd", config.bootcmd});
  }
  if (!config.hostname.empty()) {
    planner.Add(Stage::kEarly, Frequency::kEachBoot, SetHostname{config.hostname});
  }
  for (const auto& entry : config.mounts) {
    const auto when = IsNetworkMount(entry) ? Stage::kLate : Stage::kEarly;
    planner.Add(when, Frequency::kEachBoot, entry);
  }
  for (const auto& file : config.write_files) {
    planner.Add(Stage::kEarly, Frequency::kOnce, file);
  }
  if (!config.ssh_authorized_keys.empty()) {
    planner.Add(Stage::kEarly, Frequency::kOnce, AddSshKeys{config.ssh_authorized_keys});
  }
  if (!config.runcmd.empty()) {
    planner.Add(Stage::kLate, Frequency::kOnce, RunCommands{"runcmd", config.runcmd});
  }
  return planner.Take();
}

std::string DescribeSteps(const std::vector<Step>& steps) {
  std::string text;
  for (const auto& step : steps) {
    const auto [section, what] = std::visit(Describer(), step.work);
    text.append(section).append(" (").append(Name(step.frequency)).append("): ");
    text.append(what).append("\n");
  }
  return text;
}

Json StepsToJson(const std::vector<Step>& steps) {
  auto list = Json::MakeArray();
  for (const auto& step : steps) {
    const auto [section, what] = std::visit(Describer(), step.work);
    auto item = Json::MakeObject();
    item.Set("section", section);
    item.Set("frequency", Name(step.frequency));
    item.Set("what", what);
    list.Append(std::move(item));
  }
  auto json = Json::MakeObject();
  json.Set("steps", std::move(list));
  return json;
}

}  // namespace ros::config
