#include "runtime/text.h"

#include <algorithm>
#include <cstdio>
#include <iterator>

namespace mome {
namespace {

/// Levenshtein distance, one row at a time.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0]++;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] != b[j])});
      diagonal = above;
    }
  }
  return row.back();
}

} // namespace

std::string join_names(const std::vector<std::string> &names, size_t limit) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < limit; ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  return names.size() > limit ? text + ", ... (" + std::to_string(names.size()) + " in all)" : text;
}

std::string suggestion(std::string_view name, const std::vector<std::string> &names,
                       std::string_view otherwise) {
  constexpr size_t too_long = 200; // hostile names: do not pay a quadratic price
  size_t best = 2 + name.size() / 4;
  const std::string *nearest = nullptr;
  for (const std::string &other : names) {
    if (name.size() > too_long || other.size() > too_long) {
      continue;
    }
    if (const size_t d = edit_distance(name, other); d < best) {
      best = d;
      nearest = &other;
    }
  }
  return nearest != nullptr ? "did you mean '" + *nearest + "'?"
                            : std::string(otherwise) + join_names(names);
}

std::string bytes_text(uint64_t bytes) {
  constexpr const char *units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  double value = double(bytes);
  for (; value >= 1024 && unit + 1 < std::size(units); ++unit) {
    value /= 1024;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text;
}

bool matches_pattern(std::string_view pattern, std::string_view path) {
  if (pattern.empty()) {
    return path.empty();
  }
  if (pattern[0] == '*') {
    const bool any = pattern.starts_with("**");
    const std::string_view rest = pattern.substr(any ? 2 : 1);
    for (size_t n = 0; n <= path.size(); ++n) {
      if (matches_pattern(rest, path.substr(n))) {
        return true;
      }
      if (n < path.size() && !any && path[n] == '.') {
        return false;
      }
    }
    return false;
  }
  return !path.empty() && pattern[0] == path[0] &&
         matches_pattern(pattern.substr(1), path.substr(1));
}

} // namespace mome
