#include "config/cloud_config.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <span>

#include "base/error.hpp"
#include "base/nearest_name.hpp"
#include "base/shown_text.hpp"
#include "config/base64.hpp"
#include "config/upgrade_settings.hpp"

namespace ros::config {
namespace {

using Names = std::span<const std::string_view>;

constexpr std::array<std::string_view, 8> kKnownKeys = {"hostname",
                                                        "ssh_authorized_keys",
                                                        "write_files",
                                                        "mounts",
                                                        "bootcmd",
                                                        "runcmd",
                                                        "ros",
                                                        "rancher"};

// What people bring along from cloud-init: a misspelling is the wrong guess for these.
constexpr std::array<std::string_view, 20> kCloudInitKeys = {
    "users",    "groups",      "packages",   "package_update", "package_upgrade",
    "apt",      "chpasswd",    "password",   "ssh_pwauth",     "timezone",
    "locale",   "ntp",         "swap",       "growpart",       "disk_setup",
    "fs_setup", "power_state", "phone_home", "final_message",  "manage_etc_hosts"};

constexpr std::array<std::string_view, 7> kWriteFilesKeys = {
    "path", "content", "permissions", "owner", "encoding", "append", "defer"};

constexpr std::string_view kBinaryTag = "tag:yaml.org,2002:binary";

bool Contains(Names names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// A word that the shell reads back as it is.
std::string ShellQuoted(const std::string& word) {
  std::string quoted = "'";
  for (const char c : word) {
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return quoted + "'";
}

// RFC 1123, section 2.1, and the 64 bytes that Linux keeps.
bool IsHostname(std::string_view name) {
  constexpr std::size_t kMost = 64;
  constexpr std::size_t kMostOfLabel = 63;
  if (name.empty() || name.size() > kMost) {
    return false;
  }
  for (std::size_t at = 0; at <= name.size();) {
    const auto end = std::min(name.find('.', at), name.size());
    const auto label = name.substr(at, end - at);
    const bool letters = std::all_of(label.begin(), label.end(), [](unsigned char c) {
      return c < 0x80 && (std::isalnum(c) != 0 || c == '-');
    });
    if (label.empty() || label.size() > kMostOfLabel || !letters || label.front() == '-' ||
        label.back() == '-') {
      return false;
    }
    at = end + 1;
  }
  return true;
}

bool IsCleanAbsolutePath(std::string_view text) {
  const std::filesystem::path path(text);
  return path.is_absolute() && path.lexically_normal() == path && path.has_filename();
}

// cloud-init's short names of devices: sda1, vdb, xvda, sr0.
bool IsShortDeviceName(std::string_view name) {
  const auto all_digits = [](std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (name.starts_with("sr")) {
    return name.size() > 2 && all_digits(name.substr(2));
  }
  if (name.starts_with('x')) {
    name.remove_prefix(1);
  }
  return name.size() >= 3 && std::string_view("shv").find(name[0]) != std::string_view::npos &&
         name[1] == 'd' && name[2] >= 'a' && name[2] <= 'z' && all_digits(name.substr(3));
}

std::vector<std::string> SplitCommas(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    if (end > at) {
      parts.emplace_back(text.substr(at, end - at));
    }
    at = end + 1;
  }
  return parts;
}

class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  CloudConfig Read(const YamlTree& root) {
    if (root.IsNull()) {
      return {};
    }
    if (!root.IsMap()) {
      Refuse(root, "a cloud-config is a map of keys and values");
    }
    for (const auto& member : root.members) {
      ReadMember(member);
    }
    CheckUpgradeSettings(root);
    return std::move(config_);
  }

 private:
  [[noreturn]] void Refuse(const YamlTree& at, const std::string& why) const {
    throw Error(ErrorKind::kUsage, FormatPlace(file_, at.place) + ": " + why);
  }

  // Warned of here: a host name and SSH keys must come also where a setting of upgrades is wrong.
  // `ros upgrade` refuses it.
  void CheckUpgradeSettings(const YamlTree& root) {
    try {
      static_cast<void>(ReadUpgradeSettings(root, file_));
    } catch (const Error& error) {
      config_.warnings.push_back(error.message() + "; ros upgrade will refuse that");
    }
  }

  void Warn(Place place, const std::string& what) {
    auto where = file_;
    if (place.line > 0) {
      where += ":" + std::to_string(place.line);
    }
    config_.warnings.push_back(where + ": " + what + ", ignoring");
  }

  void WarnUnknown(const YamlTree::Member& member, Names known) {
    const auto nearest = NearestName(member.key, known);
    const auto guess = nearest.empty() ? "" : " (did you mean " + QuoteText(nearest) + "?)";
    Warn(member.place, "unknown key " + QuoteText(member.key) + guess);
  }

  void ReadMember(const YamlTree::Member& member) {
    const auto& key = member.key;
    if (!Contains(kKnownKeys, key)) {
      WarnUnknown(member, Contains(kCloudInitKeys, key) ? Names() : Names(kKnownKeys));
      return;
    }
    if (member.value.IsNull()) {
      return;
    }
    if (key == "hostname") {
      ReadHostname(member.value);
    } else if (key == "ssh_authorized_keys") {
      ReadSshKeys(member.value);
    } else if (key == "write_files") {
      ReadFiles(member.value);
    } else if (key == "mounts") {
      ReadMounts(member.value);
    } else if (key == "bootcmd") {
      config_.bootcmd = ReadCommands(member);
    } else if (key == "runcmd") {
      config_.runcmd = ReadCommands(member);
    } else if (!member.value.IsMap()) {
      Refuse(member.value, QuoteText(key) + " must be a map");
    }
  }

  const std::string& Text(const YamlTree& value, std::string_view what) const {
    if (!value.IsScalar()) {
      Refuse(value, std::string(what) + " must be a string");
    }
    return value.text;
  }

  const std::vector<YamlTree>& List(const YamlTree& value, std::string_view what) const {
    if (!value.IsList()) {
      Refuse(value, std::string(what) + " must be a list");
    }
    return value.items;
  }

  void ReadHostname(const YamlTree& value) {
    config_.hostname = Text(value, "\"hostname\"");
    if (!IsHostname(config_.hostname)) {
      Refuse(value,
             QuoteText(config_.hostname) +
                 " is no host name: letters, digits and hyphens, at most 64 of them");
    }
  }

  void ReadSshKeys(const YamlTree& value) {
    for (const auto& item : List(value, "\"ssh_authorized_keys\"")) {
      const auto& key = Text(item, "each of \"ssh_authorized_keys\"");
      const auto end = key.find_last_not_of(" \t\r\n");
      const auto line = key.substr(0, end == std::string::npos ? 0 : end + 1);
      if (line.empty() || line.find('\n') != std::string::npos) {
        Refuse(item, "an SSH key is one line that is not empty");
      }
      config_.ssh_authorized_keys.push_back(line);
    }
  }

  std::vector<ShellCommand> ReadCommands(const YamlTree::Member& section) const {
    if (section.value.IsScalar()) {
      return {{section.value.text}};
    }
    std::vector<ShellCommand> commands;
    for (const auto& item : List(section.value, QuoteText(section.key))) {
      if (item.IsScalar()) {
        commands.push_back({item.text});
      } else if (item.IsList() && !item.items.empty()) {
        commands.push_back({Words(item)});
      } else if (!item.IsNull()) {
        Refuse(item, "each of " + QuoteText(section.key) + " must be a string or a list of words");
      }
    }
    return commands;
  }

  std::string Words(const YamlTree& list) const {
    std::string line;
    for (const auto& word : list.items) {
      line += (line.empty() ? "" : " ") + ShellQuoted(Text(word, "each word of a command"));
    }
    return line;
  }

  void ReadFiles(const YamlTree& value) {
    for (const auto& item : List(value, "\"write_files\"")) {
      if (!item.IsMap()) {
        Refuse(item, "each of \"write_files\" must be a map with a path and a content");
      }
      ReadFile(item);
    }
  }

  void ReadFile(const YamlTree& item) {
    FileToWrite file;
    const YamlTree* content = nullptr;
    std::string_view encoding;
    for (const auto& member : item.members) {
      const auto& value = member.value;
      if (!Contains(kWriteFilesKeys, member.key)) {
        WarnUnknown(member, kWriteFilesKeys);
      } else if (value.IsNull()) {
        continue;
      } else if (member.key == "path") {
        file.path = Text(value, "\"path\"");
      } else if (member.key == "content") {
        content = &value;
      } else if (member.key == "encoding") {
        encoding = Text(value, "\"encoding\"");
      } else {
        ReadFileAttribute(member, file);
      }
    }
    if (!IsCleanAbsolutePath(file.path)) {
      Refuse(item, "\"path\" of a file must be absolute and without . and ..");
    }
    if (content != nullptr) {
      ReadContent(*content, encoding, file);
    }
    config_.write_files.push_back(std::move(file));
  }

  void ReadFileAttribute(const YamlTree::Member& member, FileToWrite& file) {
    const auto& text = Text(member.value, QuoteText(member.key));
    if (member.key == "permissions") {
      file.permissions = ReadPermissions(member.value);
    } else if (member.key == "owner") {
      const auto colon = text.find(':');
      file.user = text.substr(0, colon);
      file.group = colon == std::string::npos ? file.group : text.substr(colon + 1);
      if (file.user.empty() || file.group.empty()) {
        Refuse(member.value, "\"owner\" must be USER or USER:GROUP");
      }
    } else if (member.key == "append") {
      file.existing =
          ReadYes(member.value) ? FileToWrite::Existing::kAppend : FileToWrite::Existing::kReplace;
    } else if (ReadYes(member.value)) {
      Warn(member.place, "\"defer\" has no meaning here, all files are written early");
    }
  }

  // Always octal, with or without a leading 0 or 0o: nobody means decimal.
  mode_t ReadPermissions(const YamlTree& value) const {
    auto digits = std::string_view(value.text);
    if (digits.starts_with("0o")) {
      digits.remove_prefix(2);
    }
    mode_t mode = 0;
    for (const char digit : digits) {
      const bool octal = digit >= '0' && digit <= '7' && mode <= 07777;
      if (!octal) {
        mode = 010000;
        break;
      }
      mode = mode * 8 + static_cast<mode_t>(digit - '0');
    }
    if (digits.empty() || mode > 07777) {
      Refuse(value, "\"permissions\" must be an octal number such as '0644'");
    }
    return mode;
  }

  bool ReadYes(const YamlTree& value) const {
    std::string word = value.text;
    std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) {
      return static_cast<char>(std::tolower(c));
    });
    if (word == "true" || word == "yes" || word == "on") {
      return true;
    }
    if (word != "false" && word != "no" && word != "off") {
      Refuse(value, QuoteText(value.text) + " is neither true nor false");
    }
    return false;
  }

