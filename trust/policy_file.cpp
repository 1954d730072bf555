#include "trust/policy_file.hpp"

#include <algorithm>
#include <charconv>
#include <span>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/nearest_name.hpp"
#include "config/yaml_tree.hpp"
#include "trust/channel.hpp"

namespace ros::trust {
namespace {

using config::YamlTree;
using Names = std::span<const std::string_view>;

constexpr std::string_view kPolicyNames[] = {
    "version", "keys", "threshold", "revoked", "lowest-epoch", "max-age", "channel"};
constexpr std::string_view kKeyNames[] = {
    "name", "role", "key", "file", "valid-from", "valid-until"};
constexpr std::string_view kRevokedNames[] = {"keys", "digests"};
constexpr std::string_view kChannelRuleNames[] = {"name", "threshold"};

constexpr std::size_t kMaxKeyNameLength = 64;
constexpr std::size_t kMaxThresholds = 16;
constexpr std::size_t kFingerprintLength = 16;
constexpr std::int64_t kMaxDays = 36500;
constexpr std::uint64_t kMaxEpoch = (std::uint64_t{1} << 53U) - 1;

bool IsHex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

class Reader {
 public:
  Reader(std::string_view file, KeyFiles files) : file_(file), files_(files) {}

  Policy ReadPolicy(const YamlTree& root) {
    CheckMap(root, kPolicyNames, "a trust policy");
    ReadVersion(root);
    Policy policy;
    const auto* keys = root.Find("keys");
    if (keys == nullptr) {
      Refuse(root, "a trust policy names its keys; write `keys:`");
    }
    for (const auto& item : List(*keys, keys::kMaxTrustedKeys)) {
      AddKey(policy, item);
    }
    policy.restrictions = ReadRestrictions(root);
    if (policy.restrictions.thresholds.empty()) {
      policy.restrictions.thresholds = {Threshold{}};
    }
    CheckThresholds(root, policy, policy.restrictions.thresholds);
    for (const auto& channel : policy.restrictions.channels) {
      CheckThresholds(*root.Find("channel"), policy, channel.thresholds);
    }
    return policy;
  }

  Restrictions ReadOwn(const YamlTree& root) {
    if (root.IsNull()) {
      // As a power cut may leave it: what it said is not known, which is not nothing.
      Refuse(root, "it is empty; write `version: 1` into it, or remove it");
    }
    CheckMap(root, kPolicyNames, "a machine's trust file");
    ReadVersion(root);
    if (const auto* keys = root.Find("keys")) {
      Refuse(*keys,
             "a machine's own file can only make its image's trust policy stricter; keys come with "
             "an image, or by ros keys trust where the image has no policy");
    }
    return ReadRestrictions(root);
  }

 private:
  [[noreturn]] void Refuse(const YamlTree& at, const std::string& why) const {
    throw Error(ErrorKind::kUsage, config::FormatPlace(file_, at.place) + ": " + why);
  }

  void CheckMap(const YamlTree& tree, Names known, std::string_view what) const {
    if (!tree.IsMap()) {
      Refuse(tree, std::string(what) + " is a map of keys and values");
    }
    for (const auto& member : tree.members) {
      if (std::ranges::find(known, member.key) == known.end()) {
        const auto nearest = NearestName(member.key, known);
        YamlTree at;
        at.place = member.place;
        Refuse(at,
               "\"" + member.key + "\" is not known in " + std::string(what) +
                   (nearest.empty() ? "" : " (did you mean \"" + std::string(nearest) + "\"?)") +
                   "; a rule that is not understood is not passed over");
      }
    }
  }

  const std::vector<YamlTree>& List(const YamlTree& tree, std::size_t most) const {
    if (!tree.IsList()) {
      Refuse(tree, "expected a list");
    }
    if (tree.items.size() > most) {
      Refuse(tree, "more than " + std::to_string(most) + " items");
    }
    return tree.items;
  }

  const std::string& Text(const YamlTree& tree) const {
    if (!tree.IsScalar() || tree.text.empty()) {
      Refuse(tree, "expected a text");
    }
    return tree.text;
  }

