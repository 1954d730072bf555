#include "images/erofs_image.hpp"

#include <chrono>
#include <string>

#include "base/process.hpp"
#include "images/system_call_filter.hpp"

namespace ros::images {
namespace {

std::string FormatUuid(const std::array<std::byte, 16>& uuid) {
  std::string hex = ToHex(uuid);
  for (const std::size_t place : {20U, 16U, 12U, 8U}) {
    hex.insert(place, "-");
  }
  return hex;
}

}  // namespace

void MakeErofs(const std::filesystem::path& directory,
               const std::filesystem::path& image,
               const ErofsOptions& options) {
  // No -T: it gives all files one time. With SOURCE_DATE_EPOCH alone, mkfs.erofs 1.5 lowers newer
  // times to it and keeps older ones.
  // --chunksize: files in whole blocks apart from the metadata, so that an unchanged file is
  // unchanged bytes; equal blocks are stored once.
  const Command command = {
      .argv = {"mkfs.erofs",
               "-d1",
               "-x2",
               "--chunksize=4096",
               "-U",
               FormatUuid(options.uuid),
               image.string(),
               directory.string()},
      .environment = {"SOURCE_DATE_EPOCH=" + std::to_string(options.source_date_epoch)},
      .timeout = std::chrono::hours(2)};
  // It asks for all content by one call, and takes what that call cannot do (2 GiB) for an error.
  WithoutCopyFileRange([&] { RunTool(command); });
}

}  // namespace ros::images
