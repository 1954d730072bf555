#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/json.hpp"
#include "config/cloud_config.hpp"
#include "config/machine.hpp"

namespace ros::config {

// What makes "once" and "each boot" mean something.
struct BootIdentity {
  // Names this installation: another one means that all is done anew (a disk image that was written
  // to many machines). The partition UUID of ROS-STATE at the first boot.
  std::string instance;
  // Names this boot: /proc/sys/kernel/random/boot_id.
  std::string boot;
};

// What was done already; kept in STATE/config/applied.json.
struct History {
  BootIdentity identity;
  std::set<std::string> once;       // marks of steps done in this instance
  std::set<std::string> this_boot;  // marks of steps done in this boot
};

// The history in `directory`; an empty one when there is none. One that cannot be read is an error
// (kFailed): treating it as empty would run every `runcmd` again.
History LoadHistory(const std::filesystem::path& directory);

// Replaces it durably.
void StoreHistory(const std::filesystem::path& directory, const History& history);

// When a step is done.
enum class Frequency {
  kEachBoot,  // once each boot
  kOnce,      // once in this instance
};

struct SetHostname {
  std::string name;
};

struct RunCommands {
  std::string section;  // "bootcmd" or "runcmd"
  std::vector<ShellCommand> commands;
};

struct AddSshKeys {
  std::vector<std::string> keys;
};

struct Step {
  // Names the step and its content in the history, e.g. "write_files:/etc/motd:9f86d081".
  std::string mark;
  Frequency frequency = Frequency::kOnce;
  std::variant<RunCommands, SetHostname, MountEntry, FileToWrite, AddSshKeys> work;
};

// What part of a boot is applied: bootcmd, hostname, mounts, files and keys early, before the
// network and the services; mounts with the option _netdev and runcmd when the services are up.
enum class Stage { kEarly, kLate, kAll };

// What is to be done, in order: bootcmd, hostname, mounts, write_files, ssh keys, runcmd. Leaves
// out what the history says is done. As cloud-init: bootcmd each boot, runcmd and write_files once
// (a file whose entry changed counts as new); hostname and mounts each boot. Pure.
std::vector<Step> PlanApply(const CloudConfig& config,
                            const History& history,
                            const BootIdentity& now,
                            Stage stage);

// The content of one file of write_files, unpacked, may be this large.
inline constexpr Bytes kMaxFileSize = Bytes{64} << 20U;

// How one item went. A section of commands gives one outcome for each command.
struct StepOutcome {
  enum class Result { kDone, kFailed };
  std::string item;  // "hostname web1", "write_files /etc/motd", "runcmd 2: systemctl ..."
  Result result = Result::kDone;
  std::string detail;  // why it failed
};

// Where ApplySteps works.
struct ApplyPlaces {
  std::filesystem::path root = "/";             // in front of each path that is written
  std::filesystem::path state = "/ros/config";  // holds applied.json
  std::filesystem::path scratch = "/run/ros";   // scripts while they run
  // Output of commands, appended; kept as FILE.old when it has grown beyond 1 MiB.
  std::filesystem::path log = "/var/log/ros-config.log";
};

// Does the steps in order and stores the history as it goes. runcmd is marked before it starts, so
// a power cut never runs it twice; everything else is marked when it is done, so what failed is
// tried again at the next boot. A step that fails does not stop the others. Throws kFailed only
// when the history cannot be stored.
std::vector<StepOutcome> ApplySteps(const std::vector<Step>& steps,
                                    const BootIdentity& now,
                                    const ApplyPlaces& places,
                                    Machine& machine);

// For people: one line a step; and for machines: {"steps": [{...}]}.
std::string DescribeSteps(const std::vector<Step>& steps);
Json StepsToJson(const std::vector<Step>& steps);

}  // namespace ros::config