  std::uint64_t Number(const YamlTree& tree, std::uint64_t most) const {
    const auto& text = Text(tree);
    std::uint64_t number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (code != std::errc() || end != text.data() + text.size() || number > most) {
      Refuse(tree, "expected a number from 0 to " + std::to_string(most));
    }
    return number;
  }

  std::string Name(const YamlTree& tree) const {
    const auto& text = Text(tree);
    const bool plain = std::ranges::all_of(text, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '_' || c == '.';
    });
    if (text.size() == kFingerprintLength && IsHex(text)) {
      Refuse(tree, "a name that looks like a fingerprint would be taken for one");
    }
    if (!plain || text.size() > kMaxKeyNameLength) {
      Refuse(tree,
             "a name is letters, digits, -, _ and ., at most " + std::to_string(kMaxKeyNameLength));
    }
    return text;
  }

  // A day, or a second as "2027-01-01T12:00:00Z". A day begins or ends with `clock`.
  UnixTime Time(const YamlTree& tree, std::string_view clock) const {
    constexpr std::size_t kDayLength = 10;
    auto text = Text(tree);
    if (text.size() == kDayLength) {
      text += clock;
    }
    try {
      return ParseTime(text);
    } catch (const Error&) {
      Refuse(tree, "expected a day as 2027-01-31, or a time as 2027-01-31T12:00:00Z");
    }
  }

