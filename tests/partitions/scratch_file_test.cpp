#include "partitions/scratch_file.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <vector>

#include "base/process.hpp"

namespace ros::partitions {

using literals::operator""_KiB;
using literals::operator""_GiB;

TEST_CASE("ScratchFile: only what was written is visited", "[partitions]") {
  ScratchFile scratch(1024_GiB);
  const std::vector<std::byte> data(8_KiB, std::byte{7});
  scratch.Write(64_KiB, data);
  scratch.Write(512_GiB, std::span(data).first(10));
  scratch.Write(1024_GiB - 8_KiB, data);
  std::map<Bytes, std::size_t> seen;
  scratch.ForEachWritten([&](Bytes offset, ByteSpan piece) {
    CHECK(piece[0] == std::byte{7});
    seen[offset] = piece.size();
  });
  CHECK(seen ==
        std::map<Bytes, std::size_t>{{64_KiB, 8_KiB}, {512_GiB, 4_KiB}, {1024_GiB - 8_KiB, 8_KiB}});
}

TEST_CASE("ScratchFile: a child process opens it by its path", "[partitions]") {
  const ScratchFile scratch(4_KiB);
  CHECK(RunTool({.argv = {"stat", "-L", "-c", "%s", scratch.path()}}) == "4096\n");
}

}  // namespace ros::partitions
