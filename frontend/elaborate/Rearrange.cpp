// See Rearrange.h.
#include "frontend/elaborate/Rearrange.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mome::elaborate;
using llvm::ArrayRef;
using llvm::StringRef;

using Group = std::vector<std::string>; // the names in one pair of parentheses, or a single name

/// One side of the arrow as groups; false and a message if it is malformed.
static bool parseSide(StringRef text, std::vector<Group> &groups, std::string &message) {
  bool open = false;
  for (size_t i = 0; i < text.size();) {
    char c = text[i];
    if (llvm::isSpace(c)) {
      ++i;
    } else if (c == '(' && !open) {
      open = true;
      groups.emplace_back();
      ++i;
    } else if (c == ')' && open) {
      open = false;
      ++i;
    } else if (llvm::isAlpha(c) || c == '_' || c == '1') {
      size_t end = i + 1;
      while (end < text.size() && (llvm::isAlnum(text[end]) || text[end] == '_')) {
        ++end;
      }
      std::string name = text.slice(i, end).str();
      if (!open) {
        groups.emplace_back();
      }
      if (name != "1") { // an axis of extent 1 has no name
        groups.back().push_back(name);
      }
      i = end;
    } else {
      message = std::string("unexpected '") + c + "' in the pattern";
      return false;
    }
  }
  if (open) {
    message = "a '(' in the pattern is never closed";
    return false;
  }
  return true;
}

/// Finds the extent of every name of a group whose product is `extent`; at most one may be open.
static bool solveGroup(const Group &group, int64_t extent, std::map<std::string, int64_t> &sizes, std::string &message) {
  int64_t known = 1;
  const std::string *open = nullptr;
  for (const std::string &name : group) {
    if (auto found = sizes.find(name); found != sizes.end()) {
      known *= found->second;
    } else if (open) {
      message = "the extents of '" + *open + "' and '" + name + "' are both open: give one, as in " + name + " = 2";
      return false;
    } else {
      open = &name;
    }
  }
  if (known == 0 || extent % known != 0 || (!open && extent != known)) {
    message = "extent " + std::to_string(extent) + " does not split into (" + llvm::join(group, " ") + ")";
    return false;
  }
  if (open) {
    sizes[*open] = extent / known;
  }
  return true;
}

std::optional<Rearrangement> mome::elaborate::parseRearrangement(StringRef pattern, ArrayRef<int64_t> shape,
                                                                 const std::map<std::string, int64_t> &given,
                                                                 std::string &message) {
  auto [left, right] = pattern.split("->");
  std::vector<Group> from, to;
  if (!pattern.contains("->")) {
    message = "the pattern needs an arrow, as in \"b c n -> b n c\"";
    return std::nullopt;
  }
  if (!parseSide(left, from, message) || !parseSide(right, to, message)) {
    return std::nullopt;
  }
  if (from.size() != shape.size()) {
    message = "the pattern names " + std::to_string(from.size()) + " axes, the tensor has " + std::to_string(shape.size());
    return std::nullopt;
  }
  std::map<std::string, int64_t> sizes = given, position;
  Rearrangement result;
  for (auto [group, extent] : llvm::zip_equal(from, shape)) {
    if (!solveGroup(group, extent, sizes, message)) {
      return std::nullopt;
    }
    for (const std::string &name : group) {
      if (!position.emplace(name, int64_t(result.split.size())).second) {
        message = "'" + name + "' stands twice on the left of the arrow";
        return std::nullopt;
      }
      result.split.push_back(sizes[name]);
    }
  }
  for (const Group &group : to) {
    int64_t extent = 1;
    for (const std::string &name : group) {
      auto found = position.find(name);
      if (found == position.end()) {
        message = "'" + name + "' stands only on the right of the arrow, or twice there";
        return std::nullopt;
      }
      result.permutation.push_back(found->second);
      extent *= sizes[name];
      position.erase(found);
    }
    result.merged.push_back(extent);
  }
  if (!position.empty()) {
    message = "'" + position.begin()->first + "' stands only on the left of the arrow";
    return std::nullopt;
  }
  return result;
}
