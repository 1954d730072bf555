#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

// What a fuzz target is made of (README.md): NAME_fuzz.cpp defines Run and Seeds, target_main.cpp
// does the rest.
namespace ros::fuzz {

// Gives hostile bytes to a parser and checks what can be said of the result. An Error that leaves
// it is an answer; every other exception, a failed Expect and what a sanitizer says is a finding.
void Run(ByteSpan input);

// Inputs to begin with, small ones, by name; made by what the project writes. They are kept in
// corpus/NAME/ (`fuzz/run --seeds` writes them there).
struct Seed {
  std::string name;
  std::string content;
};

std::vector<Seed> Seeds();

// Stops the program, as a finding, unless it holds; `what` is a sentence.
void Expect(bool holds, std::string_view what);

// Expects that an error can be shown to a person: it says something, and not at any length.
void ExpectReadable(const Error& error);

// Runs `work` and tells whether it came to its end; it may also have thrown a (readable) Error.
template <typename Work>
bool Succeeds(Work work) {
  try {
    work();
    return true;
  } catch (const Error& error) {
    ExpectReadable(error);
    return false;
  }
}

// Takes an input apart from the front; what is not there any more reads as zeros.
class Input {
 public:
  explicit Input(ByteSpan bytes) : rest_(bytes) {}

  // A little-endian number of so many bytes, at most 8.
  std::uint64_t Number(std::size_t bytes);

  // Less than `end`, which is not 0.
  std::uint64_t Below(std::uint64_t end, std::size_t bytes = 4) { return Number(bytes) % end; }

  // At most so many bytes.
  ByteSpan Take(std::size_t bytes);

  // A length of two bytes and as many bytes; a seed makes it with Piece().
  ByteSpan TakePiece() { return Take(Number(2)); }

  ByteSpan Rest() { return Take(rest_.size()); }

  [[nodiscard]] bool empty() const { return rest_.empty(); }

 private:
  ByteSpan rest_;
};

// The other way round, for seeds.
std::string Number(std::uint64_t value, std::size_t bytes);
std::string Piece(std::string_view content);

}  // namespace ros::fuzz
