#include "init/partition_wait.hpp"

#include <algorithm>
#include <chrono>

#include "base/error.hpp"

namespace ros::init {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;
using Nodes = std::vector<partitions::PartitionNode>;

[[noreturn]] void Missing(const std::vector<partitions::PartitionNode>& nodes,
                          const health::BootArguments& arguments) {
  const bool root = !FindPartition(nodes, arguments.root_partition);
  const auto& uuid = root ? arguments.root_partition : arguments.state_partition;
  throw Error(ErrorKind::kFailed,
              std::string(root ? "the root" : "the state") + " partition (PARTUUID " + uuid +
                  ") did not appear within " + std::to_string(arguments.wait.count()) + " s; " +
                  DescribeDisks(nodes));
}

class Search {
 public:
  Search(std::chrono::seconds limit, ModuleLoader& modules, DeviceEvents& events)
      : modules_(modules), events_(events), end_(SteadyClock::now() + limit) {}

  Nodes Run(const std::function<bool(const Nodes&)>& found) {
    LoadForAll();
    TakeEvents();
    for (;;) {
      if (changed_) {
        nodes_ = partitions::ListPartitions();
        changed_ = false;
      }
      if (found(nodes_) || !Wait()) {
        return nodes_;
      }
    }
  }

 private:
  void LoadForAll() {
    ForEachModalias([this](const std::string& modalias) { modules_.LoadFor(modalias); });
    changed_ = true;
  }

  // False when there was none within the time.
  bool Take(milliseconds timeout) {
    const auto result = events_.Next(timeout);
    if (result.waited == DeviceEvents::Waited::kTimeout) {
      return false;
    }
    if (result.waited == DeviceEvents::Waited::kLost) {
      LoadForAll();
      return true;
    }
    if (!result.event.modalias.empty() && result.event.action == "add") {
      modules_.LoadFor(result.event.modalias);
    }
    changed_ = changed_ || ChangesDisks(result.event);
    return true;
  }

  void TakeEvents() {
    while (Take(milliseconds(0))) {
    }
  }

  // False when the time is over.
  bool Wait() {
    const auto left = std::chrono::duration_cast<milliseconds>(end_ - SteadyClock::now());
    if (left.count() <= 0 || !Take(left)) {
      return false;
    }
    TakeEvents();
    return true;
  }

  ModuleLoader& modules_;
  DeviceEvents& events_;
  SteadyClock::time_point end_;
  bool changed_ = true;
  Nodes nodes_;
};

}  // namespace

std::string DescribeDisks(const std::vector<partitions::PartitionNode>& nodes) {
  std::string text;
  std::string last;
  for (const auto& node : nodes) {
    if (node.disk != last) {
      text += (text.empty() ? "" : ", ") + node.disk;
      last = node.disk;
    }
  }
  return text.empty() ? "no disk with a partition table was seen" : "disks seen: " + text;
}

Nodes WaitForDisks(const std::function<bool(const Nodes&)>& found,
                   std::chrono::seconds limit,
                   ModuleLoader& modules,
                   DeviceEvents& events) {
  return Search(limit, modules, events).Run(found);
}

std::optional<BootPartitions> Choose(const std::vector<partitions::PartitionNode>& nodes,
                                     const health::BootArguments& arguments) {
  const auto root = partitions::FindPartition(nodes, arguments.root_partition);
  const auto state = partitions::FindPartition(nodes, arguments.state_partition);
  if (!root || !state) {
    return std::nullopt;
  }
  return BootPartitions{*root, *state, nodes};
}

BootPartitions WaitForPartitions(const health::BootArguments& arguments,
                                 ModuleLoader& modules,
                                 DeviceEvents& events) {
  std::optional<BootPartitions> both;
  const auto found = [&](const Nodes& nodes) {
    both = Choose(nodes, arguments);
    return both.has_value();
  };
  const auto seen = WaitForDisks(found, arguments.wait, modules, events);
  if (!both) {
    Missing(seen, arguments);
  }
  return *both;
}

Nodes LookAgain(Nodes seen, DeviceEvents& events) {
  bool changed = false;
  for (;;) {
    const auto result = events.Next(milliseconds(0));
    if (result.waited == DeviceEvents::Waited::kTimeout) {
      return changed ? partitions::ListPartitions() : std::move(seen);
    }
    changed = changed || result.waited == DeviceEvents::Waited::kLost || ChangesDisks(result.event);
  }
}

}  // namespace ros::init
