// What every fuzz target has: libFuzzer's entries, and the few tools of target.hpp.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/file.hpp"
#include "fuzz/target.hpp"

namespace ros::fuzz {
namespace {

// Longer than any sentence of ours with a path and a hostile text, which is cut, in it.
constexpr std::size_t kLongestMessage = 1000;

}  // namespace

void Expect(bool holds, std::string_view what) {
  if (!holds) {
    std::fprintf(stderr, "NOT AS EXPECTED: %s\n", std::string(what).c_str());
    std::abort();
  }
}

void ExpectReadable(const Error& error) {
  Expect(!error.message().empty(), "an error says something");
  Expect(error.message().size() <= kLongestMessage,
         "an error is not of any length: " + error.message().substr(0, kLongestMessage));
}

std::uint64_t Input::Number(std::size_t bytes) {
  std::uint64_t number = 0;
  unsigned shift = 0;
  for (const auto byte : Take(bytes)) {
    number |= std::to_integer<std::uint64_t>(byte) << shift;
    shift += 8;
  }
  return number;
}

ByteSpan Input::Take(std::size_t bytes) {
  const auto taken = rest_.first(std::min(bytes, rest_.size()));
  rest_ = rest_.subspan(taken.size());
  return taken;
}

std::string Number(std::uint64_t value, std::size_t bytes) {
  std::string text;
  for (; bytes > 0; --bytes, value >>= 8U) {
    text += static_cast<char>(value & 0xffU);
  }
  return text;
}

std::string Piece(std::string_view content) {
  return Number(content.size(), 2) + std::string(content);
}

}  // namespace ros::fuzz

// libFuzzer gives these functions their names.
// NOLINTBEGIN(readability-identifier-naming)

// With ROS_FUZZ_SEEDS=DIRECTORY in the environment the target writes its seeds there and ends.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  const char* const directory = std::getenv("ROS_FUZZ_SEEDS");
  if (directory == nullptr) {
    return 0;
  }
  for (const auto& seed : ros::fuzz::Seeds()) {
    ros::WriteFileAtomically(std::filesystem::path(directory) / seed.name,
                             ros::AsBytes(seed.content));
  }
  std::exit(0);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    ros::fuzz::Run(std::as_bytes(std::span(data, size)));
  } catch (const ros::Error& error) {
    ros::fuzz::ExpectReadable(error);
  }
  return 0;
}

// NOLINTEND(readability-identifier-naming)
