#include "images/file_delta.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "images/refusal.hpp"
#include "images/root_delta.hpp"
#include "packing/repacker.hpp"
#include "packing/unpacked_form.hpp"

namespace ros::images {
namespace {

static_assert(packing::kFormUnit == kMaxChunkLength);

constexpr std::size_t kMaxUnits = packing::kMaxUnpackedForm / packing::kFormUnit;

// Units as chunks; their digests are of no use on a machine.
std::vector<Chunk> UnitsOf(std::size_t count) {
  return std::vector<Chunk>(count, {.length = static_cast<std::uint32_t>(packing::kFormUnit)});
}

packing::UnpackedForm FormOf(std::string_view content) {
  return {[content](Bytes offset, MutableByteSpan into) {
            std::memcpy(into.data(), content.data() + offset, into.size());
          },
          content.size()};
}

// Whether bytes that come in order are a file.
class Comparison {
 public:
  explicit Comparison(std::string_view expected) : rest_(AsBytes(expected)) {}

  void Take(ByteSpan bytes) {
    equal_ = equal_ && bytes.size() <= rest_.size() &&
             std::ranges::equal(bytes, rest_.first(bytes.size()));
    rest_ = rest_.subspan(equal_ ? bytes.size() : rest_.size());
  }

  [[nodiscard]] bool IsEqual() const { return equal_ && rest_.empty(); }

 private:
  ByteSpan rest_;
  bool equal_ = true;
};

// The unpacked form of a file as a new file, and its units; nothing where nothing of it is packed,
// or the file is not made of it again.
std::optional<std::vector<Chunk>> WriteForm(std::string_view content,
                                            const std::filesystem::path& path) {
  if (content.size() > packing::kMaxUnpackedForm / 2) {
    return std::nullopt;  // Its form may be longer than one may be.
  }
  auto form = FormOf(content);
  if (form.layout().packing == packing::Packing::kNone && !content.empty()) {
    return std::nullopt;
  }
  auto units = UnitsOf(form.size() / packing::kFormUnit);
  Comparison comparison(content);
  packing::Repacker repacker;
  auto fd = OpenFile(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  std::vector<std::byte> unit(packing::kFormUnit);
  Bytes at = 0;
  for (auto& described : units) {
    form.Read(at, unit);
    described.digest = keys::Sha256Of(unit);
    WriteFull(fd.get(), at, unit, path.string());
    packing::AddAll(repacker, unit, [&](ByteSpan made) { comparison.Take(made); });
    at += unit.size();
  }
  repacker.Finish();
  fd.Close(path.string());
  return comparison.IsEqual() ? std::optional(std::move(units)) : std::nullopt;
}

bool IsWorthIt(const MadeFileDelta& made, Bytes file_size) {
  constexpr Bytes kTenths = 9;
  return made.index.size() + made.patches.size() < file_size / 10 * kTenths;
}

}  // namespace

const DeltaLayers* FindFileDelta(const std::vector<DeltaLayers>& deltas, std::string_view base) {
  const auto found = std::ranges::find(deltas, base, &DeltaLayers::base);
  return found == deltas.end() ? nullptr : &*found;
}

Delta ReadFileDelta(const ImageSource& source, const DeltaLayers& layers) {
  const auto raw = ReadBlob(source, layers.index, kMaxDeltaIndexSize);
  const auto count = DeltaChunkCount(AsBytes(raw));
  if (count == 0 || count > kMaxUnits) {
    Refuse("the delta index", std::to_string(count) + " chunks are no kernel or initrd");
  }
  const auto patches = layers.patches.value_or(Descriptor());
  Delta delta{.patches = patches,
              .index = ParseDeltaIndex(AsBytes(raw), UnitsOf(count), patches.size)};
  if (std::ranges::find(delta.index.chunks, DeltaChunk::Kind::kFrame, &DeltaChunk::kind) !=
      delta.index.chunks.end()) {
    Refuse("the delta index", "a chunk of a kernel or initrd has no frame");
  }
  return delta;
}

std::optional<MadeFileDelta> MakeFileDelta(const FilePair& files,
                                           const std::filesystem::path& work,
                                           Progress& progress) {
  const TempDirectory forms(work, "forms");
  const auto old_form = forms.path() / "old";
  const auto new_form = forms.path() / "new";
  const auto patches = forms.path() / "patches";
  const auto new_units = WriteForm(files.target, new_form);
  auto old_units = WriteForm(files.base, old_form);
  if (!new_units || !old_units) {
    return std::nullopt;
  }
  const auto layer =
      MakeDelta({.name = files.base_name, .chunks = std::move(*old_units), .root = old_form},
                {.root = new_form, .chunks = *new_units},
                patches,
                progress);
  MadeFileDelta made{.index = WriteDeltaIndex(layer.index, *new_units),
                     .patches = ReadFile(patches, layer.size)};
  return IsWorthIt(made, files.target.size()) ? std::optional(std::move(made)) : std::nullopt;
}

}  // namespace ros::images
