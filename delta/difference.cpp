#include "delta/difference.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "delta/numbers.hpp"
#include "delta/suffix_array.hpp"

namespace ros::delta {
namespace {

// Another place of the base must be alike in so many bytes more to be worth a step.
constexpr std::size_t kWorthAStep = 8;
constexpr std::size_t kLongMatch = 256;

// From byte `target` on, the target is taken from byte `base` on of the base.
struct Alignment {
  std::size_t target = 0;
  std::size_t base = 0;
};

// An alignment that begins with `length` equal bytes; at the target's end where there is no more.
struct Anchor {
  Alignment start;
  std::size_t length = 0;
};

class DifferenceFinder {
 public:
  DifferenceFinder(ByteSpan base, ByteSpan target) : base_(base), target_(target), ends_(base) {}

  Difference Find() {
    Alignment now;
    std::size_t scan = 0;
    while (now.target < target_.size()) {
      const auto next = FindAnchor(now, scan);
      const auto [forward, backward] = DivideGap(now, next.start);
      const auto end = next.start.target - backward;
      AddStep(now, forward, end);
      now = {.target = end, .base = next.start.base - backward};
      scan = next.start.target + next.length;
      if (next.start.target == target_.size()) {
        break;
      }
    }
    return std::move(found_);
  }

 private:
  // Whether the target's byte is the base's when both are aligned so.
  [[nodiscard]] bool IsSame(const Alignment& alignment, std::size_t at) const {
    const auto in_base = alignment.base + (at - alignment.target);
    return in_base < base_.size() && base_[in_base] == target_[at];
  }

  [[nodiscard]] std::size_t CountSame(const Alignment& now,
                                      std::size_t begin,
                                      std::size_t end) const {
    std::size_t same = 0;
    for (auto at = begin; at < end; ++at) {
      same += IsSame(now, at) ? std::size_t{1} : 0;
    }
    return same;
  }

  // From `scan` on, the first place where another alignment than the present one is clearly better.
  [[nodiscard]] Anchor FindAnchor(const Alignment& now, std::size_t scan) const {
    std::size_t same = 0;  // bytes that the present alignment has right, of `scan` to `counted`
    std::size_t counted = scan;
    while (scan < target_.size()) {
      const auto found = ends_.FindLongest(target_.subspan(scan));
      const auto end = scan + found.length;
      same += CountSame(now, counted, end);
      counted = std::max(counted, end);
      if (found.length > same + kWorthAStep) {
        return {.start = {.target = scan, .base = found.at}, .length = found.length};
      }
      const auto next = scan + StepOver(found.length, same);
      same -= CountSame(now, scan, std::min(next, counted));
      scan = next;
      counted = std::max(counted, scan);
    }
    return {.start = {.target = target_.size(), .base = base_.size()}, .length = 0};
  }

  // How far to go on from a match of which the present alignment has so many bytes right. All of
  // it where that is the match; a long one that is no better would be looked at again from each of
  // its bytes.
  static std::size_t StepOver(std::size_t length, std::size_t same) {
    if (length != 0 && length == same) {
      return length;
    }
    return length > kLongMatch ? length / 2 : 1;
  }

  // How far the present alignment goes on towards the next one, and that one backwards.
  [[nodiscard]] std::pair<std::size_t, std::size_t> DivideGap(const Alignment& now,
                                                              const Alignment& next) const {
    const auto gap = next.target - now.target;
    const auto forward = ForwardLength(now, gap);
    const auto backward = BackwardLength(next, gap);
    if (forward + backward <= gap) {
      return {forward, backward};
    }
    // Both want the middle: it is cut where the most bytes are right.
    const auto overlap = forward + backward - gap;
    const auto begin = now.target + forward - overlap;
    std::ptrdiff_t score = 0;
    std::ptrdiff_t best = 0;
    std::size_t cut = 0;
    for (std::size_t i = 0; i < overlap; ++i) {
      const auto at = begin + i;
      score += IsSame(now, at) ? 1 : 0;
      score -= base_[next.base - (next.target - at)] == target_[at] ? 1 : 0;
      if (score > best) {
        best = score;
        cut = i + 1;
      }
    }
    return {forward - overlap + cut, backward - cut};
  }

  // The length at which more than half of the bytes are right, by the most.
  [[nodiscard]] std::size_t ForwardLength(const Alignment& now, std::size_t gap) const {
    const auto most = std::min(gap, base_.size() - now.base);
    std::ptrdiff_t score = 0;
    std::ptrdiff_t best = 0;
    std::size_t length = 0;
    for (std::size_t i = 0; i < most; ++i) {
      score += base_[now.base + i] == target_[now.target + i] ? 1 : -1;
      if (score > best) {
        best = score;
        length = i + 1;
      }
    }
    return length;
  }

