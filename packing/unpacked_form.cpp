#include "packing/unpacked_form.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "packing/lz4_legacy.hpp"

namespace ros::packing {
namespace {

constexpr std::string_view kFormMagic = "ROSPLAIN";
constexpr std::uint32_t kFormVersion = 1;
constexpr std::size_t kFormVersionOffset = 8;
constexpr std::size_t kPackingOffset = 12;
constexpr std::size_t kBeforeOffset = 16;
constexpr std::size_t kUnpackedOffset = 24;
constexpr std::size_t kBehindOffset = 32;

[[noreturn]] void RefuseForm(const std::string& why) {
  throw Error(ErrorKind::kVerification, "the unpacked form: " + why);
}

FormLayout LayoutOf(const PackedPart& part, Bytes size) {
  Bytes unpacked = 0;
  for (const auto& block : part.blocks) {
    unpacked += block.length;
  }
  return {.packing = part.packing,
          .before = part.packing == Packing::kNone ? size : part.range.offset,
          .unpacked = unpacked,
          .behind = part.packing == Packing::kNone ? 0 : size - part.range.End()};
}

void CheckLayout(const FormLayout& layout) {
  Bytes total = kFormHeaderSize;
  for (const auto length : {layout.before, layout.unpacked, layout.behind}) {
    if (length > kMaxUnpackedForm - total) {
      RefuseForm("longer than " + FormatBytes(kMaxUnpackedForm));
    }
    total += length;
  }
}

}  // namespace

void WriteFormHeader(const FormLayout& layout, MutableByteSpan into) {
  std::ranges::fill(into, std::byte{0});
  std::memcpy(into.data(), kFormMagic.data(), kFormMagic.size());
  StoreLe32(into, kFormVersionOffset, kFormVersion);
  StoreLe32(into, kPackingOffset, static_cast<std::uint32_t>(layout.packing));
  StoreLe64(into, kBeforeOffset, layout.before);
  StoreLe64(into, kUnpackedOffset, layout.unpacked);
  StoreLe64(into, kBehindOffset, layout.behind);
}

FormLayout ParseFormHeader(ByteSpan header) {
  if (header.size() < kFormHeaderSize || !AsText(header).starts_with(kFormMagic)) {
    RefuseForm("it does not begin with " + std::string(kFormMagic));
  }
  if (const auto version = LoadLe32(header, kFormVersionOffset); version != kFormVersion) {
    RefuseForm("version " + std::to_string(version) + " is not known");
  }
  const FormLayout layout{.packing = Packing{LoadLe32(header, kPackingOffset)},
                          .before = LoadLe64(header, kBeforeOffset),
                          .unpacked = LoadLe64(header, kUnpackedOffset),
                          .behind = LoadLe64(header, kBehindOffset)};
  if (layout.packing != Packing::kNone && layout.packing != Packing::kLz4Legacy) {
    RefuseForm("a packing that is not known");
  }
  if (layout.packing == Packing::kNone && layout.unpacked != 0) {
    RefuseForm("it has a part that was packed, and does not say how");
  }
  CheckLayout(layout);
  return layout;
}

UnpackedForm::UnpackedForm(ReadBytes read, Bytes size)
    : read_(std::move(read)), part_(FindPackedPart(read_, size)), layout_(LayoutOf(part_, size)) {
  CheckLayout(layout_);
  WriteFormHeader(layout_, header_.span());
  if (layout_.packing != Packing::kNone) {
    block_.emplace(kLz4BlockLength);
  }
}

void UnpackedForm::Read(Bytes offset, MutableByteSpan into) {
  if (offset > size() || into.size() > size() - offset) {
    throw Error(ErrorKind::kFailed, "an unpacked form is read beyond its end");
  }
  while (!into.empty()) {
    const auto done = ReadPart(offset, into);
    offset += done;
    into = into.subspan(done);
  }
}

std::size_t UnpackedForm::ReadPart(Bytes offset, MutableByteSpan into) {
  Bytes begin = 0;  // of the part, in the form
  // What there is of a part of this length from `offset` on; empty where that lies behind it.
  const auto in_part = [&](Bytes length) -> MutableByteSpan {
    if (offset < begin + length) {
      return into.first(std::min<Bytes>(into.size(), begin + length - offset));
    }
    begin += length;
    return {};
  };
  if (const auto found = in_part(kFormHeaderSize); !found.empty()) {
    std::ranges::copy(std::as_const(header_).span().subspan(offset, found.size()), found.begin());
    return found.size();
  }
  if (const auto found = in_part(layout_.before); !found.empty()) {
    read_(offset - begin, found);
    return found.size();
  }
  if (auto found = in_part(layout_.unpacked); !found.empty()) {
    const auto number = (offset - begin) / kLz4BlockLength;
    const auto rest = Block(number).subspan((offset - begin) % kLz4BlockLength);
    found = found.first(std::min(found.size(), rest.size()));
    std::ranges::copy(rest.first(found.size()), found.begin());
    return found.size();
  }
  if (const auto found = in_part(layout_.behind); !found.empty()) {
    read_(part_.range.End() + (offset - begin), found);
    return found.size();
  }
  std::ranges::fill(into, std::byte{0});
  return into.size();
}

ByteSpan UnpackedForm::Block(std::size_t number) {
  const auto& block = part_.blocks.at(number);
  const auto content = block_->span().first(block.length);
  if (held_ != number) {
    held_.reset();
    AlignedBuffer packed(block.packed_length);
    read_(block.offset, packed.span());
    if (UnpackLz4Block(packed.span(), content) != block.length) {
      RefuseForm("the file has changed while it was read");
    }
    held_ = number;
  }
  return content;
}

bool UnpackedForm::PacksAsItWas() {
  if (layout_.packing == Packing::kNone) {
    return true;
  }
  const auto& first = part_.blocks.front();
  Lz4BlockPacker packer;
  const auto again = packer.Pack(Block(0)).subspan(kLz4LengthSize);
  AlignedBuffer before(first.packed_length);
  read_(first.offset, before.span());
  return std::ranges::equal(again, before.span());
}

}  // namespace ros::packing
