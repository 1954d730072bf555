#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace ros::keys {

// Limits of what a user writes.
inline constexpr std::size_t kMaxPassphraseSize = 1000;

// Bytes that must not stay in memory: a passphrase, a private key. Overwritten when they go away;
// can be moved and not copied. Not locked in memory: a machine that swaps wants encrypted swap.
class Secret {
 public:
  Secret() = default;
  // A copy; the original is the caller's to wipe.
  explicit Secret(std::string_view text);
  explicit Secret(std::size_t size);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  [[nodiscard]] std::string_view view() const { return {data_.get(), size_}; }

  [[nodiscard]] MutableByteSpan bytes() {
    return std::as_writable_bytes(std::span(data_.get(), size_));
  }

  [[nodiscard]] std::size_t size() const { return size_; }

  [[nodiscard]] bool empty() const { return size_ == 0; }

  // Cuts the end off.
  void Truncate(std::size_t size);
  // Overwrites all of it; the size stays.
  void Wipe();

 private:
  std::unique_ptr<char[]> data_;  // NOLINT(modernize-avoid-c-arrays): no second copy as a string
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

// Asked for the passphrase (or PIN) of what it is given, "release.key", when that needs one. Throws
// kUsage when there is none to be had.
using PassphraseSource = std::function<Secret(std::string_view what)>;

// A whole file, a pipe too. Throws kFailed when it cannot be read, kUsage when it is longer than
// `limit`.
Secret ReadSecretFile(const std::filesystem::path& path, std::size_t limit);

// The passphrase in a file: its one line. Throws kUsage "PATH: why" for more than one line, more
// than kMaxPassphraseSize bytes or a zero byte. An empty file is an empty passphrase.
Secret ReadPassphraseFile(const std::filesystem::path& path);

// The value of an environment variable, which is then wiped and taken out of the environment (and
// so of /proc/PID/environ). False and an untouched `into` when it is not set.
bool TakeFromEnvironment(const char* name, Secret& into);

// From here on this process leaves no core dump, and another process of the same user cannot look
// into its memory. For commands that hold secrets. Throws kFailed when the kernel refuses.
void ForbidCoreDumps();

}  // namespace ros::keys
