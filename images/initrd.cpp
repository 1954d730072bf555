#include "images/initrd.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>
#include <map>
#include <set>

#include "base/c_ptr.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::images {
namespace {

using ArchiveReader = CPtr<archive, archive_read_free>;
using ArchiveWriter = CPtr<archive, archive_write_free>;
using Entry = CPtr<archive_entry, archive_entry_free>;

constexpr Bytes kMaxInit = Bytes{32} << 20U;
constexpr Bytes kMaxModule = Bytes{64} << 20U;

la_ssize_t Append(archive* /*writer*/, void* output, const void* data, std::size_t size) {
  static_cast<std::string*>(output)->append(static_cast<const char*>(data), size);
  return static_cast<la_ssize_t>(size);
}

// A cpio archive (newc, what the kernel's initramfs reads) in memory.
class CpioWriter {
 public:
  CpioWriter() : writer_(archive_write_new()) {
    Check(archive_write_set_format_cpio_newc(writer_.get()));
    Check(archive_write_set_bytes_in_last_block(writer_.get(), 1));
    Check(archive_write_open(writer_.get(), &output_, nullptr, Append, nullptr));
  }

  void AddDirectory(const std::string& path) { AddHeader(path, S_IFDIR | 0755, 0); }

  void AddFile(const std::string& path, mode_t permissions, const std::string& content) {
    AddHeader(path, S_IFREG | permissions, content.size());
    if (archive_write_data(writer_.get(), content.data(), content.size()) !=
        static_cast<la_ssize_t>(content.size())) {
      Check(ARCHIVE_FATAL);
    }
  }

  void AddCharacterDevice(const std::string& path, mode_t permissions, dev_t device) {
    AddHeader(path, S_IFCHR | permissions, 0, device);
  }

  std::string Finish() {
    Check(archive_write_close(writer_.get()));
    return std::move(output_);
  }

 private:
  void AddHeader(const std::string& path, mode_t mode, std::size_t size, dev_t device = 0) {
    const Entry entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), path.c_str());
    archive_entry_set_mode(entry.get(), mode);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
    archive_entry_set_nlink(entry.get(), 1);
    archive_entry_set_mtime(entry.get(), 0, 0);
    archive_entry_set_rdevmajor(entry.get(), major(device));
    archive_entry_set_rdevminor(entry.get(), minor(device));
    Check(archive_write_header(writer_.get(), entry.get()));
  }

  void Check(int result) const {
    if (result != ARCHIVE_OK) {
      const char* const text = archive_error_string(writer_.get());
      throw Error(ErrorKind::kFailed,
                  std::string("writing the initrd's cpio: ") + (text != nullptr ? text : "failed"));
    }
  }

  std::string output_;
  ArchiveWriter writer_;
};

// What ros-init needs of it: an ELF program without an interpreter, since nothing else is there.
void CheckStatic(const std::string& program, const std::filesystem::path& path) {
  constexpr std::size_t kHeaderSize = 64;
  constexpr std::uint32_t kInterpreter = 3;  // PT_INTERP
  const ByteSpan bytes = AsBytes(program);
  if (bytes.size() < kHeaderSize || !program.starts_with("\x7f"
                                                         "ELF\x02\x01")) {
    throw Error(ErrorKind::kUsage,
                path.string() + " is not a 64-bit little-endian program (ELF), ros-init is");
  }
  const std::uint64_t table = LoadLe64(bytes, 32);
  const std::uint64_t entry_size = LoadLe16(bytes, 54);
  const std::uint64_t count = LoadLe16(bytes, 56);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t offset = CheckedAdd(table, i * entry_size, path.string());
    if (offset >= bytes.size() || bytes.size() - offset < 4) {
      throw Error(ErrorKind::kUsage, path.string() + " is a damaged program");
    }
    if (LoadLe32(bytes, offset) == kInterpreter) {
      throw Error(ErrorKind::kUsage,
                  path.string() + " is linked dynamically; the initrd holds no libraries");
    }
  }
}

// Called by their fingerprints, so that what a key was called when it was built changes nothing.
void AddKeys(CpioWriter& cpio, const keys::TrustStore& keys) {
  if (keys.empty()) {
    return;
  }
  std::map<std::string, std::string> files;
  for (const auto& key : keys.keys()) {
    files["keys/" + key.Fingerprint() + ".pub"] = key.ToPem();
  }
  cpio.AddDirectory("keys");
  for (const auto& [path, pem] : files) {
    cpio.AddFile(path, 0644, pem);
  }
}

}  // namespace

std::string UnpackModule(std::string packed, const std::string& name) {
  constexpr std::string_view kElf =
      "\x7f"
      "ELF";
  if (packed.starts_with(kElf)) {
    return packed;
  }
  const ArchiveReader reader(archive_read_new());
  archive_entry* entry = nullptr;
  const auto fail = [&]() -> Error {
    const char* const text = archive_error_string(reader.get());
    return {ErrorKind::kUsage,
            "the kernel module " + name + " cannot be unpacked: " +
                (text != nullptr ? text : "neither plain nor gzip, xz or zstd")};
  };
  if (archive_read_support_filter_gzip(reader.get()) != ARCHIVE_OK ||
      archive_read_support_filter_xz(reader.get()) != ARCHIVE_OK ||
      archive_read_support_filter_zstd(reader.get()) != ARCHIVE_OK ||
      archive_read_support_format_raw(reader.get()) != ARCHIVE_OK ||
      archive_read_open_memory(reader.get(), packed.data(), packed.size()) != ARCHIVE_OK ||
      archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK) {
    throw fail();
  }
  std::string content;
  std::array<char, 65536> buffer{};
  for (;;) {
    const la_ssize_t count = archive_read_data(reader.get(), buffer.data(), buffer.size());
    if (count < 0) {
      throw fail();
    }
    if (count == 0) {
      break;
    }
    content.append(buffer.data(), static_cast<std::size_t>(count));
    if (content.size() > kMaxModule) {
      throw Error(ErrorKind::kUsage,
                  "the kernel module " + name + " is larger than " + FormatBytes(kMaxModule));
    }
  }
  if (!content.starts_with(kElf)) {
    throw fail();
  }
  return content;
}

std::string BuildInitrdCpio(const std::filesystem::path& init_binary,
                            const keys::TrustStore& keys,
                            const RootDirectory& root,
                            const ModuleIndex& index) {
  const std::string init = ReadFile(init_binary, kMaxInit);
  CheckStatic(init, init_binary);
  const auto modules = ChooseBootModules(index);
  std::set<std::string> files;
  for (const auto& module : modules) {
    files.insert(module.name);
    files.insert(module.needs.begin(), module.needs.end());
  }
  CpioWriter cpio;
  cpio.AddDirectory("dev");
  cpio.AddCharacterDevice("dev/console", 0600, makedev(5, 1));
  cpio.AddFile("init", 0755, init);
  AddKeys(cpio, keys);
  cpio.AddDirectory("modules");
  for (const auto& name : files) {
    const std::string path = index.PathOf(name);
    cpio.AddFile("modules/" + name + ".ko", 0644, UnpackModule(root.Read(path, kMaxModule), path));
  }
  cpio.AddFile("modules.alias", 0644, WriteModuleAliases(modules));
  cpio.AddFile("modules.list", 0644, WriteModuleList(modules));
  for (const auto* directory : {"proc", "run", "sys"}) {
    cpio.AddDirectory(directory);
  }
  return cpio.Finish();
}

}  // namespace ros::images
