#include "registry/range_support.hpp"

#include <algorithm>

namespace ros::registry {

SeveralRanges RangeSupport::Of(const std::string& host) const {
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(host);
  return found == hosts_.end() ? SeveralRanges::kUnknown : found->second;
}

void RangeSupport::Set(const std::string& host, SeveralRanges found) {
  const std::lock_guard lock(mutex_);
  hosts_[host] = found;
}

Bytes RangeSupport::MostGap() const {
  return Any(SeveralRanges::kNever) || AnyWithout() ? kGapOfOne : kGapOfSeveral;
}

bool RangeSupport::AnyWithout() const {
  return Any(SeveralRanges::kNorOne);
}

bool RangeSupport::Any(SeveralRanges found) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(hosts_, [&](const auto& host) { return host.second == found; });
}

}  // namespace ros::registry
