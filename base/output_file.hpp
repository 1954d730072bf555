#pragma once

#include <filesystem>
#include <string>

#include "base/bytes.hpp"
#include "base/unique_fd.hpp"

namespace ros {

// Where an output that a user named is to be written: through symbolic links to the file that they
// lead to. Throws kUsage when something is there that is not a regular file (a device, a pipe, a
// directory must not be replaced by a file), when a link leads nowhere, and when the directory does
// not exist.
std::filesystem::path ResolveOutput(const std::filesystem::path& path);

// A large output while it is written: a file beside its later place, which replaces what is there
// at Commit() and is removed if that is never reached. (A small one is written by
// WriteFileAtomically(ResolveOutput(path), ...).)
class OutputFile {
 public:
  // Throws like ResolveOutput, and when the file cannot be made.
  explicit OutputFile(const std::filesystem::path& path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  OutputFile(OutputFile&&) = delete;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  [[nodiscard]] int fd() const { return fd_.get(); }

  // The name that it will have, links followed.
  [[nodiscard]] const std::filesystem::path& target() const { return target_; }

  // Durable under its name, with exactly this mode. Returns its size. Nothing is replaced when an
  // interrupt waits (base/interrupt.hpp).
  Bytes Commit(mode_t mode);

 private:
  std::filesystem::path target_;
  std::string path_;
  UniqueFd fd_;
};

// The mode of a file that nobody asked a special one for: 0666 without the bits of the umask.
mode_t OrdinaryMode();

}  // namespace ros
