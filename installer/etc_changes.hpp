#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "images/erofs_reader.hpp"
#include "keys/digest.hpp"

namespace ros::installer {

// The files of /etc that the machine and a new image have both changed. The machine's version stays
// (init/README.md, `etc_layer`); a plan lists them, so that a person can join them.
struct EtcChanges {
  std::vector<std::string> both;  // "etc/ssh/sshd_config", sorted
  std::string unknown;            // why that is not known, where it is not

  bool operator==(const EtcChanges&) const = default;
};

// What an /etc holds: for each regular file and symbolic link a digest of its kind and content.
using EtcFiles = std::map<std::string, keys::Digest>;

// The /etc of a root file system, as the image brought it. Throws as ReadErofs does.
EtcFiles ReadImageEtc(const images::ErofsBytes& root);

// One file of this machine's own /etc, none when it has no such file. `root` is where the paths of
// EtcFiles start. Throws kFailed when it cannot be read.
std::optional<keys::Digest> ReadMachineFile(const std::filesystem::path& root,
                                            const std::string& path);

// The paths that `next` has changed since `running`, and that the machine holds otherwise than
// either. Not the account files, which are joined line by line. `machine` is asked for these
// paths alone.
std::vector<std::string> ChangedOnBothSides(
    const EtcFiles& running,
    const EtcFiles& next,
    const std::function<std::optional<keys::Digest>(const std::string&)>& machine);

}  // namespace ros::installer
