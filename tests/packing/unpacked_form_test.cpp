#include "packing/unpacked_form.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>

#include "base/error.hpp"
#include "packing/lz4_legacy.hpp"
#include "packing/repacker.hpp"
#include "tests/delta/support/changed_program.hpp"
#include "tests/packing/support/packed_kernel.hpp"

using namespace ros;
using namespace ros::packing;
using delta::fakes::MakeProgram;
using fakes::MakeKernelOf;
using fakes::MakeLz4Kernel;

namespace {

constexpr Bytes kThreeBlocks = 2 * kLz4BlockLength + 12'345;

UnpackedForm FormOf(const std::string& file) {
  return UnpackedForm(
      [&file](Bytes offset, MutableByteSpan into) {
        std::memcpy(into.data(), file.data() + offset, into.size());
      },
      file.size());
}

// All of a form, read in pieces.
std::string ReadAll(UnpackedForm& form, std::size_t piece) {
  std::string text(form.size(), '?');
  for (Bytes at = 0; at < text.size(); at += piece) {
    form.Read(at, AsWritableBytes(text).subspan(at, std::min<Bytes>(piece, text.size() - at)));
  }
  return text;
}

std::string Repacked(std::string_view form, std::size_t piece) {
  std::string file;
  Repacker repacker;
  for (std::size_t at = 0; at < form.size(); at += piece) {
    AddAll(repacker, AsBytes(form.substr(at, piece)), [&](ByteSpan made) {
      file.append(AsText(made));
    });
  }
  repacker.Finish();
  return file;
}

// Without showing megabytes where they are not.
bool AreEqual(std::string_view left, std::string_view right) {
  return left == right;
}

std::string HeaderOf(const FormLayout& layout) {
  std::string header(kFormHeaderSize, '?');
  WriteFormHeader(layout, AsWritableBytes(header));
  return header;
}

void CheckHeaderRefused(const std::string& header, const char* part) {
  CHECK_THROWS_WITH(ParseFormHeader(AsBytes(header)), Catch::Contains(part));
  Repacker repacker;
  CHECK_THROWS_WITH(repacker.Add(AsBytes(header)), Catch::Contains(part));
}

}  // namespace

