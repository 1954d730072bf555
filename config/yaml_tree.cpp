#include "config/yaml_tree.hpp"

#include <yaml-cpp/emitter.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "base/error.hpp"
#include "base/shown_text.hpp"
#include "config/utf8.hpp"

namespace ros::config {
namespace {

constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

Place PlaceOf(const YAML::Mark& mark) {
  return mark.is_null() ? Place() : Place{mark.line + 1, mark.column + 1};
}

// Values and bytes that a tree holds: what an alias to it costs.
struct Weight {
  std::size_t values = 0;
  Bytes bytes = 0;
};

Weight WeightOf(const YamlTree& tree) {
  Weight sum{1, tree.text.size()};
  const auto add = [&sum](const YamlTree& child) {
    const auto weight = WeightOf(child);
    sum.values += weight.values;
    sum.bytes += weight.bytes;
  };
  for (const auto& item : tree.items) {
    add(item);
  }
  for (const auto& member : tree.members) {
    add(member.value);
  }
  return sum;
}

int DepthOf(const YamlTree& tree) {
  int deepest = 0;
  for (const auto& item : tree.items) {
    deepest = std::max(deepest, DepthOf(item));
  }
  for (const auto& member : tree.members) {
    deepest = std::max(deepest, DepthOf(member.value));
  }
  return deepest + 1;
}

// What YAML 1.2 (section 10.3.2) takes for null where it stands plain.
bool IsNullWord(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

// Builds the tree from the parser's events, so that each limit holds while the text is read.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view file, const YamlLimits& limits) : file_(file), limits_(limits) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      RefuseAt(file_, PlaceOf(mark), "a second YAML document; only one is read");
    }
  }

  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlTree tree;
    tree.place = PlaceOf(mark);
    Count({1, 0}, tree.place);
    Complete(std::move(tree), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto place = PlaceOf(mark);
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      RefuseAt(file_, place, "an alias inside of the value that it stands for");
    }
    Count(WeightOf(found->second), place);
    CheckDepth(DepthOf(found->second), place);
    auto copy = found->second;
    copy.place = place;
    Complete(std::move(copy), 0);
  }

  void OnScalar(const YAML::Mark& mark,
                const std::string& tag,
                YAML::anchor_t anchor,
                const std::string& value) override {
    YamlTree tree;
    tree.kind = YamlTree::Kind::kScalar;
    tree.place = PlaceOf(mark);
    tree.text = value;
    if (!IsUtf8(value)) {
      // The parser makes one byte of "\\_" and "\\N", where YAML means a character.
      RefuseAt(file_, tree.place, "an escape that is not read right; write the character itself");
    }
    if (HasNoncharacter(value)) {
      // The emitter writes U+FFFD for it.
      RefuseAt(file_, tree.place, "a character that Unicode gives no meaning (such as U+FFFF)");
    }
    last_scalar_ = mark;
    SetScalarTag(tree, tag);
    Count({1, value.size()}, tree.place);
    Complete(std::move(tree), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark,
                       const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    Open(YamlTree::Kind::kList, mark, tag, anchor);
  }

  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    Open(YamlTree::Kind::kMap, mark, tag, anchor);
  }

  void OnMapEnd() override {
    ResolveMergeKeys(open_.back());
    Close();
  }

  [[nodiscard]] YamlTree Take() { return std::move(root_); }

  // Where the last scalar of the text begins, with its tag and anchor.
  [[nodiscard]] const YAML::Mark& last_scalar() const { return last_scalar_; }

 private:
  // A list or map whose end has not been seen yet.
  struct OpenValue {
    YamlTree tree;
    YAML::anchor_t anchor = 0;
    std::optional<YamlTree> key;  // a map's key that waits for its value
    std::set<std::string> keys;
    std::vector<YamlTree> merged;  // the values of `<<`
  };

  void Open(YamlTree::Kind kind,
            const YAML::Mark& mark,
            const std::string& tag,
            YAML::anchor_t anchor) {
    OpenValue value;
    value.tree.kind = kind;
    value.tree.place = PlaceOf(mark);
    value.anchor = anchor;
    const std::string_view core = kind == YamlTree::Kind::kList ? "seq" : "map";
    if (tag.size() > 1 && tag != std::string(kTagPrefix).append(core)) {
      RefuseAt(file_, value.tree.place, "the tag " + ShortenText(tag) + " is not known");
    }
    Count({1, 0}, value.tree.place);
    CheckDepth(1, value.tree.place);
    open_.push_back(std::move(value));
  }

  void Close() {
    auto closed = std::move(open_.back());
    open_.pop_back();
    Complete(std::move(closed.tree), closed.anchor);
  }

  void Complete(YamlTree tree, YAML::anchor_t anchor) {
    if (anchor != 0) {
      anchors_[anchor] = tree;
    }
    if (open_.empty()) {
      root_ = std::move(tree);
      return;
    }
    auto& parent = open_.back();
    if (parent.tree.IsList()) {
      parent.tree.items.push_back(std::move(tree));
    } else if (!parent.key) {
      TakeKey(parent, std::move(tree));
    } else {
      TakeMember(parent, std::move(tree));
    }
  }

  void TakeKey(OpenValue& parent, YamlTree key) const {
    if (!key.IsScalar()) {
      RefuseAt(file_, key.place, "a key must be a plain word or a string");
    }
    parent.key = std::move(key);
  }

  void TakeMember(OpenValue& parent, YamlTree value) const {
    const auto key = std::exchange(parent.key, std::nullopt).value_or(YamlTree());
    if (key.text == "<<" && key.style == YamlTree::Style::kPlain) {
      TakeMergeKey(parent, std::move(value));
      return;
    }
    if (!parent.keys.insert(key.text).second) {
      RefuseAt(file_, key.place, "the key \"" + ShortenText(key.text) + "\" is there twice");
    }
    parent.tree.members.push_back({key.text, key.place, std::move(value)});
  }

  // The YAML 1.1 merge key, which cloud-init's reader knows: a map, or a list of maps.
  void TakeMergeKey(OpenValue& parent, YamlTree value) const {
    auto maps = value.IsList() ? std::move(value.items) : std::vector<YamlTree>{value};
    for (auto& map : maps) {
      if (!map.IsMap()) {
        RefuseAt(file_, map.place, "\"<<\" takes a map or a list of maps");
      }
      parent.merged.push_back(std::move(map));
    }
  }

  // A key of the map itself wins over a merged one, an earlier merged one over a later one.
  static void ResolveMergeKeys(OpenValue& value) {
    for (auto& map : value.merged) {
      for (auto& member : map.members) {
        if (value.keys.insert(member.key).second) {
          value.tree.members.push_back(std::move(member));
        }
      }
    }
  }

  void SetScalarTag(YamlTree& tree, const std::string& tag) const {
    if (tag == "!" || tag == std::string(kTagPrefix) + "str") {
      tree.style = YamlTree::Style::kQuoted;
      return;
    }
    if (tag.empty() || tag == "?") {
      return;
    }
    for (const std::string_view plain : {"int", "bool", "float", "timestamp", "null"}) {
      if (tag == std::string(kTagPrefix).append(plain)) {
        SetPlain(tree, plain);
        return;
      }
    }
    if (tag != std::string(kTagPrefix) + "binary") {
      RefuseAt(file_, tree.place, "the tag " + ShortenText(tag) + " is not known");
    }
    tree.tag = tag;
  }

  // A plain value by the tag of its type.
  void SetPlain(YamlTree& tree, std::string_view type) const {
    const bool null = type == "null";
    if (IsNullWord(tree.text) != null) {
      RefuseAt(file_,
               tree.place,
               "the tag !!" + std::string(type) + " is not of this value; leave the tag out");
    }
    if (null) {
      tree.kind = YamlTree::Kind::kNull;
      tree.text.clear();
    }
  }

  void Count(Weight weight, Place place) {
    total_.values += weight.values;
    total_.bytes += weight.bytes;
    if (total_.values > limits_.values || total_.bytes > limits_.expanded_size) {
      RefuseAt(file_, place, "too much once all aliases are expanded");
    }
  }

  void CheckDepth(int more, Place place) const {
    if (static_cast<int>(open_.size()) + more > limits_.depth) {
      RefuseAt(file_, place, "nested deeper than " + std::to_string(limits_.depth) + " levels");
    }
  }

  std::string_view file_;
  YamlLimits limits_;
  int documents_ = 0;
  YAML::Mark last_scalar_ = YAML::Mark::null_mark();
  Weight total_;
  std::vector<OpenValue> open_;
  std::map<YAML::anchor_t, YamlTree> anchors_;
  YamlTree root_;
};