  [[nodiscard]] std::size_t BackwardLength(const Alignment& next, std::size_t gap) const {
    if (next.target == target_.size()) {
      return 0;
    }
    const auto most = std::min(gap, next.base);
    std::ptrdiff_t score = 0;
    std::ptrdiff_t best = 0;
    std::size_t length = 0;
    for (std::size_t i = 1; i <= most; ++i) {
      score += base_[next.base - i] == target_[next.target - i] ? 1 : -1;
      if (score > best) {
        best = score;
        length = i;
      }
    }
    return length;
  }

  // `length` bytes from the base, then fresh ones up to `end` of the target.
  void AddStep(const Alignment& from, std::size_t length, std::size_t end) {
    const auto fresh = end - from.target - length;
    if (length == 0 && fresh == 0) {
      return;
    }
    AppendSigned(found_.steps,
                 static_cast<std::int64_t>(from.base) - static_cast<std::int64_t>(base_end_));
    AppendNumber(found_.steps, length);
    AppendNumber(found_.steps, fresh);
    for (std::size_t i = 0; i < length; ++i) {
      found_.added.push_back(static_cast<char>(std::to_integer<unsigned>(target_[from.target + i]) -
                                               std::to_integer<unsigned>(base_[from.base + i])));
    }
    found_.fresh.append(AsText(target_.subspan(from.target + length, fresh)));
    base_end_ = from.base + length;
  }

  ByteSpan base_;
  ByteSpan target_;
  SuffixArray ends_;
  Difference found_;
  std::size_t base_end_ = 0;  // of the last step
};

[[noreturn]] void RefuseDifference(const std::string& why) {
  throw Error(ErrorKind::kVerification, why);
}

// Takes so many bytes off the front.
std::string_view Take(std::string_view& row, std::uint64_t length, const char* name) {
  if (length > row.size()) {
    RefuseDifference(std::string("its ") + name + " bytes end before its steps do");
  }
  const auto taken = row.substr(0, length);
  row.remove_prefix(length);
  return taken;
}

// As ApplyDifference, without saying in front of an error what it is of.
void Apply(ByteSpan base, const DifferenceView& difference, MutableByteSpan into) {
  StepReader steps(difference.steps, base.size());
  auto added = difference.added;
  auto fresh = difference.fresh;
  std::size_t done = 0;
  const auto room_for = [&](std::uint64_t length) {
    if (length > into.size() - done) {
      RefuseDifference("it makes more than " + std::to_string(into.size()) + " bytes");
    }
  };
  while (const auto step = steps.Next()) {
    room_for(step->length);
    const auto numbers = Take(added, step->length, "added");
    std::transform(numbers.begin(),
                   numbers.end(),
                   base.begin() + static_cast<std::ptrdiff_t>(step->base),
                   into.begin() + static_cast<std::ptrdiff_t>(done),
                   [](char number, std::byte old) {
                     return static_cast<std::byte>(static_cast<unsigned char>(number) +
                                                   std::to_integer<unsigned>(old));
                   });
    done += step->length;
    room_for(step->fresh);
    const auto bytes = AsBytes(Take(fresh, step->fresh, "fresh"));
    std::ranges::copy(bytes, into.begin() + static_cast<std::ptrdiff_t>(done));
    done += step->fresh;
  }
  if (done != into.size() || !added.empty() || !fresh.empty()) {
    RefuseDifference("it makes " + std::to_string(done) + " bytes instead of " +
                     std::to_string(into.size()) + ", or has bytes left over");
  }
}

}  // namespace

std::optional<Step> StepReader::Next() {
  if (numbers_.empty()) {
    return std::nullopt;
  }
  Step step;
  step.base = at_ + static_cast<std::uint64_t>(numbers_.NextSigned());
  step.length = numbers_.Next();
  if (step.base > base_size_ || step.length > base_size_ - step.base) {
    RefuseDifference("a step leaves the " + std::to_string(base_size_) + " bytes of the base");
  }
  step.fresh = numbers_.Next();
  at_ = step.base + step.length;
  return step;
}

Difference FindDifference(ByteSpan base, ByteSpan target) {
  return DifferenceFinder(base, target).Find();
}

void ApplyDifference(ByteSpan base, const DifferenceView& difference, MutableByteSpan into) {
  InContext("the difference", [&] { Apply(base, difference, into); });
}

}  // namespace ros::delta
