#include "delta/patch.hpp"

#include <lzma.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "delta/added_bytes.hpp"
#include "delta/difference.hpp"
#include "delta/numbers.hpp"

namespace ros::delta {
namespace {

// The longest row of bytes is packed behind the base.
constexpr std::uint32_t kWindow = kMaxBase + 2 * kMaxTarget;
// A step is three numbers and makes a byte at least, but for one that only seeks.
constexpr Bytes kMaxSteps = kMaxTarget;
// Three rows, and what unpacking one of them takes: the dictionary and what liblzma has beside it,
// or what is learned of the added bytes.
constexpr Bytes kRows = kMaxSteps + 2 * kMaxTarget;
static_assert(kRows + kMaxBase + kMaxTarget + (Bytes{1} << 20U) <= kMaxApplyMemory);
static_assert(kRows + kAddedBytesMemory <= kMaxApplyMemory);

// How the added bytes are packed.
enum AddedPacking : std::uint64_t { kByLzma = 0, kByBase = 1 };

// LZMA2 without a container: who reads and who writes must agree on all of this but the
// dictionary's size, which must reach back over what is known and the row.
lzma_options_lzma Options(ByteSpan known, std::uint32_t window) {
  lzma_options_lzma options = {};
  if (lzma_lzma_preset(&options, 9U | LZMA_PRESET_EXTREME)) {
    throw Error(ErrorKind::kFailed, "liblzma does not know its highest preset");
  }
  options.dict_size = window;
  options.lc = 3;
  options.lp = 0;
  options.pb = 0;  // Nothing in these rows is at multiples of four.
  options.preset_dict = reinterpret_cast<const std::uint8_t*>(known.data());
  options.preset_dict_size = static_cast<std::uint32_t>(known.size());
  return options;
}

using Filters = std::array<lzma_filter, 2>;

Filters FiltersOf(lzma_options_lzma& options) {
  return {{{.id = LZMA_FILTER_LZMA2, .options = &options},
           {.id = LZMA_VLI_UNKNOWN, .options = nullptr}}};
}

// Packs a row; bytes of `known` that it repeats cost little.
std::string Pack(std::string_view row, ByteSpan known) {
  if (row.empty()) {
    return {};
  }
  auto options = Options(known, kWindow);
  const auto filters = FiltersOf(options);
  // LZMA2 stores what it cannot make smaller, with a few bytes for each 64 KiB.
  constexpr std::size_t kGrowth = 4096;
  std::string packed(row.size() + row.size() / 8 + kGrowth, '\0');
  std::size_t length = 0;
  if (lzma_raw_buffer_encode(filters.data(),
                             nullptr,
                             reinterpret_cast<const std::uint8_t*>(row.data()),
                             row.size(),
                             reinterpret_cast<std::uint8_t*>(packed.data()),
                             &length,
                             packed.size()) != LZMA_OK) {
    throw Error(ErrorKind::kFailed, "a patch cannot be packed; memory does not suffice");
  }
  packed.resize(length);
  return packed;
}

[[noreturn]] void RefusePatch(const std::string& why) {
  throw Error(ErrorKind::kVerification, why);
}

// Unpacks a row that has just this length.
std::string Unpack(std::string_view packed, Bytes length, ByteSpan known) {
  std::string row(length, '\0');
  if (length == 0 && packed.empty()) {
    return row;
  }
  const auto reach = std::max<Bytes>(known.size() + length, LZMA_DICT_SIZE_MIN);
  auto options = Options(known, static_cast<std::uint32_t>(reach));
  const auto filters = FiltersOf(options);
  std::size_t used = 0;
  std::size_t made = 0;
  const auto result = lzma_raw_buffer_decode(filters.data(),
                                             nullptr,
                                             reinterpret_cast<const std::uint8_t*>(packed.data()),
                                             &used,
                                             packed.size(),
                                             reinterpret_cast<std::uint8_t*>(row.data()),
                                             &made,
                                             row.size());
  if (result == LZMA_MEM_ERROR) {
    throw Error(ErrorKind::kFailed, "out of memory");
  }
  if (result != LZMA_OK || used != packed.size() || made != length) {
    RefusePatch("a row of it is damaged, or has another length than it says");
  }
  return row;
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
    return Unpack(rows.added.packed, rows.added.length, {});
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
  const auto steps = Pack(difference.steps, {});
  auto added = Pack(difference.added, {});
  auto added_packing = kByLzma;
  if (auto by_base = PackAddedBytes(base, difference.steps, difference.added);
      IsWorthItsTime(by_base, added)) {
    added = std::move(by_base);
    added_packing = kByBase;
  }
  const auto fresh = Pack(difference.fresh, base);
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
    const auto steps = Unpack(rows.steps.packed, rows.steps.length, {});
    const auto added = UnpackAdded(base, steps, rows);
    const auto fresh = Unpack(rows.fresh.packed, rows.fresh.length, base);
    ApplyDifference(base, {.steps = steps, .added = added, .fresh = fresh}, into);
  });
}

}  // namespace ros::delta
