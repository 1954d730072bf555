#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "health/reset_request.hpp"

namespace ros::init {

// What could not be removed, each a sentence.
using ResetTroubles = std::vector<std::string>;

// Empties the state partition that is mounted at `state`: all but `lost+found` and `ros`, and in
// `ros` what was set or done on this machine: `filled`, `config/user.yml`, `config/applied.json`;
// with kContentAndTrust also `keys`, `epoch` and `bad.json`. What stays is the journal, what the
// installation gave (`config/cloud-config.yml`, `args`, `machine`), and notes of ros itself.
// Afterwards the next steps of the boot fill it as at the first boot. Synced when it returns.
//
// Directories are moved to `state`/.reset and emptied there one by one, so that no depth is too
// much. A cut at any moment: called again it does the rest. What resists (a bad block) is left and
// told, and keeps nothing else from being removed. `tick` is called for each entry.
ResetTroubles ResetState(const std::filesystem::path& state,
                         health::ResetScope scope,
                         const std::function<void()>& tick);

}  // namespace ros::init
