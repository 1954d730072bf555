#include "delta/similarity.hpp"

#include <algorithm>
#include <utility>

namespace ros::delta {
namespace {

constexpr std::size_t kSampleLength = 24;
// One row of bytes in so many is a sample: 64, in a text beyond 2 GiB more.
constexpr unsigned kLeastRateLog = 6;
constexpr unsigned kSmallTextLog = 31;
constexpr Bytes kPlaceUnit = 256;
// What is found at more places than this tells nothing.
constexpr std::ptrdiff_t kMostPlaces = 16;
// A range that shares fewer samples is not worth its bytes.
constexpr std::size_t kLeastShared = 2;
// The longest range to begin with, and what is taken before and behind the samples.
constexpr Bytes kRangeLength = Bytes{1} << 20U;
constexpr Bytes kMargin = Bytes{8} << 10U;

constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15U;

constexpr std::uint64_t Power(std::uint64_t base, std::size_t exponent) {
  std::uint64_t result = 1;
  for (std::size_t i = 0; i < exponent; ++i) {
    result *= base;
  }
  return result;
}

constexpr std::uint64_t kOldest = Power(kFactor, kSampleLength + 1);

// Calls `on_sample` with the hash of each sample and where it begins. A row that is all one byte,
// as padding is, is none.
template <typename OnSample>
void ForSamples(ByteSpan text, unsigned rate_log, OnSample on_sample) {
  std::uint64_t rolling = 0;
  std::size_t equal = 0;  // bytes that are as the one before them
  for (std::size_t i = 0; i < text.size(); ++i) {
    equal = i != 0 && text[i] == text[i - 1] ? equal + 1 : 0;
    rolling = (rolling + std::to_integer<std::uint64_t>(text[i]) + 1) * kFactor;
    if (i >= kSampleLength) {
      rolling -= (std::to_integer<std::uint64_t>(text[i - kSampleLength]) + 1) * kOldest;
    }
    if (i + 1 < kSampleLength || equal + 1 >= kSampleLength) {
      continue;
    }
    const auto mixed = (rolling ^ (rolling >> 32U)) * kFactor;
    if ((mixed >> (64U - rate_log)) == 0) {
      on_sample(static_cast<std::uint32_t>(mixed), i + 1 - kSampleLength);
    }
  }
}

unsigned RateLog(Bytes size) {
  unsigned log = kLeastRateLog;
  while ((size >> (kSmallTextLog + log - kLeastRateLog)) > 1) {
    ++log;
  }
  return log;
}

}  // namespace

SimilarityIndex::SimilarityIndex(Bytes size) : rate_log_(RateLog(size)) {
  samples_.reserve(static_cast<std::size_t>((size >> rate_log_) + (size >> (rate_log_ + 3))));
}

void SimilarityIndex::Add(ByteSpan piece) {
  // Samples across two pieces begin in the tail of the first.
  tail_.insert(tail_.end(), piece.begin(), piece.end());
  const auto begin = size_ - (tail_.size() - piece.size());
  ForSamples(tail_, rate_log_, [&](std::uint32_t hash, std::size_t at) {
    samples_.push_back(
        {.hash = hash, .place = static_cast<std::uint32_t>((begin + at) / kPlaceUnit)});
  });
  size_ += piece.size();
  if (tail_.size() >= kSampleLength) {
    tail_.erase(tail_.begin(), tail_.end() - (kSampleLength - 1));
  }
}

void SimilarityIndex::Finish() {
  std::ranges::sort(
      samples_, {}, [](const Sample& sample) { return std::pair(sample.hash, sample.place); });
}

namespace {

// A sample of the piece at a place of the text.
struct Hit {
  Bytes place = 0;
  std::size_t sample = 0;
};

// Hits that lie within `length` bytes and are of the most samples that are not covered yet.
struct Window {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t shared = 0;
};

Window BestWindow(const std::vector<Hit>& hits, const std::vector<bool>& covered, Bytes length) {
  std::vector<std::uint32_t> counts(covered.size());
  Window best;
  std::size_t shared = 0;
  std::size_t begin = 0;
  for (std::size_t end = 0; end < hits.size(); ++end) {
    const auto sample = hits[end].sample;
    shared += !covered[sample] && counts[sample]++ == 0 ? std::size_t{1} : 0;
    for (; hits[end].place + kPlaceUnit - hits[begin].place > length; ++begin) {
      const auto left = hits[begin].sample;
      shared -= !covered[left] && --counts[left] == 0 ? std::size_t{1} : 0;
    }
    if (shared > best.shared) {
      best = {.begin = begin, .end = end + 1, .shared = shared};
    }
  }
  return best;
}

// Ordered, those that touch in one.
std::vector<ByteRange> Join(std::vector<ByteRange> ranges) {
  std::ranges::sort(ranges, {}, &ByteRange::offset);
  std::vector<ByteRange> joined;
  for (const auto& range : ranges) {
    if (!joined.empty() && joined.back().End() >= range.offset) {
      joined.back().length = std::max(joined.back().End(), range.End()) - joined.back().offset;
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

}  // namespace

std::vector<ByteRange> SimilarityIndex::FindAlike(ByteSpan piece,
                                                  std::size_t most,
                                                  Bytes total,
                                                  Bytes unit) const {
  std::vector<std::uint32_t> hashes;
  ForSamples(piece, rate_log_, [&](std::uint32_t hash, std::size_t) { hashes.push_back(hash); });
  std::ranges::sort(hashes);
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  std::vector<Hit> hits;
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    const auto first = std::ranges::lower_bound(samples_, hashes[i], {}, &Sample::hash);
    const auto last = std::find_if(
        first, samples_.end(), [&](const Sample& sample) { return sample.hash != hashes[i]; });
    if (last - first > kMostPlaces) {
      continue;
    }
    for (auto sample = first; sample != last; ++sample) {
      hits.push_back({.place = sample->place * kPlaceUnit, .sample = i});
    }
  }
  std::ranges::sort(hits, {}, &Hit::place);
  std::vector<bool> covered(hashes.size());
  std::vector<ByteRange> ranges;
  Bytes taken = 0;
  while (ranges.size() < most && taken + 4 * kMargin < total) {
    const auto room = std::min(kRangeLength, total - taken) - 2 * kMargin - 2 * unit;
    const auto window = BestWindow(hits, covered, room);
    if (window.shared < kLeastShared) {
      break;
    }
    const auto first = hits[window.begin].place;
    const auto begin = RoundDown(first > kMargin ? first - kMargin : 0, unit);
    const auto end = std::min(RoundUp(hits[window.end - 1].place + kPlaceUnit + kMargin, unit),
                              RoundDown(size_, unit));
    if (end <= begin) {
      break;
    }
    ranges.push_back({.offset = begin, .length = end - begin});
    taken += end - begin;
    for (auto i = window.begin; i < window.end; ++i) {
      covered[hits[i].sample] = true;
    }
  }
  return Join(std::move(ranges));
}

}  // namespace ros::delta