// The parser takes some control characters for its own marks (0x04 ends its input), so they are
// refused before it sees them, as YAML itself does.
void CheckCharacters(std::string_view text, std::string_view file) {
  Place place{1, 1};
  for (std::size_t at = 0; at < text.size();) {
    const char byte = text[at];
    const auto length = CharacterLength(text.substr(at));
    if (length == 0) {
      RefuseAt(file, place, "bytes that are not UTF-8");
    }
    const bool control = static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f;
    if (control && byte != '\n' && byte != '\r' && byte != '\t') {
      RefuseAt(file, place, "a control character");
    }
    place = byte == '\n' ? Place{place.line + 1, 1} : Place{place.line, place.column + 1};
    at += length;
  }
}

std::string_view WithoutTagsAndAnchors(std::string_view text) {
  constexpr std::string_view kWhite = " \t\r\n";
  while (text.starts_with('&') || text.starts_with('!')) {
    const auto end = std::min(text.find_first_of(kWhite), text.size());
    text.remove_prefix(std::min(text.find_first_not_of(kWhite, end), text.size()));
  }
  return text;
}

// The parser takes the end of the text for the end of a quoted scalar, which hides a text that was
// cut short. Only the last scalar can be such a one; `text` begins with it.
bool IsOpenQuote(std::string_view text) {
  text = WithoutTagsAndAnchors(text);
  const char quote = text.empty() ? '\0' : text.front();
  if (quote != '\'' && quote != '"') {
    return false;
  }
  for (std::size_t at = 1; at < text.size(); ++at) {
    // What stands for a quote and does not end the scalar: '' and \".
    const bool escaped = quote == '"' ? text[at] == '\\' : text.substr(at).starts_with("''");
    if (escaped) {
      ++at;
    } else if (text[at] == quote) {
      return false;
    }
  }
  return true;
}

