#include "delta/suffix_array.hpp"

#include <divsufsort.h>

#include <algorithm>
#include <limits>
#include <type_traits>

#include "base/error.hpp"

namespace ros::delta {
namespace {

static_assert(std::is_same_v<saidx_t, std::int32_t>);

// How many bytes are the same from the beginning, the first `known` of which are known to be.
std::size_t CommonLength(ByteSpan a, ByteSpan b, std::size_t known) {
  const auto most = std::min(a.size(), b.size());
  while (known < most && a[known] == b[known]) {
    ++known;
  }
  return known;
}

}  // namespace

SuffixArray::SuffixArray(ByteSpan text) : text_(text), order_(text.size()) {
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) ||
      (!text.empty() && divsufsort(reinterpret_cast<const sauchar_t*>(text.data()),
                                   order_.data(),
                                   static_cast<saidx_t>(text.size())) != 0)) {
    throw Error(ErrorKind::kFailed, "the base of a difference cannot be sorted; it is too large");
  }
}

Occurrence SuffixArray::FindLongest(ByteSpan row) const {
  // Ends below `low` are smaller than the row, those from `high` on are not; both neighbours share
  // so many bytes with it.
  std::size_t low = 0;
  std::size_t high = order_.size();
  std::size_t low_common = 0;
  std::size_t high_common = 0;
  Occurrence best;
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    const auto at = static_cast<std::size_t>(order_[middle]);
    const auto end = text_.subspan(at);
    const auto common = CommonLength(end, row, std::min(low_common, high_common));
    if (common > best.length) {
      best = {.at = at, .length = common};
    }
    if (common == row.size()) {
      return best;
    }
    if (common == end.size() || end[common] < row[common]) {
      low = middle + 1;
      low_common = common;
    } else {
      high = middle;
      high_common = common;
    }
  }
  return best;
}

}  // namespace ros::delta
