#include "images/build_image.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <future>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/output_file.hpp"
#include "images/architecture.hpp"
#include "images/chunk_cutter.hpp"
#include "images/chunk_index.hpp"
#include "images/container_tree.hpp"
#include "images/erofs_image.hpp"
#include "images/frame_packer.hpp"
#include "images/initrd.hpp"
#include "images/kernel_files.hpp"
#include "images/kernel_image.hpp"
#include "images/manifest.hpp"
#include "images/module_index.hpp"
#include "images/oci_archive_writer.hpp"
#include "images/os_root.hpp"
#include "images/root_delta.hpp"
#include "images/root_layer.hpp"
#include "images/unified_kernel.hpp"
#include "packing/lz4_legacy.hpp"

namespace ros::images {
namespace {

// Everything of an image that the root's unpacked tree was needed for.
struct TreeParts {
  std::string kernel_version;
  std::string kernel;
  std::string initrd;
  std::filesystem::path erofs;
  UnixTime created = 0;
};

ImageConfig DescribeImage(const BuildOptions& options) {
  ImageConfig config;
  config.name = options.name;
  config.version = options.version;
  config.architecture = options.architecture;
  config.compatible = options.compatible;
  config.epoch = options.epoch;
  config.kernel_arguments = options.kernel_arguments;
  config.health = options.health;
  config.trust = options.trust;
  for (const auto& key : options.initrd_keys.keys()) {
    config.initrd_keys.push_back(key.Fingerprint());
  }
  config.root.filesystem = "erofs";
  return config;
}

struct OpenProgram {
  std::string name;
  UniqueFd fd;
};

// Only warned of: an image for another machine is refused there, and may be wanted for that.
void WarnOfForeign(const OpenProgram& program, const BuildOptions& options, Progress& progress) {
  std::string head(kProgramHeadSize, '\0');
  const ssize_t got = ::pread(program.fd.get(), head.data(), head.size(), 0);
  head.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  const auto what = DescribeForeignProgram(head, options.architecture);
  if (!what.empty()) {
    progress.Warn(program.name + " is " + what + ", the image is for " + options.architecture +
                  "; --architecture names another");
  }
}

// Building must neither replace what it reads nor read what it writes.
void CheckPlaces(const BuildOptions& options) {
  namespace fs = std::filesystem;
  std::error_code code;
  const auto output = ResolveOutput(options.output);
  if (fs::equivalent(output, options.root, code)) {
    throw Error(ErrorKind::kUsage,
                "the output " + options.output.string() +
                    " is the root that the image is made of; name another file");
  }
  auto older_images = options.delta_from;
  older_images.push_back(options.delta_since);
  for (const auto& older : older_images) {
    if (fs::equivalent(output, older, code)) {
      throw Error(ErrorKind::kUsage,
                  "the output " + options.output.string() +
                      " is an older image that a delta is made from; name another file");
    }
  }
  const auto root = fs::canonical(options.root, code);
  const auto inside = fs::canonical(output.parent_path(), code).lexically_relative(root);
  if (fs::is_directory(root) && !inside.empty() && *inside.begin() != "..") {
    throw Error(ErrorKind::kUsage,
                "the output " + options.output.string() + " lies in the root " +
                    options.root.string() + " and would become a part of it; name a file outside");
  }
}

// What can be known to be wrong before the long work begins.
void CheckOptions(const BuildOptions& options, Progress& progress) {
  const FramePacker check_level(options.compression_level);
  CheckPlaces(options);
  ImageConfig config = DescribeImage(options);
  config.root.size = kBlockSize;
  config.root.verity.root_hash = std::string(64, '0');
  config.root.verity.salt = std::string(64, '0');
  try {
    (void)WriteImageConfig(config);
  } catch (const Error& error) {
    throw Error(ErrorKind::kUsage, error.message());
  }
  CheckArchitecture(options.architecture);
  WarnOfForeign(
      {options.init_binary.string(), OpenFile(options.init_binary, O_RDONLY)}, options, progress);
  if (options.unified_kernel) {
    (void)ReadStub(options.unified_kernel->stub);
  }
}

std::filesystem::path WorkParent(const BuildOptions& options) {
  if (!options.work_directory.empty()) {
    return options.work_directory;
  }
  const char* const tmp = std::getenv("TMPDIR");
  return tmp != nullptr && *tmp != '\0' ? tmp : "/var/tmp";
}

// What the image is called, as bytes to derive fixed values from.
keys::Digest DeriveFrom(const BuildOptions& options,
                        std::string_view purpose,
                        std::string_view more) {
  std::string text(purpose);
  for (const std::string_view part :
       {std::string_view(options.name), std::string_view(options.version), more}) {
    text.append(1, '\0').append(part);
  }
  return keys::Sha256Of(AsBytes(text));
}

// RFC 9562, version 8: a UUID of one's own making.
std::array<std::byte, 16> DeriveUuid(const BuildOptions& options) {
  const auto digest = DeriveFrom(options, "ros root file system", "");
  std::array<std::byte, 16> uuid{};
  std::copy_n(digest.bytes.begin(), uuid.size(), uuid.begin());
  uuid[6] = (uuid[6] & std::byte{0x0F}) | std::byte{0x80};
  uuid[8] = (uuid[8] & std::byte{0x3F}) | std::byte{0x80};
  return uuid;
}

void CheckPartSize(std::string_view what, Bytes size, Bytes limit) {
  if (size > limit) {
    throw Error(ErrorKind::kDoesNotFit,
                "the " + std::string(what) + " has " + FormatBytes(size) + "; an image takes " +
                    FormatBytes(limit) + " at most");
  }
}

UnixTime CreationTime(const BuildOptions& options, const StagedTree& tree) {
  // A file from the future must not make the image look like that.
  return options.source_date_epoch.value_or(std::min(tree.newest(), SystemClock().Now()));
}

// An upgrade to another kernel would bring it twice: nothing boots the one in the root.
void TakeOutKernel(StagedTree& tree, const std::vector<std::string>& names) {
  tree.BeginLayer();
  for (const auto& name : names) {
    tree.RemoveLower(name);
  }
}

// Unpacks the container, takes kernel and initrd out of it and makes the file system.
TreeParts BuildTreeParts(const BuildOptions& options,
                         const std::filesystem::path& work,
                         Progress& progress) {
  const TempDirectory directory(work, "root");
  StagedTree tree(directory.path());
  UnpackContainer({options.root, options.architecture, work}, tree, progress);
  TreeParts parts;
  std::string cpio;
  InContext(options.root.string(), [&] {
    CheckOsRoot(tree.root(), options.ros_in_root);
    WarnOfForeign({"/sbin/init", tree.root().Open("sbin/init", O_RDONLY)}, options, progress);
    const KernelFiles kernel = FindKernel(tree.root(), options.kernel);
    CheckKernelConfig(tree.root(), kernel);
    EnsureModuleIndex(tree.root(), kernel);
    parts.kernel_version = kernel.version;
    parts.kernel = tree.root().Read(kernel.image, kMaxKernelSize);
    CheckKernelImage(parts.kernel, options.architecture, "/" + kernel.image);
    cpio = BuildInitrdCpio(options.init_binary,
                           options.initrd_keys,
                           tree.root(),
                           ModuleIndex(tree.root(), kernel.modules));
    AddMountPoints(tree);
    if (!options.keep_kernel) {
      TakeOutKernel(tree, FindKernelNames(tree.root(), kernel, parts.kernel));
    }
  });
  tree.Finish();
  parts.created = CreationTime(options, tree);
  parts.erofs = work / "root.erofs";
  // Both take one core each.
  auto initrd = std::async(std::launch::async, [&] { return packing::PackLz4(AsBytes(cpio)); });
  progress.Begin("making the file system", 0);
  MakeErofs(directory.path(), parts.erofs, {parts.created, DeriveUuid(options)});
  parts.initrd = initrd.get();
  progress.End();
  CheckPartSize("initrd", parts.initrd.size(), kMaxInitrdSize);
  return parts;
}

// Cuts, packs and describes the root; fills in what the config says of it.
RootLayer BuildRoot(const BuildOptions& options,
                    const std::filesystem::path& erofs,
                    const std::filesystem::path& output,
                    ImageConfig& config,
                    Progress& progress) {
  progress.Begin("cutting the root into chunks", 0);
  const ImageScan scan = ScanImage(erofs);
  RootLayerInput input{.image = erofs,
                       .lengths = CutChunks(MapSpans(erofs), scan.marks),
                       .salt_hex = DeriveFrom(options, "ros verity salt", scan.digest.Hex()).Hex(),
                       .compression_level = options.compression_level};
  progress.End();
  RootLayer layer = PackRootLayer(input, output, progress);
  config.root.size = Bytes{scan.marks.size()} * kBlockSize;
  config.root.verity = {layer.verity_root_hash, input.salt_hex};
  return layer;
}

std::string MakeUnifiedKernel(const UnifiedKernelOptions& options,
                              const ImageConfig& config,
                              TreeParts& parts) {
  const UnifiedKernel kernel{.kernel = std::move(parts.kernel),
                             .initrd = std::move(parts.initrd),
                             .command_line = options.command_line(config),
                             .os_release = "ID=" + config.name + "\nVERSION_ID=" + config.version +
                                           "\nPRETTY_NAME=\"" + config.name + " " + config.version +
                                           "\"\n",
                             .kernel_version = parts.kernel_version};
  return InContext("making the unified kernel", [&] {
    return options.sign(BuildUnifiedKernel(ReadStub(options.stub), kernel));
  });
}

void CheckOlderImages(const BuildOptions& options, Progress& progress) {
  const ImageKind kind{options.name, options.architecture};
  CheckDeltaBases(options.delta_from, kind, progress);
  if (!options.delta_since.empty()) {
    CheckDeltaBases({options.delta_since}, kind, progress);
  }
}

// Where `since` is an image: of what has changed since that one.
std::optional<BuiltFragments> AddFragments(const std::filesystem::path& since,
                                           DeltaAdder& deltas,
                                           const std::filesystem::path& work,
                                           Progress& progress) {
  if (since.empty()) {
    return std::nullopt;
  }
  auto built = deltas.AddFragments(since, work, progress);
  if (!built) {
    progress.Warn(since.string() +
                  " has root, kernel and initrd of this one, so nothing has changed since; is it "
                  "the right one?");
  }
  return built;
}

}  // namespace

BuildResult BuildImage(const BuildOptions& options, Progress& progress) {
  CheckOptions(options, progress);
  // First, so that an output that cannot be written does not cost the whole build.
  OutputFile output(options.output);
  CheckOlderImages(options, progress);
  const TempDirectory work(WorkParent(options), "ros-image-build");
  TreeParts parts = BuildTreeParts(options, work.path(), progress);

  BuildResult result;
  result.kernel_version = parts.kernel_version;
  result.kernel_size = parts.kernel.size();
  result.initrd_size = parts.initrd.size();
  result.config = DescribeImage(options);
  result.config.created = parts.created;
  const auto root_file = work.path() / "root.zst";
  const RootLayer root = BuildRoot(options, parts.erofs, root_file, result.config, progress);
  result.root_size = result.config.root.size;
  result.root_packed_size = root.size;
  result.chunks = root.chunks.size();

  ImageArchive archive;
  ImageManifest manifest;
  const auto add = [&](ArchiveBlob blob) {
    archive.blobs.push_back(std::move(blob));
    return archive.blobs.back().descriptor;
  };
  manifest.config = add(MakeBlob(kConfigType, WriteImageConfig(result.config)));
  if (options.unified_kernel) {
    auto unified = MakeUnifiedKernel(*options.unified_kernel, result.config, parts);
    result.unified_kernel_size = unified.size();
    manifest.unified_kernel = add(MakeBlob(kUnifiedKernelType, std::move(unified)));
  } else {
    manifest.kernel = add(MakeBlob(kKernelType, std::move(parts.kernel)));
    manifest.initrd = add(MakeBlob(kInitrdType, std::move(parts.initrd)));
  }
  if (!options.bootloader_tar.empty()) {
    manifest.bootloader = add(MakeBlob(kBootloaderType, options.bootloader_tar));
  }
  manifest.root_index = add(MakeBlob(kRootIndexType, WriteChunkIndex(root.chunks)));
  const DeltaTarget target{.root = parts.erofs, .chunks = root.chunks};
  DeltaAdder deltas(archive, manifest, target);
  for (const auto& older : options.delta_from) {
    result.deltas.push_back(deltas.Add(older, work.path(), progress));
  }
  result.fragments = AddFragments(options.delta_since, deltas, work.path(), progress);
  manifest.root = add({{std::string(kRootType), root.digest, root.size, {}}, root_file});
  archive.manifest = MakeBlob(kOciManifestType, WriteManifest(manifest));
  archive.reference = options.version;
  result.digest = archive.manifest.descriptor.digest;
  progress.Begin("writing the image", 0);
  result.archive_size = WriteOciArchive(archive, output);
  progress.End();
  return result;
}

}  // namespace ros::images