// Whether the emitter's literal form ("|") reads back to exactly this text.
bool FitsLiteral(const YamlTree& scalar) {
  const auto& text = scalar.text;
  const bool one_newline = text.size() > 1 && text.back() == '\n' && text[text.size() - 2] != '\n';
  return one_newline && scalar.tag.empty() && text.front() != ' ' && text.front() != '\t' &&
         text.front() != '\n' && text.find('\r') == std::string::npos;
}

// Whether the text begins as the mark does that starts ("---") or ends ("...") a document.
bool BeginsAsDocumentMark(std::string_view text) {
  const bool mark = text.starts_with("---") || text.starts_with("...");
  return mark &&
         (text.size() == 3 || std::string_view(" \t\n").find(text[3]) != std::string_view::npos);
}

// What the emitter writes plain and is not read back the same: a lone carriage return becomes the
// end of a line, and a document mark at the begin of the text is one.
bool NeedsQuotes(const std::string& text) {
  return text.find('\r') != std::string::npos || BeginsAsDocumentMark(text);
}

void EmitScalar(YAML::Emitter& out, const YamlTree& scalar) {
  if (!scalar.tag.empty()) {
    out << YAML::SecondaryTag(scalar.tag.substr(kTagPrefix.size()));
  }
  if (FitsLiteral(scalar)) {
    out << YAML::Literal;
  } else if (scalar.style == YamlTree::Style::kQuoted || NeedsQuotes(scalar.text)) {
    out << YAML::DoubleQuoted;
  }
  out << scalar.text;
}

