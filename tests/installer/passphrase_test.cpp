// How the `ros` command deals with passphrases: asked on a terminal, taken from a file or a
// variable, and seen nowhere else.
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "base/unique_fd.hpp"
#include "keys/private_key.hpp"

using namespace ros;

namespace {

constexpr std::string_view kCanary = "canary-Wf3kQ9";

// `ros` on a terminal of its own, in a directory of its own, with core dumps allowed.
class OnTerminal {
 public:
  OnTerminal(const std::filesystem::path& directory, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), ROS_PROGRAM);
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (auto& argument : arguments) {
      argv.push_back(argument.data());
    }
    argv.push_back(nullptr);
    int terminal = -1;
    pid_ = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
      static_cast<void>(::setrlimit(RLIMIT_CORE, &all));
      if (::chdir(directory.c_str()) == 0) {
        ::execv(ROS_PROGRAM, argv.data());
      }
      ::_exit(127);
    }
    terminal_ = UniqueFd(terminal);
  }

  OnTerminal(const OnTerminal&) = delete;
  OnTerminal& operator=(const OnTerminal&) = delete;
  OnTerminal(OnTerminal&&) = delete;
  OnTerminal& operator=(OnTerminal&&) = delete;

  ~OnTerminal() {
    if (!ended_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }

  // Reads on until the terminal shows `text`.
  void WaitFor(const std::string& text) {
    const auto from = seen_;
    while (output_.find(text, from) == std::string::npos) {
      INFO("shown: " << output_);
      REQUIRE(ReadSome());
    }
    seen_ = output_.find(text, from) + text.size();
  }

  void Type(std::string_view text) const {
    REQUIRE(::write(terminal_.get(), text.data(), text.size()) ==
            static_cast<ssize_t>(text.size()));
  }

  [[nodiscard]] bool echoes() const {
    termios settings{};
    REQUIRE(::tcgetattr(terminal_.get(), &settings) == 0);
    return (settings.c_lflag & static_cast<tcflag_t>(ECHO)) != 0;
  }

  // The status that it ends with; reads all that it says.
  int Wait() {
    while (ReadSome()) {
    }
    int status = 0;
    REQUIRE(::waitpid(pid_, &status, 0) == pid_);
    ended_ = true;
    return status;
  }

  [[nodiscard]] const std::string& output() const { return output_; }

  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  bool ReadSome() {
    pollfd readable{.fd = terminal_.get(), .events = POLLIN, .revents = 0};
    REQUIRE(::poll(&readable, 1, 60'000) == 1);
    std::array<char, 4096> piece{};
    // A terminal whose other side is gone answers with EIO.
    const auto got = ::read(terminal_.get(), piece.data(), piece.size());
    if (got <= 0) {
      return false;
    }
    output_.append(piece.data(), static_cast<std::size_t>(got));
    return true;
  }

  pid_t pid_ = -1;
  UniqueFd terminal_;
  std::string output_;
  std::size_t seen_ = 0;
  bool ended_ = false;
};

std::string Proc(pid_t pid, const std::string& name) {
  const auto file = OpenFile("/proc/" + std::to_string(pid) + "/" + name, O_RDONLY);
  std::string content(1U << 16U, '\0');
  const auto got = ::read(file.get(), content.data(), content.size());
  REQUIRE(got >= 0);
  content.resize(static_cast<std::size_t>(got));
  return content;
}

ProcessResult RunRos(const std::vector<std::string>& arguments,
                     const std::vector<std::string>& environment = {}) {
  // Without a terminal, whatever this test runs on.
  Command command{.argv = {"setsid", "--wait", ROS_PROGRAM}, .environment = environment};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  return RunProcess(command);
}

keys::PassphraseSource Give(std::string_view passphrase) {
  return [passphrase](std::string_view) { return keys::Secret(passphrase); };
}

std::string Fingerprint(const std::filesystem::path& path) {
  return keys::PrivateKey::FromFile(path, Give(kCanary)).Public().Fingerprint();
}

}  // namespace

TEST_CASE("ros keys generate --encrypt: asks twice, without echo", "[installer]") {
  TempDirectory directory;
  OnTerminal ros(directory.path(), {"keys", "generate", "--encrypt", "k"});
  ros.WaitFor("New passphrase of k.key: ");
  CHECK_FALSE(ros.echoes());
  ros.Type(std::string(kCanary) + "\n");
  ros.WaitFor("The same again: ");
  CHECK_FALSE(ros.echoes());
  ros.Type(std::string(kCanary) + "\n");
  ros.WaitFor("fingerprint  ");
  CHECK(ros.Wait() == 0);
  CHECK_THAT(ros.output(), Catch::Contains(Fingerprint(directory.path() / "k.key")));
  CHECK_THAT(ros.output(), !Catch::Contains(std::string(kCanary)));
}

TEST_CASE("ros keys generate --encrypt: two that differ, and none, make no key", "[installer]") {
  TempDirectory directory;
  const auto [first, second, why] = GENERATE(table<std::string, std::string, std::string>({
      {"one\n", "two\n", "differ"},
      {"\n", "\n", "an empty passphrase"},
      {"one\n", "\x04", "no passphrase was typed"},
  }));
  OnTerminal ros(directory.path(), {"keys", "generate", "--encrypt", "k"});
  ros.WaitFor("New passphrase of k.key: ");
  ros.Type(first);
  ros.WaitFor("The same again: ");
  ros.Type(second);
  const auto status = ros.Wait();
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 2);
  CHECK_THAT(ros.output(), Catch::Contains(why));
  CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("ros keys generate --encrypt: Ctrl-C leaves the terminal as it was", "[installer]") {
  TempDirectory directory;
  // The terminal's other side stays open here, so that its settings can be read afterwards.
  OnTerminal ros(directory.path(), {"keys", "generate", "--encrypt", "k"});
  ros.WaitFor("New passphrase of k.key: ");
  ros.Type("\x03");
  const auto status = ros.Wait();
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 128 + SIGINT);
  CHECK(ros.echoes());
  CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("ros keys generate: a passphrase in memory is seen from nowhere", "[installer]") {
  TempDirectory directory;
  OnTerminal ros(directory.path(), {"keys", "generate", "--encrypt", "k"});
  ros.WaitFor("New passphrase of k.key: ");
  ros.Type(std::string(kCanary) + "\n");
  // From here on it holds the passphrase and a new private key, and waits.
  ros.WaitFor("The same again: ");
  for (const auto* place : {"cmdline", "environ"}) {
    CHECK_THAT(Proc(ros.pid(), place), !Catch::Contains(std::string(kCanary)));
  }

  rlimit core{1, 1};
  REQUIRE(::prlimit(ros.pid(), RLIMIT_CORE, nullptr, &core) == 0);
  CHECK(core.rlim_max == 0);
  ::kill(ros.pid(), SIGABRT);
  const auto status = ros.Wait();
  REQUIRE(WIFSIGNALED(status));
  CHECK_FALSE(WCOREDUMP(status));
  CHECK(std::filesystem::is_empty(directory.path()));
  CHECK_THAT(ros.output(), !Catch::Contains(std::string(kCanary)));
}

TEST_CASE("ros keys generate: a passphrase from a file or a variable", "[installer]") {
  TempDirectory directory;
  const auto stem = (directory.path() / "k").string();
  const auto file = (directory.path() / "passphrase").string();
  WriteFileAtomically(file, AsBytes(std::string(kCanary) + "\n"), 0600);
  const auto result = GENERATE(true, false)
                          ? RunRos({"keys", "generate", "--passphrase-file", file, stem})
                          : RunRos({"keys", "generate", "--encrypt", stem},
                                   {"COSIGN_PASSWORD=" + std::string(kCanary)});
  INFO(result.err);
  CHECK(result.exit_code == 0);
  CHECK_THAT(result.out, Catch::Contains(Fingerprint(stem + ".key")));
  CHECK_THAT(result.out + result.err, !Catch::Contains(std::string(kCanary)));
  CHECK_THAT(ReadFile(stem + ".key", 10'000), !Catch::Contains(std::string(kCanary)));
}

TEST_CASE("ros image sign: says what is wrong with a passphrase", "[installer]") {
  TempDirectory directory;
  const auto key = directory.path() / "k.key";
  const auto pem =
      keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256).ToEncryptedPem(keys::Secret(kCanary));
  WriteFileAtomically(key, AsBytes(pem.view()), 0600);
  const auto file = directory.path() / "passphrase";
  WriteFileAtomically(file, AsBytes("wrong-canary\n"), 0600);

  auto result = RunRos({"image", "sign", "--key", key, "--passphrase-file", file, "image"});
  CHECK(result.exit_code == 2);
  CHECK_THAT(result.err, Catch::Contains("k.key: the passphrase is wrong"));
  CHECK_THAT(result.err, !Catch::Contains("wrong-canary"));

  result = RunRos({"image", "sign", "--key", key, "image"});
  CHECK(result.exit_code == 2);
  CHECK_THAT(result.err,
             Catch::Contains("k.key: a passphrase is needed, and there is no terminal to ask on; "
                             "name a file that holds it by --passphrase-file"));

  // The right one: now it is the image that is missing.
  WriteFileAtomically(file, AsBytes(std::string(kCanary) + "\n"), 0600);
  result = RunRos({"image", "sign", "--key", key, "--passphrase-file", file, "image"});
  CHECK_THAT(result.err, Catch::Contains("image: there is no such file"));
}
