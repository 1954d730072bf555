#include "delta/difference.hpp"
#include "delta/patch.hpp"
#include "fuzz/target.hpp"

namespace ros::fuzz {
namespace {

constexpr std::size_t kTargetLength = 600;

std::string Base() {
  std::string base;
  for (unsigned i = 0; i < 1000; ++i) {
    base.push_back(static_cast<char>((i * i) >> 3U));
  }
  return base;
}

std::string Target() {
  auto target = Base().substr(300, kTargetLength);
  target.replace(100, 40, "forty bytes that the base does not have.");
  for (std::size_t at = 0; at < target.size(); at += 16) {
    ++target[at];
  }
  return target;
}

}  // namespace

// A patch, and then the same bytes as the rows of a difference: a packed row is rarely hit upon.
void Run(ByteSpan input) {
  const auto base = Base();
  std::vector<std::byte> into(kTargetLength);
  Succeeds([&] { delta::ApplyPatch(AsBytes(base), input, into); });
  const auto text = AsText(input);
  const auto steps = text.substr(0, text.size() / 8);
  const auto rest = text.substr(steps.size());
  delta::ApplyDifference(AsBytes(base),
                         {.steps = steps,
                          .added = rest.substr(0, rest.size() / 2),
                          .fresh = rest.substr(rest.size() / 2)},
                         into);
}

std::vector<Seed> Seeds() {
  const auto difference = delta::FindDifference(AsBytes(Base()), AsBytes(Target()));
  return {{"patch", delta::MakePatch(AsBytes(Base()), AsBytes(Target()))},
          {"empty", delta::MakePatch(AsBytes(Base()), {})},
          {"rows", difference.steps + difference.added + difference.fresh}};
}

}  // namespace ros::fuzz