  std::chrono::seconds Age(const YamlTree& tree) const {
    const auto& text = Text(tree);
    std::int64_t days = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), days);
    if (code != std::errc() || std::string_view(end) != "d" || days < 1 || days > kMaxDays) {
      Refuse(tree, "expected days from 1d to " + std::to_string(kMaxDays) + "d");
    }
    return std::chrono::seconds(days * kSecondsADay);
  }

  void ReadVersion(const YamlTree& root) const {
    const auto* version = root.Find("version");
    if (version != nullptr && Text(*version) != "1") {
      Refuse(*version,
             "this is version " + version->text + " of the format, and this ros knows version 1");
    }
  }

  std::string KeyText(const YamlTree& item) const {
    const auto* text = item.Find("key");
    const auto* file = item.Find("file");
    if ((text == nullptr) == (file == nullptr)) {
      Refuse(item, "a key has either `key:` with its PEM text or `file:` with its file's name");
    }
    if (text != nullptr) {
      return Text(*text);
    }
    if (files_ == KeyFiles::kRefused) {
      Refuse(*file, "a policy that came with an image has its keys in itself");
    }
    const auto path = std::filesystem::path(file_).parent_path() / Text(*file);
    try {
      return ReadFile(path, keys::kMaxKeyFileSize);
    } catch (const Error& error) {
      Refuse(*file, error.message());
    }
  }

  keys::PublicKey Key(const YamlTree& item, const std::string& name) const {
    const auto text = KeyText(item);
    try {
      return keys::PublicKey::FromPem(text, name);
    } catch (const Error& error) {
      Refuse(item, error.message());
    }
  }

  void AddKey(Policy& policy, const YamlTree& item) const {
    CheckMap(item, kKeyNames, "a key");
    const auto* name = item.Find("name");
    if (name == nullptr) {
      Refuse(item, "a key has a name; write `name:`");
    }
    TrustedKey key{.name = Name(*name),
                   .key = Key(item, name->text),
                   .valid_from = std::nullopt,
                   .valid_until = std::nullopt};
    if (const auto* role = item.Find("role")) {
      key.role = Name(*role);
    }
    if (const auto* from = item.Find("valid-from")) {
      key.valid_from = Time(*from, "T00:00:00Z");
    }
    if (const auto* until = item.Find("valid-until")) {
      key.valid_until = Time(*until, "T23:59:59Z");
    }
    for (const auto& other : policy.keys) {
      // Twice under two names, it could meet "2 of release" alone.
      if (other.key.Fingerprint() == key.key.Fingerprint()) {
        Refuse(item, key.name + " is the same key as " + other.name);
      }
      if (other.name == key.name) {
        Refuse(*name, "two keys are called " + key.name);
      }
    }
    policy.keys.push_back(std::move(key));
  }

  // "2 of release".
  Threshold ReadThreshold(const YamlTree& tree) const {
    constexpr std::string_view kOf = " of ";
    const auto& text = Text(tree);
    const auto of = text.find(kOf);
    Threshold threshold;
    const auto* end = text.data() + std::min(of, text.size());
    const auto [rest, code] = std::from_chars(text.data(), end, threshold.count);
    if (of == std::string::npos || code != std::errc() || rest != end || threshold.count < 1 ||
        threshold.count > kMaxThreshold) {
      Refuse(tree,
             "expected as \"2 of release\": a number from 1 to " + std::to_string(kMaxThreshold) +
                 " and a role");
    }
    YamlTree role = tree;
    role.text = text.substr(of + kOf.size());
    threshold.role = Name(role);
    return threshold;
  }

  std::vector<Threshold> ReadThresholds(const YamlTree& tree) const {
    if (!tree.IsList()) {
      return {ReadThreshold(tree)};
    }
    std::vector<Threshold> thresholds;
    for (const auto& item : List(tree, kMaxThresholds)) {
      thresholds.push_back(ReadThreshold(item));
    }
    return thresholds;
  }

  void ReadRevoked(const YamlTree& tree, Restrictions& restrictions) const {
    CheckMap(tree, kRevokedNames, "`revoked`");
    if (const auto* keys = tree.Find("keys")) {
      for (const auto& item : List(*keys, kMaxRevoked)) {
        const auto& text = Text(item);
        if (text.size() != kFingerprintLength || !IsHex(text)) {
          Refuse(item, "expected a key's fingerprint: 16 hex digits, as ros keys show prints it");
        }
        restrictions.revoked_keys.push_back(text);
      }
    }
    if (const auto* digests = tree.Find("digests")) {
      for (const auto& item : List(*digests, kMaxRevoked)) {
        try {
          restrictions.revoked_digests.push_back(keys::Digest::Parse(Text(item)));
        } catch (const Error& error) {
          Refuse(item, error.message());
        }
      }
    }
  }

  ChannelRule ReadChannel(const YamlTree& tree) const {
    CheckMap(tree, kChannelRuleNames, "`channel`");
    const auto* name = tree.Find("name");
    if (name == nullptr) {
      Refuse(tree, "a channel has a name; write `name:`");
    }
    ChannelRule rule{.name = Text(*name), .thresholds = {}};
    if (!IsChannelName(rule.name)) {
      Refuse(*name,
             "a channel's name is letters, digits, -, _ and ., at most 64, and begins with a "
             "letter or digit");
    }
    if (const auto* threshold = tree.Find("threshold")) {
      rule.thresholds = ReadThresholds(*threshold);
    }
    return rule;
  }

  Restrictions ReadRestrictions(const YamlTree& root) const {
    Restrictions restrictions;
    if (const auto* threshold = root.Find("threshold")) {
      restrictions.thresholds = ReadThresholds(*threshold);
    }
    if (const auto* revoked = root.Find("revoked")) {
      ReadRevoked(*revoked, restrictions);
    }
    if (const auto* epoch = root.Find("lowest-epoch")) {
      restrictions.lowest_epoch = Number(*epoch, kMaxEpoch);
    }
    if (const auto* age = root.Find("max-age")) {
      restrictions.max_age = Age(*age);
    }
    if (const auto* channel = root.Find("channel")) {
      restrictions.channels = {ReadChannel(*channel)};
    }
    return restrictions;
  }

  // A policy that no image can ever meet would strand its machines.
  void CheckThresholds(const YamlTree& root,
                       const Policy& policy,
                       const std::vector<Threshold>& thresholds) const {
    for (const auto& threshold : thresholds) {
      const auto usable = std::ranges::count_if(policy.keys, [&](const TrustedKey& key) {
        return key.role == threshold.role && !IsRevoked(policy.restrictions, key.key.Fingerprint());
      });
      if (static_cast<std::uint64_t>(usable) < threshold.count) {
        const auto* at = root.Find("threshold");
        Refuse(at != nullptr ? *at : root,
               std::to_string(threshold.count) + " of " + threshold.role +
                   " can never be met: keys of this role that are not revoked: " +
                   std::to_string(usable));
      }
    }
  }

  std::string file_;
  KeyFiles files_;
};