TEST_CASE("UnpackedForm: a kernel of several blocks is there as it was before it was packed",
          "[packing]") {
  const auto content = MakeProgram(kThreeBlocks, 1);
  const auto kernel = MakeLz4Kernel(content);
  auto form = FormOf(kernel);
  const auto [packing, before, unpacked, behind] = form.layout();
  CHECK(packing == Packing::kLz4Legacy);
  CHECK(unpacked == content.size());
  CHECK(behind == 4 + 5000);
  CHECK(form.size() % kFormUnit == 0);
  const auto text = ReadAll(form, 1'000'003);
  CHECK(AreEqual(text.substr(kFormHeaderSize, before), kernel.substr(0, before)));
  CHECK(AreEqual(text.substr(kFormHeaderSize + before, unpacked), content));
  CHECK(AreEqual(text.substr(kFormHeaderSize + before + unpacked, behind),
                 kernel.substr(kernel.size() - behind)));
  CHECK(form.PacksAsItWas());

  SECTION("and comes back, whatever pieces it comes in") {
    CHECK(AreEqual(Repacked(text, text.size()), kernel));
    CHECK(AreEqual(Repacked(text, 777'777), kernel));
  }
  SECTION("and is read at any place in any order") {
    std::string piece(100'000, '?');
    for (const Bytes at : {Bytes{16'000'000}, Bytes{0}, kLz4BlockLength - 5, Bytes{3}}) {
      form.Read(at, AsWritableBytes(piece));
      CHECK(AreEqual(piece, text.substr(at, piece.size())));
    }
  }
  SECTION("and not beyond its end") {
    std::string piece(2, '?');
    CHECK_THROWS_WITH(form.Read(form.size() - 1, AsWritableBytes(piece)),
                      Catch::Contains("beyond its end"));
  }
}

TEST_CASE("UnpackedForm: a file that is packed as a whole, as an initrd is", "[packing]") {
  for (const Bytes length : {Bytes{1}, kLz4BlockLength, kLz4BlockLength + 1, 2 * kLz4BlockLength}) {
    const auto content = MakeProgram(length, 2);
    const auto file = PackLz4(AsBytes(content));
    auto form = FormOf(file);
    CHECK(form.layout() == FormLayout{.packing = Packing::kLz4Legacy, .unpacked = content.size()});
    const auto text = ReadAll(form, kFormUnit);
    CHECK(AreEqual(text.substr(kFormHeaderSize, length), content));
    CHECK(AreEqual(Repacked(text, kFormUnit), file));
  }
}

TEST_CASE("UnpackedForm: what is not packed so stays as it is", "[packing]") {
  const auto content = MakeProgram(300'000, 3);
  auto damaged = MakeLz4Kernel(content);
  const auto block = damaged.find(std::string("\x02\x21\x4c\x18", 4)) + kLz4MagicSize;
  StoreLe32(AsWritableBytes(damaged), block, LoadLe32(AsBytes(damaged), block) - 1);
  auto beyond = MakeLz4Kernel(content);
  StoreLe32(AsWritableBytes(beyond), 0x24c, 0x7FFFFFFF);
  for (const auto& file : {std::string(),
                           std::string("short"),
                           content,
                           damaged,
                           beyond,
                           MakeKernelOf("\xFD"
                                        "7zXZ, say",
                                        content.size()),
                           MakeKernelOf(std::string("\x02\x21\x4c\x18", 4), content.size())}) {
    auto form = FormOf(file);
    CHECK(form.layout() == FormLayout{.before = file.size()});
    CHECK(form.PacksAsItWas());
    CHECK(AreEqual(Repacked(ReadAll(form, kFormUnit), kFormUnit), file));
  }
}

TEST_CASE("UnpackedForm: blocks that another packer made are told", "[packing]") {
  // A block of literals alone (lz4_Block_format.md), which no packer makes of one letter.
  const std::string content(15 + 255 + 1, 'a');
  const std::string block = std::string("\xF0\xFF\x01", 3) + content;
  std::string frame(kLz4MagicSize + kLz4LengthSize, '\0');
  StoreLe32(AsWritableBytes(frame), 0, kLz4LegacyMagic);
  StoreLe32(AsWritableBytes(frame), kLz4MagicSize, static_cast<std::uint32_t>(block.size()));
  frame += block;
  auto form = FormOf(frame);
  CHECK(form.layout().unpacked == content.size());
  CHECK_FALSE(form.PacksAsItWas());
  CHECK_FALSE(AreEqual(Repacked(ReadAll(form, kFormUnit), kFormUnit), frame));
}

TEST_CASE("UnpackedForm: a header that is hostile is refused before anything comes out",
          "[packing]") {
  CheckHeaderRefused(std::string(kFormHeaderSize, '\0'), "does not begin with ROSPLAIN");
  auto header = HeaderOf({});
  StoreLe32(AsWritableBytes(header), 8, 2);
  CheckHeaderRefused(header, "version 2 is not known");
  CheckHeaderRefused(HeaderOf({.packing = Packing{7}}), "a packing that is not known");
  CheckHeaderRefused(HeaderOf({.unpacked = 1}), "does not say how");
  CheckHeaderRefused(HeaderOf({.before = kMaxUnpackedForm}), "longer than");
  CheckHeaderRefused(
      HeaderOf({.packing = Packing::kLz4Legacy, .before = 5, .unpacked = ~Bytes{0} - 4}),
      "longer than");
  CHECK_THROWS_WITH(ParseFormHeader(AsBytes(std::string("ROSPLAIN"))),
                    Catch::Contains("does not begin"));
}

TEST_CASE("Repacker: a form that ends too early is told", "[packing]") {
  const auto file = PackLz4(AsBytes(std::string("what an initrd holds")));
  auto form = FormOf(file);
  const auto text = ReadAll(form, kFormUnit);
  const auto ignore = [](ByteSpan /*made*/) {};
  Repacker repacker;
  CHECK_THROWS_WITH(repacker.Finish(), Catch::Contains("ends too early"));
  AddAll(repacker, AsBytes(text).first(text.size() - 1), ignore);
  CHECK_THROWS_WITH(repacker.Finish(), Catch::Contains("ends too early"));
  AddAll(repacker, AsBytes(text).last(1), ignore);
  repacker.Finish();
}
