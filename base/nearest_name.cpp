#include "base/nearest_name.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace ros {
namespace {

// Insertions, removals and replacements that make `a` of `b` (Levenshtein).
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string_view NearestName(std::string_view word, std::span<const std::string_view> known) {
  std::string_view best;
  std::size_t best_distance = 3;
  for (const auto name : known) {
    // A long word would only cost time: it is no misspelling.
    const bool comparable = word.size() <= name.size() + best_distance;
    const auto distance = comparable ? EditDistance(word, name) : best_distance;
    if (distance < best_distance && distance < name.size() / 2) {
      best = name;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace ros