  void ReadContent(const YamlTree& value, std::string_view encoding, FileToWrite& file) const {
    file.content = Text(value, "\"content\"");
    const bool base64 = encoding == "b64" || encoding == "base64";
    const bool packed_base64 = encoding == "gz+b64" || encoding == "gz+base64" ||
                               encoding == "gzip+b64" || encoding == "gzip+base64";
    const bool packed = packed_base64 || encoding == "gz" || encoding == "gzip";
    if (!base64 && !packed && !encoding.empty() && encoding != "text/plain") {
      Refuse(value,
             "the encoding " + QuoteText(encoding) +
                 " is not known; one of text/plain, b64, gzip, gz+b64 is");
    }
    if (value.tag == kBinaryTag) {
      file.content = Decoded(value, file.content);
    }
    if (base64 || packed_base64) {
      file.content = Decoded(value, file.content);
    }
    file.packing = packed ? FileToWrite::Packing::kGzip : FileToWrite::Packing::kNone;
  }

  std::string Decoded(const YamlTree& value, const std::string& text) const {
    auto decoded = DecodeBase64(text);
    if (!decoded) {
      Refuse(value, "the content is not valid base64");
    }
    return std::move(*decoded);
  }

  void ReadMounts(const YamlTree& value) {
    for (const auto& item : List(value, "\"mounts\"")) {
      ReadMount(item);
    }
  }

