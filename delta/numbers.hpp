#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ros::delta {

// Numbers of 64 bits, seven bits a byte, lowest first, the top bit set where more follow (LEB128).
void AppendNumber(std::string& to, std::uint64_t number);
inline constexpr std::size_t kMaxNumberSize = 10;  // bytes
// The same of a signed one: 0, -1, 1, -2 ... as 0, 1, 2, 3 ...
void AppendSigned(std::string& to, std::int64_t number);

// Reads them in turn.
class NumberReader {
 public:
  explicit NumberReader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }

  // What is behind the numbers read so far.
  [[nodiscard]] std::string_view rest() const { return rest_; }

  // Throw kVerification where the text ends within a number, or it has more than 64 bits.
  std::uint64_t Next();
  std::int64_t NextSigned();
  // So many bytes as they are; throws kVerification where there are fewer.
  std::string_view TakeBytes(std::size_t length);

 private:
  std::string_view rest_;
};

}  // namespace ros::delta
