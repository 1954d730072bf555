#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/progress.hpp"
#include "images/delta_adder.hpp"
#include "images/image_config.hpp"
#include "keys/digest.hpp"
#include "keys/trust_store.hpp"

namespace ros::images {

// Whether a root without the `ros` command is taken: nothing in it could commit a trial.
enum class RosInRoot { kRequired, kNotNeeded };

// What makes a unified kernel of kernel and initrd.
struct UnifiedKernelOptions {
  std::filesystem::path stub;
  // The kernel arguments of an image whose config is whole, root hash and all.
  std::function<std::string(const ImageConfig&)> command_line;
  std::function<std::string(const std::string& program)> sign;
};

// What an image is made from. Names without a default must be given.
struct BuildOptions {
  // A directory, a tar of a root, an OCI archive, an OCI layout or a `docker save` file; which of
  // these is found out.
  std::filesystem::path root;
  std::string name;
  std::string version;
  std::filesystem::path output;
  // The static ros-init.
  std::filesystem::path init_binary;
  // The boot loader layer, a tar; empty for an image without one.
  std::string bootloader_tar;

  std::string kernel;        // a version as in /usr/lib/modules; empty for the newest in the root
  bool keep_kernel = false;  // its image in the root too, where nothing boots it
  std::vector<std::string> kernel_arguments;
  std::vector<std::string> compatible;
  std::uint64_t epoch = 0;
  HealthPolicy health;
  std::string trust;  // the trust policy that the image brings; empty for none
  // By which the initrd verifies its slot: `init_binary` is one that can. Empty: it verifies
  // nothing.
  keys::TrustStore initrd_keys;
  std::string architecture = "amd64";
  int compression_level = 19;  // zstd, 1 to 19
  // Files newer than this get this time, and the image counts as created then. Without it: the
  // time of the newest file in the root, so that the same input gives the same digest either way.
  std::optional<UnixTime> source_date_epoch;
  // For the unpacked root and the file system made of it, about three times the root's size;
  // empty for TMPDIR or /var/tmp.
  std::filesystem::path work_directory;
  RosInRoot ros_in_root = RosInRoot::kRequired;
  std::optional<UnifiedKernelOptions> unified_kernel;  // none: kernel and initrd by themselves
  // Older images, as files: machines that run one of these fetch a delta.
  std::vector<std::filesystem::path> delta_from;
  // An older image, as a file: machines that run it or a newer one fetch small parts of what has
  // changed since. Empty for none.
  std::filesystem::path delta_since;
};

struct BuildResult {
  keys::Digest digest;  // of the manifest: the image's identity
  std::string kernel_version;
  ImageConfig config;
  Bytes root_size = 0;         // the file system
  Bytes root_packed_size = 0;  // its layer
  std::size_t chunks = 0;
  Bytes kernel_size = 0;
  Bytes initrd_size = 0;
  Bytes unified_kernel_size = 0;  // 0: there is none
  Bytes archive_size = 0;
  std::vector<BuiltDelta> deltas;  // in the order of BuildOptions::delta_from
  std::optional<BuiltFragments> fragments;
};

// Makes an OS image (docs/image-format.md) of a container's root file system: an OCI archive at
// `options.output`, which appears there whole or not at all. All cores are used for packing. To
// be run in a fakeroot session (images/fakeroot.hpp). Needs mkfs.erofs; depmod too for a root whose
// modules have no modules.dep. A signature of a unified kernel tells its time, so such an image has
// another digest each time it is made.
//
// Throws kUsage for options that make no sense and for a root that lacks what an OS needs (an init,
// a kernel with its modules, `ros`), in a sentence that says what to do; kVerification for a
// malformed or hostile container; kDoesNotFit for a kernel or initrd beyond the image format's
// limit (how large a machine's places for them are is the machine's matter); kFailed for I/O and
// tools.
BuildResult BuildImage(const BuildOptions& options, Progress& progress);

}  // namespace ros::images
