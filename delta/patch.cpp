#include "delta/patch.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "delta/added_bytes.hpp"
#include "delta/difference.hpp"
#include "delta/numbers.hpp"
#include "delta/packed_row.hpp"

namespace ros::delta {
namespace {

// The longest row of bytes is packed behind the base.
constexpr Bytes kWindow = kMaxBase + 2 * kMaxTarget;
// A step is three numbers and makes a byte at least, but for one that only seeks.
constexpr Bytes kMaxSteps = kMaxTarget;
// Three rows, and what unpacking one of them takes: the dictionary and what liblzma has beside it,
// or what is learned of the added bytes.
constexpr Bytes kRows = kMaxSteps + 2 * kMaxTarget;
static_assert(kRows + kMaxBase + kMaxTarget + (Bytes{1} << 20U) <= kMaxApplyMemory);
static_assert(kRows + kAddedBytesMemory <= kMaxApplyMemory);

// How the added bytes are packed.
enum AddedPacking : std::uint64_t { kByLzma = 0, kByBase = 1 };

[[noreturn]] void RefusePatch(const std::string& why) {
  throw Error(ErrorKind::kVerification, why);
}

// A row as a patch has it.
struct PackedRow {
  Bytes length = 0;
  std::string_view packed;
};

struct PackedRows {
  AddedPacking added_packing = kByLzma;
  PackedRow steps;
  PackedRow added;
  PackedRow fresh;
};

PackedRows ReadRows(std::string_view patch) {
  NumberReader numbers(patch);
  PackedRows rows;
  const auto packing = numbers.Next();
  if (packing > kByBase) {
    RefusePatch("its added bytes are packed in a way that is not known");
  }
  rows.added_packing = static_cast<AddedPacking>(packing);
  constexpr std::array<Bytes, 3> kLimits = {kMaxSteps, kMaxTarget, kMaxTarget};
  const std::array<PackedRow*, 3> in_turn = {&rows.steps, &rows.added, &rows.fresh};
  std::array<Bytes, 3> packed_lengths{};
  for (std::size_t i = 0; i < in_turn.size(); ++i) {
    in_turn[i]->length = numbers.Next();
    packed_lengths[i] = numbers.Next();
    if (in_turn[i]->length > kLimits[i]) {
      RefusePatch("a row of it is longer than " + FormatBytes(kLimits[i]));
    }
  }
  auto rest = numbers.rest();
  for (std::size_t i = 0; i < in_turn.size(); ++i) {
    if (packed_lengths[i] > rest.size()) {
      RefusePatch("it ends within a row");
    }
    in_turn[i]->packed = rest.substr(0, packed_lengths[i]);
    rest.remove_prefix(packed_lengths[i]);
  }
  if (!rest.empty()) {
    RefusePatch("there is something behind its rows");
  }
  return rows;
}

// What LZMA packs is unpacked four times as fast: a fifth must be spared.
bool IsWorthItsTime(std::string_view by_base, std::string_view by_lzma) {
  return by_base.size() * 5 < by_lzma.size() * 4;
}

std::string UnpackAdded(ByteSpan base, std::string_view steps, const PackedRows& rows) {
  if (rows.added_packing == kByLzma) {
    return UnpackRow(rows.added.packed, rows.added.length, {});
  }
  std::string added(rows.added.length, '\0');
  UnpackAddedBytes(base, steps, rows.added.packed, AsWritableBytes(added));
  return added;
}

}  // namespace

std::string MakePatch(ByteSpan base, ByteSpan target) {
  if (base.size() > kMaxBase || target.size() > kMaxTarget) {
    throw Error(ErrorKind::kFailed, "a patch is made of longer pieces than may be applied");
  }
  const auto difference = FindDifference(base, target);
  const auto steps = PackRow(difference.steps, {}, kWindow);
  auto added = PackRow(difference.added, {}, kWindow);
  auto added_packing = kByLzma;
  if (auto by_base = PackAddedBytes(base, difference.steps, difference.added);
      IsWorthItsTime(by_base, added)) {
    added = std::move(by_base);
    added_packing = kByBase;
  }
  const auto fresh = PackRow(difference.fresh, base, kWindow);
  std::string patch;
  AppendNumber(patch, added_packing);
  AppendNumber(patch, difference.steps.size());
  AppendNumber(patch, steps.size());
  AppendNumber(patch, difference.added.size());
  AppendNumber(patch, added.size());
  AppendNumber(patch, difference.fresh.size());
  AppendNumber(patch, fresh.size());
  return patch + steps + added + fresh;
}

void ApplyPatch(ByteSpan base, ByteSpan patch, MutableByteSpan into) {
  InContext("the patch", [&] {
    if (base.size() > kMaxBase || into.size() > kMaxTarget) {
      RefusePatch("it is of longer pieces than may be applied");
    }
    const auto rows = ReadRows(AsText(patch));
    const auto steps = UnpackRow(rows.steps.packed, rows.steps.length, {});
    const auto added = UnpackAdded(base, steps, rows);
    const auto fresh = UnpackRow(rows.fresh.packed, rows.fresh.length, base);
    ApplyDifference(base, {.steps = steps, .added = added, .fresh = fresh}, into);
  });
}

}  // namespace ros::delta
