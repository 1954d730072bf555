#include "health/boot_arguments.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/error.hpp"
#include "base/shown_text.hpp"

namespace ros::health {
namespace {

// More is never written by a loader entry; the kernel itself stops at 2048 bytes on x86.
constexpr std::size_t kLineLimit = 65536;

constexpr std::string_view kUnifiedKernel = "uki";

using Values = std::map<std::string, std::string, std::less<>>;

// Splits as the kernel's next_arg does: blanks separate, double quotes keep them together and are
// dropped around a value or a whole argument.
std::string_view NextArgument(std::string_view& rest) {
  const auto start = rest.find_first_not_of(" \t\n");
  if (start == std::string_view::npos) {
    rest = {};
    return {};
  }
  rest.remove_prefix(start);
  bool quoted = false;
  std::size_t end = 0;
  for (; end < rest.size(); ++end) {
    quoted ^= rest[end] == '"';
    if (!quoted && (rest[end] == ' ' || rest[end] == '\t' || rest[end] == '\n')) {
      break;
    }
  }
  const auto argument = rest.substr(0, end);
  rest.remove_prefix(end);
  return argument;
}

Values SplitCommandLine(std::string_view line) {
  Values values;
  while (!line.empty()) {
    std::string argument(NextArgument(line));
    if (argument == "--") {
      break;  // the rest is for init
    }
    std::erase(argument, '"');
    const auto equals = argument.find('=');
    if (equals == std::string::npos || argument.empty()) {
      continue;
    }
    values[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
  return values;
}

[[noreturn]] void Wrong(std::string_view key, std::string_view value, std::string_view expected) {
  throw Error(ErrorKind::kVerification,
              "kernel command line: " + std::string(key) + "=" + ShowText(value) + " is not " +
                  std::string(expected));
}

const std::string& Needed(const Values& values, std::string_view key) {
  const auto at = values.find(key);
  if (at == values.end() || at->second.empty()) {
    throw Error(ErrorKind::kVerification,
                "kernel command line: " + std::string(key) + "= is missing");
  }
  return at->second;
}

std::uint64_t Number(std::string_view key, std::string_view text, std::uint64_t most) {
  std::uint64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [at, code] = std::from_chars(text.data(), end, number);
  if (code != std::errc() || at != end || number > most) {
    Wrong(key, text, "a number from 0 to " + std::to_string(most));
  }
  return number;
}

constexpr std::uint64_t kLongestTime = 86'400;
// ros-init's guard reboots after ten minutes without progress.
constexpr std::uint64_t kLongestWait = 480;

std::chrono::seconds Seconds(const Values& values,
                             std::string_view key,
                             std::chrono::seconds none,
                             std::uint64_t most = kLongestTime) {
  const auto at = values.find(key);
  return at == values.end() ? none : std::chrono::seconds(Number(key, at->second, most));
}

SlotId Slot(std::string_view key, std::string_view text) {
  const auto slot = ParseSlot(text);
  if (!slot) {
    Wrong(key, text, "a slot (a or b)");
  }
  return *slot;
}

bool IsHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

std::string PartitionUuid(const Values& values, std::string_view key) {
  const auto& text = Needed(values, key);
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  bool right = text.size() == kShape.size();
  for (std::size_t i = 0; right && i < kShape.size(); ++i) {
    right = kShape[i] == '-' ? text[i] == '-' : IsHex(std::string_view(text).substr(i, 1));
  }
  if (!right) {
    Wrong(key, text, key == "ros.kept" ? "a UUID" : "a partition UUID");
  }
  return Lower(text);
}

void ParseVerity(const std::string& text, BootArguments& into) {
  constexpr std::string_view kExpected = "ROOT-HASH:SALT:BLOCKS";
  const auto first = text.find(':');
  const auto second = first == std::string::npos ? first : text.find(':', first + 1);
  if (second == std::string::npos) {
    Wrong("ros.verity", text, kExpected);
  }
  into.verity_root_hash = Lower(text.substr(0, first));
  into.verity_salt = Lower(text.substr(first + 1, second - first - 1));
  if (into.verity_salt == "-") {
    into.verity_salt.clear();
  }
  const bool right = into.verity_root_hash.size() == 64 && IsHex(into.verity_root_hash) &&
                     into.verity_salt.size() <= 512 && into.verity_salt.size() % 2 == 0 &&
                     IsHex(into.verity_salt);
  if (!right) {
    Wrong("ros.verity", text, kExpected);
  }
  // 2^40 blocks are 4 PiB: far beyond a disk, far below an overflow.
  into.verity_blocks = Number("ros.verity", std::string_view(text).substr(second + 1), 1ULL << 40U);
  if (into.verity_blocks == 0) {
    Wrong("ros.verity", text, kExpected);
  }
}

std::string FileSystem(const Values& values) {
  const auto& text = Needed(values, "ros.fs");
  const bool right = text.size() <= 16 && std::all_of(text.begin(), text.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
                     });
  if (!right) {
    Wrong("ros.fs", text, "the name of a file system");
  }
  return text;
}

BootArguments Interpret(const Values& values) {
  BootArguments result;
  result.slot = Slot("ros.slot", Needed(values, "ros.slot"));
  result.boot_partition = PartitionUuid(values, "ros.boot");
  result.root_partition = PartitionUuid(values, "ros.root");
  result.state_partition = PartitionUuid(values, "ros.state");
  ParseVerity(Needed(values, "ros.verity"), result);
  result.root_file_system = FileSystem(values);
  result.watchdog = Seconds(values, "ros.watchdog", std::chrono::seconds(0));
  result.wait = Seconds(values, "ros.wait", result.wait, kLongestWait);
  result.pause = Seconds(values, "ros.wait-before-reboot", result.pause);
  if (const auto at = values.find("ros.loader"); at != values.end()) {
    if (at->second != "syslinux" && at->second != kUnifiedKernel) {
      Wrong("ros.loader", at->second, "syslinux or uki");
    }
    result.loader = at->second;
  }
  if (const auto at = values.find("ros.trial"); at != values.end()) {
    result.trial = static_cast<int>(Number("ros.trial", at->second, 9));
  }
  if (const auto at = values.find("ros.fell"); at != values.end()) {
    result.fell_from = Slot("ros.fell", at->second);
  }
  if (values.contains("ros.kept")) {
    result.kept = PartitionUuid(values, "ros.kept");
  }
  if (const auto at = values.find("init"); at != values.end()) {
    result.init = at->second;
  }
  return result;
}

Values Split(std::string_view command_line) {
  if (command_line.size() > kLineLimit) {
    throw Error(ErrorKind::kVerification, "kernel command line: too long");
  }
  return SplitCommandLine(command_line);
}

}  // namespace

BootArguments ParseBootArguments(std::string_view command_line) {
  return Interpret(Split(command_line));
}

bool IsUnifiedKernel(std::string_view command_line) {
  const auto values = Split(command_line);
  const auto loader = values.find("ros.loader");
  return loader != values.end() && loader->second == kUnifiedKernel;
}

SignedArguments ParseSignedArguments(std::string_view command_line) {
  const auto values = Split(command_line);
  BootArguments parsed;
  ParseVerity(Needed(values, "ros.verity"), parsed);
  return {.verity_root_hash = parsed.verity_root_hash,
          .verity_salt = parsed.verity_salt,
          .verity_blocks = parsed.verity_blocks,
          .wait = Seconds(values, "ros.wait", parsed.wait, kLongestWait)};
}

std::optional<BootArguments> FindBootArguments(std::string_view command_line) {
  const auto values = Split(command_line);
  if (!values.contains("ros.slot")) {
    return std::nullopt;
  }
  return Interpret(values);
}

}  // namespace ros::health