  // cloud-init's list: device, mount point, type, options, dump, pass. The last two say when dump
  // and fsck look at the file system, which nobody does here.
  void ReadMount(const YamlTree& item) {
    constexpr std::size_t kFields = 6;
    const auto& fields = List(item, "each of \"mounts\"");
    if (fields.empty() || fields.size() > kFields) {
      Refuse(item, "a mount has one to six fields: device, mount point, type, options");
    }
    const auto field = [&](std::size_t at) {
      return at < fields.size() && !fields[at].IsNull() ? Text(fields[at], "a field of a mount")
                                                        : std::string();
    };
    MountEntry entry;
    entry.device = IsShortDeviceName(field(0)) ? "/dev/" + field(0) : field(0);
    entry.mount_point = field(1);
    while (entry.mount_point.size() > 1 && entry.mount_point.back() == '/') {
      entry.mount_point.pop_back();
    }
    if (entry.device.empty()) {
      Refuse(item, "a mount needs a device");
    }
    if (entry.mount_point.empty()) {
      Warn(item.place, "the mount of " + QuoteText(entry.device) + " has no mount point");
      return;
    }
    entry.type = field(2).empty() ? entry.type : field(2);
    const auto options = SplitCommas(field(3));
    entry.options = options.empty() ? entry.options : options;
    const bool swap = entry.type == "swap" && entry.mount_point == "none";
    if (!swap && !IsCleanAbsolutePath(entry.mount_point)) {
      Refuse(item, "the mount point " + QuoteText(entry.mount_point) + " is not an absolute path");
    }
    config_.mounts.push_back(std::move(entry));
  }

