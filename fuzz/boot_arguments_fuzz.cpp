#include <algorithm>

#include "fuzz/target.hpp"
#include "health/boot_arguments.hpp"

namespace ros::fuzz {
namespace {

constexpr std::string_view kUuid = "8be4df61-93ca-11d2-aa0d-00e098032b8c";

bool IsUuid(std::string_view text) {
  return text.size() == kUuid.size() &&
         text.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
}

}  // namespace

void Run(ByteSpan input) {
  const auto found = health::FindBootArguments(AsText(input));
  if (!found) {
    return;
  }
  Expect(*found == health::ParseBootArguments(AsText(input)), "both ways of asking agree");
  Expect(IsUuid(found->boot_partition) && IsUuid(found->root_partition) &&
             IsUuid(found->state_partition),
         "partitions are named by UUIDs");
  Expect(found->verity_root_hash.size() == 64 && found->verity_blocks > 0,
         "there is a hash to check the root with");
  Expect(found->wait.count() <= 480, "no wait is too long");
  Expect(!found->trial || (*found->trial >= 0 && *found->trial <= 9), "tries are a digit");
}

std::vector<Seed> Seeds() {
  const std::string uuid(kUuid);
  const auto line = "ros.slot=a ros.boot=" + uuid + " ros.root=" + uuid + " ros.state=" + uuid +
                    " ros.verity=" + std::string(64, 'a') + ":00ff:12345 ros.fs=erofs";
  return {{"good", line + " ros.watchdog=180 panic=30 console=ttyS0"},
          {"trial", line + " ros.trial=2 ros.wait=30 init=\"/sbin/my init\" -- ros.slot=b"},
          {"kept", line + " ros.kept=" + uuid + " ros.loader=syslinux ros.fell=b"},
          {"other", "root=/dev/sda1 quiet"}};
}

}  // namespace ros::fuzz
