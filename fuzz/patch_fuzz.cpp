#include <algorithm>

#include "delta/added_bytes.hpp"
#include "delta/difference.hpp"
#include "delta/patch.hpp"
#include "fuzz/target.hpp"

namespace ros::fuzz {
namespace {

constexpr std::size_t kBaseLength = 2400;
constexpr std::size_t kTargetLength = 1800;

// Every eight bytes an address, and four bytes of something else.
std::string Base() {
  std::string base(kBaseLength, '\0');
  for (std::size_t i = 0; i < base.size(); i += 8) {
    StoreLe32(AsWritableBytes(base), i, static_cast<std::uint32_t>(i * 31 % kBaseLength + 4096));
    StoreLe32(AsWritableBytes(base), i + 4, static_cast<std::uint32_t>((i * i) ^ (i << 20U)));
  }
  return base;
}

// The same, moved, with other addresses and something new.
std::string Target() {
  auto target = Base().substr(320, kTargetLength);
  for (std::size_t i = 0; i < target.size(); i += 8) {
    StoreLe32(AsWritableBytes(target), i, LoadLe32(AsBytes(target), i) + 0x30);
  }
  target.replace(104, 40, "forty bytes that the base does not have.");
  return target;
}

// The steps of a difference with their length before them, and a row behind them.
std::string StepsAnd(const delta::Difference& difference, const std::string& row) {
  return static_cast<char>(difference.steps.size()) + difference.steps + row;
}

// Whatever comes of packed bytes can be packed, though not always to them: an encoder does not say
// what goes without saying.
void UnpackAndPack(ByteSpan base, std::string_view steps, std::string_view packed) {
  std::string added;
  const bool are_steps_read = Succeeds([&] {
    Bytes length = 0;
    delta::StepReader reader(steps, base.size());
    while (const auto step = reader.Next()) {
      length = std::min(length + step->length, delta::kMaxTarget);
    }
    added.resize(std::min<Bytes>(length, kTargetLength));
  });
  if (are_steps_read &&
      Succeeds([&] { delta::UnpackAddedBytes(base, steps, packed, AsWritableBytes(added)); })) {
    const auto again = delta::PackAddedBytes(base, steps, added);
    std::string back(added.size(), '?');
    delta::UnpackAddedBytes(base, steps, again, AsWritableBytes(back));
    Expect(back == added, "what was unpacked is packed, and unpacked, to the same");
  }
}

}  // namespace

// A patch, and then the same bytes as the rows of a difference, as they are and with the added ones
// packed: a row that LZMA packed is rarely hit upon.
void Run(ByteSpan input) {
  const auto base = Base();
  std::vector<std::byte> into(kTargetLength);
  Succeeds([&] { delta::ApplyPatch(AsBytes(base), input, into); });
  if (input.empty()) {
    return;
  }
  const auto text = AsText(input).substr(1);
  const auto steps = text.substr(0, std::to_integer<std::size_t>(input[0]));
  const auto rest = text.substr(steps.size());
  UnpackAndPack(AsBytes(base), steps, rest);
  delta::ApplyDifference(AsBytes(base),
                         {.steps = steps,
                          .added = rest.substr(0, rest.size() / 2),
                          .fresh = rest.substr(rest.size() / 2)},
                         into);
}

std::vector<Seed> Seeds() {
  const auto base = Base();
  const auto difference = delta::FindDifference(AsBytes(base), AsBytes(Target()));
  const auto patch = delta::MakePatch(AsBytes(base), AsBytes(Target()));
  Expect(patch.front() == 1, "the added bytes of the seed are packed by the base");
  return {{"patch", patch},
          {"same", delta::MakePatch(AsBytes(base), AsBytes(base).first(kTargetLength))},
          {"empty", delta::MakePatch(AsBytes(base), {})},
          {"rows", StepsAnd(difference, difference.added + difference.fresh)},
          {"added",
           StepsAnd(difference,
                    delta::PackAddedBytes(AsBytes(base), difference.steps, difference.added))}};
}

}  // namespace ros::fuzz
