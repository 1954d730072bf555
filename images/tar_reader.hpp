#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/bytes.hpp"

namespace ros::images {

// What headers are as long as, and data is padded to.
inline constexpr Bytes kTarBlock = 512;

// One entry of a tar, as its header says.
struct ArchiveEntry {
  std::string name;         // without a leading ./ and a trailing /
  bool is_file = true;      // or a directory
  Bytes header_offset = 0;  // of its first header block
  Bytes data_offset = 0;
  Bytes size = 0;  // of its data, without padding

  [[nodiscard]] Bytes End() const;  // with its padding
};

// The bytes of a tar, from its start on.
class TarInput {
 public:
  TarInput() = default;
  TarInput(const TarInput&) = delete;
  TarInput& operator=(const TarInput&) = delete;
  TarInput(TarInput&&) = delete;
  TarInput& operator=(TarInput&&) = delete;
  virtual ~TarInput() = default;

  // The next bytes, of any number; none at the end. They stay until the next call.
  virtual ByteSpan Read() = 0;
  // Passes over up to so many bytes without reading them, and tells over how many.
  virtual Bytes Skip(Bytes length) = 0;
};

// An uncompressed tar, entry by entry, with the rules of an OCI layout.
class TarReader {
 public:
  // `input` outlives it; `name` is for messages. Reads the beginning. Throws kVerification where
  // that is no tar, or compressed. What the input throws passes through, here and below.
  TarReader(TarInput& input, std::string name);
  ~TarReader();
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;
  TarReader(TarReader&&) = delete;
  TarReader& operator=(TarReader&&) = delete;

  // The next file or directory; none at the end, after which it is not asked again. Throws
  // kVerification naming the entry: for a name that is absolute or has "..", a link, a device, a
  // sparse entry, a name that is there twice, more than kMaxArchiveEntries.
  std::optional<ArchiveEntry> Next();

  // Fills `into` with the next bytes of the entry's data. Throws kVerification where it ends
  // before.
  void Read(MutableByteSpan into);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ros::images