  std::string file_;
  CloudConfig config_;
};

// Other kinds of user data that cloud-init takes, and how they begin.
void RefuseOtherUserData(std::string_view text, std::string_view file) {
  constexpr std::array<std::array<std::string_view, 2>, 5> kOthers = {{
      {"#!", "a script"},
      {"#include", "a list of addresses"},
      {"## template:", "a template"},
      {"Content-Type:", "a multi-part message"},
      {"MIME-Version:", "a multi-part message"},
  }};
  for (const auto& [begin, name] : kOthers) {
    if (text.starts_with(begin)) {
      throw Error(ErrorKind::kUsage,
                  std::string(file) + ":1:1: this is " + std::string(name) +
                      " and not a cloud-config, which begins with the line #cloud-config");
    }
  }
}

bool HasHeader(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) {
    text.remove_prefix(3);
  }
  constexpr std::string_view kHeader = "#cloud-config";
  return text.starts_with(kHeader) &&
         (text.size() == kHeader.size() || std::isspace(text[kHeader.size()]) != 0);
}

}  // namespace

CloudConfig ParseCloudConfig(std::string_view text, std::string_view file) {
  RefuseOtherUserData(text, file);
  auto config = ReadCloudConfig(ParseYaml(text, file), file);
  if (!text.empty() && !HasHeader(text)) {
    config.warnings.insert(config.warnings.begin(),
                           std::string(file) +
                               ":1: the first line is not \"#cloud-config\" as cloud-init wants "
                               "it, ignoring");
  }
  return config;
}

std::span<const std::string_view> KnownKeys() {
  return kKnownKeys;
}

CloudConfig ReadCloudConfig(const YamlTree& tree, std::string_view file) {
  return Reader(file).Read(tree);
}

}  // namespace ros::config