YamlTree Parse(std::string_view text, std::string_view file) {
  return config::ParseYaml(text, file, {.size = kMaxPolicySize, .depth = 8, .values = 10'000});
}

YamlTree Scalar(std::string text) {
  YamlTree tree;
  tree.kind = YamlTree::Kind::kScalar;
  tree.text = std::move(text);
  return tree;
}

// A text that YAML might take for a number.
YamlTree Quoted(std::string text) {
  auto tree = Scalar(std::move(text));
  tree.style = YamlTree::Style::kQuoted;
  return tree;
}

YamlTree Map() {
  YamlTree tree;
  tree.kind = YamlTree::Kind::kMap;
  return tree;
}

YamlTree ListOf(std::vector<YamlTree> items) {
  YamlTree tree;
  tree.kind = YamlTree::Kind::kList;
  tree.items = std::move(items);
  return tree;
}

void Put(YamlTree& map, std::string key, YamlTree value) {
  map.members.push_back({.key = std::move(key), .place = {}, .value = std::move(value)});
}

void PutRevoked(YamlTree& map, const Restrictions& restrictions) {
  auto revoked = Map();
  if (!restrictions.revoked_keys.empty()) {
    std::vector<YamlTree> list;
    for (const auto& key : restrictions.revoked_keys) {
      list.push_back(Quoted(key));
    }
    Put(revoked, "keys", ListOf(std::move(list)));
  }
  if (!restrictions.revoked_digests.empty()) {
    std::vector<YamlTree> list;
    for (const auto& digest : restrictions.revoked_digests) {
      list.push_back(Scalar(digest.ToString()));
    }
    Put(revoked, "digests", ListOf(std::move(list)));
  }
  if (!revoked.members.empty()) {
    Put(map, "revoked", std::move(revoked));
  }
}

void PutThresholds(YamlTree& map, const std::vector<Threshold>& thresholds) {
  if (thresholds.empty()) {
    return;
  }
  auto list = ListOf({});
  for (const auto& threshold : thresholds) {
    list.items.push_back(Scalar(std::to_string(threshold.count) + " of " + threshold.role));
  }
  Put(map, "threshold", std::move(list));
}

void PutRestrictions(YamlTree& map, const Restrictions& restrictions) {
  PutThresholds(map, restrictions.thresholds);
  PutRevoked(map, restrictions);
  if (restrictions.lowest_epoch > 0) {
    Put(map, "lowest-epoch", Scalar(std::to_string(restrictions.lowest_epoch)));
  }
  if (restrictions.max_age) {
    Put(map, "max-age", Scalar(std::to_string(restrictions.max_age->count() / kSecondsADay) + "d"));
  }
  for (const auto& rule : restrictions.channels) {
    auto channel = Map();
    Put(channel, "name", Quoted(rule.name));
    PutThresholds(channel, rule.thresholds);
    Put(map, "channel", std::move(channel));
  }
}

YamlTree Versioned() {
  auto map = Map();
  Put(map, "version", Scalar("1"));
  return map;
}

}  // namespace

Policy ParsePolicy(std::string_view text, std::string_view file, KeyFiles files) {
  return Reader(file, files).ReadPolicy(Parse(text, file));
}

Restrictions ParseRestrictions(std::string_view text, std::string_view file) {
  return Reader(file, KeyFiles::kRefused).ReadOwn(Parse(text, file));
}

std::string FormatPolicy(const Policy& policy) {
  auto map = Versioned();
  auto list = ListOf({});
  for (const auto& key : policy.keys) {
    auto item = Map();
    Put(item, "name", Quoted(key.name));
    Put(item, "role", Quoted(key.role));
    if (key.valid_from) {
      Put(item, "valid-from", Scalar(FormatTime(*key.valid_from)));
    }
    if (key.valid_until) {
      Put(item, "valid-until", Scalar(FormatTime(*key.valid_until)));
    }
    Put(item, "key", Scalar(key.key.ToPem()));
    list.items.push_back(std::move(item));
  }
  Put(map, "keys", std::move(list));
  PutRestrictions(map, policy.restrictions);
  return config::EmitYaml(map);
}

std::string FormatRestrictions(const Restrictions& restrictions) {
  auto map = Versioned();
  PutRestrictions(map, restrictions);
  return config::EmitYaml(map);
}

}  // namespace ros::trust
