#include "config/cloud_config.hpp"
#include "fuzz/target.hpp"

namespace ros::fuzz {
namespace {

using config::YamlTree;

// Whether a plain scalar may be read as something else than a string: 12, yes, ~, 1.5e3. A lone "-"
// and "a:" may not, and are quoted when they are written.
bool MayHaveType(std::string_view text) {
  constexpr std::string_view kAlphanumeric =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const auto allowed = std::string(kAlphanumeric) + "+-.~_:";
  return text == "~" || (text.find_first_of(kAlphanumeric) != std::string_view::npos &&
                         text.find_first_not_of(allowed) == std::string_view::npos &&
                         !text.starts_with(':') && !text.ends_with(':'));
}

// Where a value stands in its file may differ, and whether it is quoted where that says nothing.
bool IsSame(const YamlTree& one, const YamlTree& other) {
  if (one.kind != other.kind || one.tag != other.tag ||
      (one.tag.empty() && one.style != other.style && MayHaveType(one.text)) ||
      one.text != other.text || one.items.size() != other.items.size() ||
      one.members.size() != other.members.size()) {
    return false;
  }
  for (std::size_t i = 0; i < one.items.size(); ++i) {
    if (!IsSame(one.items[i], other.items[i])) {
      return false;
    }
  }
  for (std::size_t i = 0; i < one.members.size(); ++i) {
    if (one.members[i].key != other.members[i].key ||
        !IsSame(one.members[i].value, other.members[i].value)) {
      return false;
    }
  }
  return true;
}

std::size_t CountValues(const YamlTree& tree) {
  std::size_t count = 1;
  for (const auto& item : tree.items) {
    count += CountValues(item);
  }
  for (const auto& member : tree.members) {
    count += CountValues(member.value);
  }
  return count;
}

}  // namespace

void Run(ByteSpan input) {
  const auto tree = config::ParseYaml(AsText(input), "cloud.yml");
  Expect(CountValues(tree) <= config::YamlLimits().values, "the limit of values holds");
  std::string text;
  if (Succeeds([&] { text = config::EmitYaml(tree); })) {
    Expect(IsSame(config::ParseYaml(text, "emitted"), tree),
           "what is written is read back the same: " + text);
  }
  Expect(IsSame(config::MergeYaml(tree, tree), tree), "a file over itself changes nothing");

  const auto config = config::ParseCloudConfig(AsText(input), "cloud.yml");
  for (const auto& file : config.write_files) {
    Expect(file.path.starts_with('/') && file.path.find("/../") == std::string::npos,
           "a file's path is absolute and clean");
  }
}

std::vector<Seed> Seeds() {
  return {
      {"small", "#cloud-config\nhostname: web-1\n"},
      {"whole",
       "#cloud-config\nhostname: web-1\nssh_authorized_keys:\n  - ssh-ed25519 AAAA a@b\n"
       "write_files:\n  - path: /etc/motd\n    content: |\n      hello\n"
       "    permissions: '0644'\n    owner: root:root\n"
       "  - {path: /opt/x, content: !!binary aGVsbG8=, encoding: b64}\n"
       "mounts:\n  - [sdb1, /mnt, ext4, \"defaults,nofail\"]\nbootcmd:\n  - [echo, \"a b\"]\n"
       "runcmd:\n  - ls\nros: {a: [1, 2]}\n"},
      {"aliases", "a: &x [1, {b: c}]\nd: *x\ne: {<<: {f: g}, h: *x}\n"},
      {"quotes", "a: 'it''s'\nb: \"\\u00e9\\n\"\nc: >\n  folded\n  text\n"},
      {"dash", "a: [-, x]\n"},
      {"laughs", "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\nd: &d [*c, *c, *c]\n"}};
}

}  // namespace ros::fuzz
