#include "installer/etc_changes.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::installer {
namespace {

constexpr Bytes kFilePiece = Bytes{64} << 10U;

// ros-init joins these line by line (init/etc_layer.cpp).
constexpr std::array<std::string_view, 4> kAccountFiles = {
    "etc/passwd", "etc/shadow", "etc/group", "etc/gshadow"};

// A link to "x" and a file that says "x" are two things.
keys::Sha256 BeginDigest(mode_t mode) {
  keys::Sha256 hash;
  hash.Update(AsBytes(S_ISLNK(mode) ? "link\n" : "file\n"));
  return hash;
}

std::optional<keys::Digest> Lookup(const EtcFiles& files, const std::string& path) {
  const auto found = files.find(path);
  return found == files.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

EtcFiles ReadImageEtc(const images::ErofsBytes& root) {
  EtcFiles files;
  images::ReadErofsBelow(root, "etc", [&](const images::ErofsEntry& entry) {
    if (S_ISREG(entry.mode) || S_ISLNK(entry.mode)) {
      auto hash = BeginDigest(entry.mode);
      images::ReadErofsContent(root, entry, [&](ByteSpan piece) { hash.Update(piece); });
      files.emplace(entry.path, hash.Finish());
    }
  });
  return files;
}

std::optional<keys::Digest> ReadMachineFile(const std::filesystem::path& root,
                                            const std::string& path) {
  const auto file = root / path;

  struct stat status {};

  if (::lstat(file.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return std::nullopt;
    }
    ThrowErrno("looking at " + file.string());
  }
  auto hash = BeginDigest(status.st_mode);
  if (S_ISLNK(status.st_mode)) {
    hash.Update(AsBytes(std::filesystem::read_symlink(file).string()));
  } else if (S_ISREG(status.st_mode)) {
    const auto fd = OpenFile(file, O_RDONLY | O_NOFOLLOW);
    const auto size = static_cast<Bytes>(status.st_size);
    std::vector<std::byte> buffer(std::min(size, kFilePiece));
    for (Bytes at = 0; at < size; at += buffer.size()) {
      const auto piece = std::span(buffer).first(std::min<Bytes>(size - at, buffer.size()));
      ReadFull(fd.get(), at, piece, file.string());
      hash.Update(piece);
    }
  }
  return hash.Finish();
}

std::vector<std::string> ChangedOnBothSides(
    const EtcFiles& running,
    const EtcFiles& next,
    const std::function<std::optional<keys::Digest>(const std::string&)>& machine) {
  std::set<std::string> paths;
  for (const auto* files : {&running, &next}) {
    for (const auto& [path, digest] : *files) {
      paths.insert(path);
    }
  }
  std::vector<std::string> both;
  for (const auto& path : paths) {
    const auto before = Lookup(running, path);
    const auto after = Lookup(next, path);
    if (before == after || std::ranges::find(kAccountFiles, path) != kAccountFiles.end()) {
      continue;
    }
    const auto ours = machine(path);
    if (ours != before && ours != after) {
      both.push_back(path);
    }
  }
  return both;
}

}  // namespace ros::installer
