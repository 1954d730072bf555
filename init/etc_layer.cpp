#include "init/etc_layer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "base/error.hpp"
#include "base/file.hpp"
#include "init/accounts.hpp"
#include "init/shared_directories.hpp"
#include "init/tree_copy.hpp"

namespace ros::init {
namespace {

using Path = std::filesystem::path;

constexpr Bytes kAccountFileLimit = Bytes{16} << 20U;

struct AccountName {
  const char* name;
  AccountFile kind;
};

constexpr std::array kAccountNames = {AccountName{"passwd", AccountFile::kUsers},
                                      AccountName{"shadow", AccountFile::kUsers},
                                      AccountName{"group", AccountFile::kGroups},
                                      AccountName{"gshadow", AccountFile::kGroups}};

void Make(const Path& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    ThrowErrno("making " + path.string());
  }
}

bool IsRegular(const Path& path, struct stat& status) {
  return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

// Files that the machine changed and the image has: both sides' accounts.
void MergeAccountFiles(const Path& upper, const Path& lower) {
  for (const auto& [name, kind] : kAccountNames) {
    struct stat ours {};

    struct stat theirs {};

    if (!IsRegular(upper / name, ours) || !IsRegular(lower / name, theirs)) {
      continue;
    }
    const auto machine = ReadFile(upper / name, kAccountFileLimit);
    const auto merged = MergeAccounts(kind, machine, ReadFile(lower / name, kAccountFileLimit));
    if (merged == machine) {
      continue;
    }
    WriteFileAtomically(upper / name, AsBytes(merged), ours.st_mode & 07777U);
    if (::lchown((upper / name).c_str(), ours.st_uid, ours.st_gid) != 0) {
      ThrowErrno("setting the owner of " + (upper / name).string());
    }
  }
}

// An overlay's root has the attributes of its upper directory: those of the image's /etc.
void MakeUpperLike(const Path& upper, const Path& lower) {
  struct stat status {};

  if (::lstat(lower.c_str(), &status) != 0) {
    ThrowErrno("reading " + lower.string());
  }
  Make(upper, 0755);
  if (::chown(upper.c_str(), status.st_uid, status.st_gid) != 0 ||
      ::chmod(upper.c_str(), status.st_mode & 07777U) != 0) {
    ThrowErrno("setting the mode of " + upper.string());
  }
}

bool IsMadeFor(const Path& note, const std::string& root_hash) {
  return std::filesystem::exists(note) && ReadFile(note, 4096) == root_hash + "\n";
}

// Takes the place of the old layer in one step: that one may be what `fresh` was made from, and a
// cut must not leave a slot without either.
void Exchange(const Path& fresh, const Path& upper) {
  if (!std::filesystem::exists(upper)) {
    std::filesystem::rename(fresh, upper);
    return;
  }
  if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, upper.c_str(), RENAME_EXCHANGE) != 0) {
    ThrowErrno("exchanging " + fresh.string() + " and " + upper.string());
  }
}

void CopyLayer(const Path& source,
               const Path& fresh,
               const EtcRequest& request,
               const std::function<void()>& tick) {
  if (std::filesystem::exists(source)) {
    CopyTree(source, fresh, tick);
    MergeAccountFiles(fresh, request.root / "etc");
  } else {
    MakeUpperLike(fresh, request.root / "etc");
  }
  SyncFileSystem(request.state);
}

void StartFrom(SlotId from, const EtcRequest& request, const std::function<void()>& tick) {
  const auto layers = request.state / "etc" / Name(request.slot);
  const auto source = request.state / "etc" / Name(from) / "upper";
  const auto fresh = layers / "upper.new";
  try {
    CopyLayer(source, fresh, request, tick);
  } catch (const Error&) {
    // On a full file system what was copied is in the way of everybody, the journal's line about
    // it first of all.
    RemoveTree(fresh);
    throw;
  }
  Exchange(fresh, layers / "upper");
  SyncDirectory(layers);
  RemoveTree(fresh);
}

}  // namespace

void PrepareEtc(const EtcRequest& request, const std::function<void()>& tick) {
  const auto layers = request.state / "etc" / Name(request.slot);
  const auto other_note = request.state / "etc" / Name(Other(request.slot)) / "made-for";
  Make(request.state / "etc", 0755);
  Make(layers, 0755);
  // Of a copy that was cut; the one of a trial that never came back is in the other slot's.
  for (const auto slot : {SlotId::kA, SlotId::kB}) {
    RemoveTree(request.state / "etc" / Name(slot) / "upper.new");
  }
  const auto note = layers / "made-for";
  if (request.trial && !IsMadeFor(note, request.root_hash)) {
    StartFrom(Other(request.slot), request, tick);
    WriteFileAtomically(note, AsBytes(request.root_hash + "\n"));
  } else if (request.take_from) {
    StartFrom(*request.take_from, request, tick);
  }
  if (!std::filesystem::exists(layers / "upper")) {
    MakeUpperLike(layers / "upper", request.root / "etc");
  }
  // Leftovers of the overlay's own work are of no use to the next one.
  RemoveTree(layers / "work");
  Make(layers / "work", 0755);
  if (std::filesystem::exists(other_note)) {
    std::filesystem::remove(other_note);
    SyncDirectory(other_note.parent_path());
  }
}

}  // namespace ros::init
