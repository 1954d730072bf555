#include "keys/secret.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::keys {
namespace {

[[noreturn]] void Refuse(const std::filesystem::path& path, const std::string& why) {
  throw Error(ErrorKind::kUsage, path.string() + ": " + why);
}

// As many bytes as there are, up to the buffer's size.
std::size_t ReadUpTo(int fd, MutableByteSpan into, const std::filesystem::path& path) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    const auto got = ::read(fd, into.data() + filled, into.size() - filled);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      ThrowErrno("reading " + path.string());
    }
    if (got == 0) {
      break;
    }
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

}  // namespace

Secret::Secret(std::string_view text) : Secret(text.size()) {
  std::copy(text.begin(), text.end(), data_.get());
}

Secret::Secret(std::size_t size)
    : data_(std::make_unique<char[]>(size)),  // NOLINT(modernize-avoid-c-arrays)
      size_(size),
      capacity_(size) {}

Secret::Secret(Secret&& other) noexcept
    : data_(std::move(other.data_)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Wipe();
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
  }
  return *this;
}

Secret::~Secret() {
  Wipe();
}

void Secret::Truncate(std::size_t size) {
  size_ = std::min(size, size_);
}

void Secret::Wipe() {
  if (data_) {
    OPENSSL_cleanse(data_.get(), capacity_);
  }
}

Secret ReadSecretFile(const std::filesystem::path& path, std::size_t limit) {
  const auto file = OpenFile(path, O_RDONLY);
  Secret content(limit + 1);
  content.Truncate(ReadUpTo(file.get(), content.bytes(), path));
  if (content.size() > limit) {
    Refuse(path, "longer than " + std::to_string(limit) + " bytes");
  }
  return content;
}

Secret ReadPassphraseFile(const std::filesystem::path& path) {
  // With a line break of either kind.
  auto content = ReadSecretFile(path, kMaxPassphraseSize + 2);
  for (const char ending : {'\n', '\r'}) {
    if (!content.empty() && content.view().back() == ending) {
      content.Truncate(content.size() - 1);
    }
  }
  if (content.size() > kMaxPassphraseSize) {
    Refuse(path, "a passphrase has at most " + std::to_string(kMaxPassphraseSize) + " bytes");
  }
  if (content.view().find('\n') != std::string_view::npos) {
    Refuse(path, "there is more than one line in it; a passphrase is one line");
  }
  if (content.view().find('\0') != std::string_view::npos) {
    Refuse(path, "there is a zero byte in it; a passphrase is one line of text");
  }
  return content;
}

bool TakeFromEnvironment(const char* name, Secret& into) {
  char* value = std::getenv(name);
  if (value == nullptr) {
    return false;
  }
  const auto length = std::strlen(value);
  into = Secret(std::string_view(value, length));
  OPENSSL_cleanse(value, length);
  ::unsetenv(name);
  return true;
}

void ForbidCoreDumps() {
  // The first holds for cores that are piped into a program too, which the second does not.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    ThrowErrno("forbidding core dumps");
  }
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) {
    ThrowErrno("forbidding core dumps");
  }
}

}  // namespace ros::keys
