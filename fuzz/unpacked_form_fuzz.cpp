#include <algorithm>
#include <cstring>
#include <string>

#include "fuzz/target.hpp"
#include "packing/lz4_legacy.hpp"
#include "packing/repacker.hpp"
#include "packing/unpacked_form.hpp"

namespace ros::fuzz {
namespace {

using packing::FormLayout;

packing::UnpackedForm FormOf(ByteSpan file) {
  return {[file](Bytes offset, MutableByteSpan into) {
            Expect(offset <= file.size() && into.size() <= file.size() - offset,
                   "nothing is read beyond the file");
            std::ranges::copy(file.subspan(offset, into.size()), into.begin());
          },
          file.size()};
}

// The file that comes of a form of this layout, whose bytes are the input over and over.
Bytes Repack(const FormLayout& layout, ByteSpan input) {
  Bytes length = 0;
  const auto count = [&](ByteSpan made) { length += made.size(); };
  packing::Repacker repacker;
  std::string header(packing::kFormHeaderSize, '\0');
  packing::WriteFormHeader(layout, AsWritableBytes(header));
  packing::AddAll(repacker, AsBytes(header), count);
  for (Bytes done = header.size(); done < layout.Size(); done += input.size()) {
    packing::AddAll(repacker, input, count);
  }
  repacker.Finish();
  return length;
}

// A bzImage whose payload is this, at byte 1024.
std::string SmallKernel(const std::string& payload) {
  std::string kernel(1024, 'k');
  StoreLe32(AsWritableBytes(kernel), 0x202, 0x53726448);
  StoreLe16(AsWritableBytes(kernel), 0x206, 0x20f);
  kernel[0x1f1] = 1;
  StoreLe32(AsWritableBytes(kernel), 0x248, 0);
  StoreLe32(AsWritableBytes(kernel), 0x24c, static_cast<std::uint32_t>(payload.size() + 4));
  return kernel + payload + "size" + "behind";
}

}  // namespace

// A file, and then a form's header with its first bytes as content.
void Run(ByteSpan input) {
  auto form = FormOf(input);
  const auto& layout = form.layout();
  Expect(layout.packing != packing::Packing::kNone || layout.before == input.size(),
         "what is not packed is there as it is");
  std::string text(form.size(), '\0');
  form.Read(0, AsWritableBytes(text));
  Expect(packing::ParseFormHeader(AsBytes(text)) == layout, "the header reads as it was written");
  std::string file;
  packing::Repacker repacker;
  packing::AddAll(repacker, AsBytes(text), [&](ByteSpan made) { file.append(AsText(made)); });
  repacker.Finish();
  auto again = FormOf(AsBytes(file));
  Expect(again.layout().unpacked == layout.unpacked || !form.PacksAsItWas(),
         "what is packed again holds as much");
  if (layout.packing == packing::Packing::kNone) {
    Expect(std::ranges::equal(AsBytes(file), input), "it comes back");
  }
  std::string header(packing::kFormHeaderSize, '\0');
  std::memcpy(header.data(), input.data(), std::min(input.size(), header.size()));
  const auto hostile = packing::ParseFormHeader(AsBytes(header));
  constexpr Bytes kQuick = Bytes{20} << 20U;
  if (hostile.Size() <= kQuick) {
    Expect(Repack(hostile, input) >= hostile.before + hostile.behind, "nothing is lost");
  }
}

std::vector<Seed> Seeds() {
  const auto packed = packing::PackLz4(AsBytes(std::string(3000, 'a') + "an end"));
  std::string header(packing::kFormHeaderSize, '\0');
  packing::WriteFormHeader(
      {.packing = packing::Packing::kLz4Legacy, .before = 5, .unpacked = 70, .behind = 6},
      AsWritableBytes(header));
  return {{"initrd", packed},
          {"kernel", SmallKernel(packed)},
          {"form", header.substr(0, 60)},
          {"plain", "nothing that is packed"}};
}

}  // namespace ros::fuzz
