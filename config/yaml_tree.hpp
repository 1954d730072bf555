#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace ros::config {

// Where a value stands in its file; both count from 1, 0 = it came from nowhere.
struct Place {
  int line = 0;
  int column = 0;
};

// "FILE:LINE:COLUMN", or "FILE" for a value that came from nowhere.
std::string FormatPlace(std::string_view file, Place place);

// Throws kUsage: the place as above, and why what stands there is refused.
[[noreturn]] void RefuseAt(std::string_view file, Place place, const std::string& why);

// A YAML value read from text that a user wrote. Aliases are copied where they are used, so this is
// a tree and never a graph.
struct YamlTree {
  enum class Kind { kNull, kScalar, kList, kMap };
  // A plain `yes` or `12` may be read as another type; a quoted one is a string.
  enum class Style { kPlain, kQuoted };

  struct Member;

  Kind kind = Kind::kNull;
  Style style = Style::kPlain;
  std::string tag;   // as "!!binary" resolves: "tag:yaml.org,2002:binary"; empty for none
  std::string text;  // of a scalar
  std::vector<YamlTree> items;
  std::vector<Member> members;  // in the order of the file, keys unique
  Place place;

  [[nodiscard]] bool IsNull() const { return kind == Kind::kNull; }

  [[nodiscard]] bool IsScalar() const { return kind == Kind::kScalar; }

  [[nodiscard]] bool IsList() const { return kind == Kind::kList; }

  [[nodiscard]] bool IsMap() const { return kind == Kind::kMap; }

  // The member `key` of a map; null when it is missing or this is no map.
  [[nodiscard]] const YamlTree* Find(std::string_view key) const;
  [[nodiscard]] YamlTree* Find(std::string_view key);
};

struct YamlTree::Member {
  std::string key;
  Place place;
  YamlTree value;
};

// What a YAML text may be at most.
struct YamlLimits {
  Bytes size = Bytes{1} << 20U;
  int depth = 32;
  // Values after aliases are expanded: what stops "billion laughs".
  std::size_t values = 100'000;
  // Bytes of all scalars after aliases are expanded.
  Bytes expanded_size = Bytes{8} << 20U;
};

// Reads one YAML document; an empty text is null. Throws kUsage "FILE:LINE:COLUMN: why" for text
// that does not parse, a second document, a duplicate key, a key that is not a scalar, bytes that
// are not UTF-8, and each limit.
YamlTree ParseYaml(std::string_view text, std::string_view file, const YamlLimits& limits = {});

// YAML text in block style that ParseYaml reads back to the same tree; ends with a newline.
std::string EmitYaml(const YamlTree& tree);

// `over` laid over `under`: maps are merged member by member, anything else replaces.
YamlTree MergeYaml(const YamlTree& under, const YamlTree& over);

}  // namespace ros::config