void Emit(YAML::Emitter& out, const YamlTree& tree) {
  switch (tree.kind) {
    case YamlTree::Kind::kNull:
      out << YAML::Null;
      return;
    case YamlTree::Kind::kScalar:
      EmitScalar(out, tree);
      return;
    case YamlTree::Kind::kList:
      out << YAML::BeginSeq;
      for (const auto& item : tree.items) {
        Emit(out, item);
      }
      out << YAML::EndSeq;
      return;
    case YamlTree::Kind::kMap:
      out << YAML::BeginMap;
      for (const auto& member : tree.members) {
        out << YAML::Key;
        // A plain "<<" is a merge key, and none is left in a tree.
        if (NeedsQuotes(member.key) || member.key == "<<") {
          out << YAML::DoubleQuoted;
        }
        out << member.key << YAML::Value;
        Emit(out, member.value);
      }
      out << YAML::EndMap;
      return;
  }
}

}  // namespace

std::string FormatPlace(std::string_view file, Place place) {
  std::string text(file);
  if (place.line > 0) {
    text += ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
  }
  return text;
}

void RefuseAt(std::string_view file, Place place, const std::string& why) {
  throw Error(ErrorKind::kUsage, FormatPlace(file, place) + ": " + why);
}

const YamlTree* YamlTree::Find(std::string_view key) const {
  for (const auto& member : members) {
    if (member.key == key) {
      return &member.value;
    }
  }
  return nullptr;
}

YamlTree* YamlTree::Find(std::string_view key) {
  for (auto& member : members) {
    if (member.key == key) {
      return &member.value;
    }
  }
  return nullptr;
}

YamlTree ParseYaml(std::string_view text, std::string_view file, const YamlLimits& limits) {
  if (text.size() > limits.size) {
    RefuseAt(file,
             {},
             FormatBytes(text.size()) + " is more than the " + FormatBytes(limits.size) +
                 " that a configuration may have");
  }
  CheckCharacters(text, file);
  TreeBuilder builder(file, limits);
  // The parser's positions do not count a byte order mark.
  const auto body = text.starts_with("\xef\xbb\xbf") ? text.substr(3) : text;
  try {
    std::istringstream stream{std::string(body)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    RefuseAt(file, PlaceOf(error.mark), "not valid YAML: " + ShortenText(error.msg));
  }
  const auto& last = builder.last_scalar();
  if (!last.is_null() &&
      IsOpenQuote(body.substr(std::min(static_cast<std::size_t>(last.pos), body.size())))) {
    RefuseAt(file, PlaceOf(last), "not valid YAML: a quoted string that does not end");
  }
  return builder.Take();
}

std::string EmitYaml(const YamlTree& tree) {
  YAML::Emitter out;
  Emit(out, tree);
  if (!out.good()) {
    throw Error(ErrorKind::kFailed, "writing YAML: " + out.GetLastError());
  }
  return std::string(out.c_str(), out.size()) + "\n";
}

YamlTree MergeYaml(const YamlTree& under, const YamlTree& over) {
  if (!under.IsMap() || !over.IsMap()) {
    return over;
  }
  YamlTree merged = under;
  for (const auto& member : over.members) {
    if (auto* const below = merged.Find(member.key)) {
      *below = MergeYaml(*below, member.value);
    } else {
      merged.members.push_back(member);
    }
  }
  return merged;
}

}  // namespace ros::config
