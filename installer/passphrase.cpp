#include "installer/passphrase.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/unique_fd.hpp"
#include "installer/terminal_line.hpp"
#include "installer/terminal_text.hpp"

namespace ros::installer {
namespace {

constexpr const char* kVariable = "COSIGN_PASSWORD";

// The terminal without echo, until it goes away.
class QuietTerminal {
 public:
  explicit QuietTerminal(int fd) : fd_(fd) {
    if (::tcgetattr(fd, &before_) != 0) {
      ThrowErrno("asking on the terminal");
    }
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet.c_lflag |= ICANON | ECHONL;
    // What was typed before the question is not its answer.
    if (::tcsetattr(fd, TCSAFLUSH, &quiet) != 0) {
      ThrowErrno("asking on the terminal");
    }
  }

  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;
  QuietTerminal(QuietTerminal&&) = delete;
  QuietTerminal& operator=(QuietTerminal&&) = delete;

  ~QuietTerminal() { static_cast<void>(::tcsetattr(fd_, TCSAFLUSH, &before_)); }

 private:
  int fd_;
  termios before_{};
};

void Say(int terminal, const std::string& text) {
  if (::write(terminal, text.data(), text.size()) < 0) {
    ThrowErrno("asking on the terminal");
  }
}

// A line of the terminal. Ctrl-C ends it as an error, with the echo as it was.
keys::Secret AskQuietly(int terminal, const std::string& question) {
  const InterruptGuard guard;
  const QuietTerminal quiet(terminal);
  Say(terminal, question);
  // A terminal hands out whole lines of at most 4096 bytes.
  keys::Secret line(4096);
  WaitForLine(terminal);
  const auto got = ::read(terminal, line.bytes().data(), line.size());
  if (got < 0) {
    ThrowErrno("reading from the terminal");
  }
  line.Truncate(static_cast<std::size_t>(got));
  if (line.empty() || line.view().back() != '\n') {
    throw Error(ErrorKind::kUsage, "no passphrase was typed");
  }
  line.Truncate(line.size() - 1);
  if (line.size() > keys::kMaxPassphraseSize) {
    throw Error(ErrorKind::kUsage,
                "a passphrase has at most " + std::to_string(keys::kMaxPassphraseSize) + " bytes");
  }
  return line;
}

UniqueFd OpenTerminal(std::string_view what) {
  UniqueFd terminal(::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.valid()) {
    throw Error(ErrorKind::kUsage,
                std::string(what) +
                    ": a passphrase is needed, and there is no terminal to ask on; name a file "
                    "that holds it by --passphrase-file");
  }
  return terminal;
}

// From where nobody is asked.
bool FindPassphrase(const std::string& file, keys::Secret& into) {
  if (!file.empty()) {
    into = keys::ReadPassphraseFile(file);
    return true;
  }
  return keys::TakeFromEnvironment(kVariable, into);
}

}  // namespace

void AddPassphraseOption(CLI::App& command, std::string& file) {
  command
      .add_option("--passphrase-file",
                  file,
                  "File with the key's passphrase or the token's PIN (default: ask)")
      ->type_name("FILE");
}

keys::PassphraseSource MakePassphraseSource(const std::string& file) {
  return [file](std::string_view what) {
    keys::Secret passphrase;
    if (!FindPassphrase(file, passphrase)) {
      const auto terminal = OpenTerminal(what);
      passphrase =
          AskQuietly(terminal.get(), "Passphrase of " + TerminalText(std::string(what)) + ": ");
    }
    return passphrase;
  };
}

bool HasPassphraseVariable() {
  const char* const value = std::getenv(kVariable);
  return value != nullptr && *value != '\0';
}

keys::Secret AskNewPassphrase(const std::string& file, const std::string& what) {
  keys::Secret passphrase;
  if (!FindPassphrase(file, passphrase)) {
    const auto terminal = OpenTerminal(what);
    const auto name = TerminalText(what);
    passphrase = AskQuietly(terminal.get(), "New passphrase of " + name + ": ");
    const auto again = AskQuietly(terminal.get(), "The same again: ");
    if (passphrase.view() != again.view()) {
      throw Error(ErrorKind::kUsage, "the two passphrases differ; no key was made");
    }
  }
  if (passphrase.empty()) {
    throw Error(ErrorKind::kUsage, what + ": an empty passphrase protects nothing");
  }
  return passphrase;
}

}  // namespace ros::installer
