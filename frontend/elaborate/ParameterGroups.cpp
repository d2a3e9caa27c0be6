// See ParameterGroups.h.
#include "frontend/elaborate/ParameterGroups.h"

#include "llvm/ADT/STLExtras.h"

namespace mome::elaborate {

static bool matches(llvm::ArrayRef<llvm::StringRef> pattern, llvm::ArrayRef<llvm::StringRef> path) {
  if (pattern.empty()) {
    return path.empty();
  }
  if (pattern[0] == "**") {
    for (size_t skip = 0; skip <= path.size(); ++skip) {
      if (matches(pattern.drop_front(), path.drop_front(skip))) {
        return true;
      }
    }
    return false;
  }
  return !path.empty() && (pattern[0] == "*" || pattern[0] == path[0]) &&
         matches(pattern.drop_front(), path.drop_front());
}

bool covers(llvm::StringRef pattern, llvm::StringRef path) {
  llvm::SmallVector<llvm::StringRef> parts, names;
  pattern.split(parts, '.');
  path.split(names, '.');
  parts.push_back("**");
  return matches(parts, names);
}

std::map<std::string, int64_t> layersAbove(llvm::StringRef pattern,
                                           llvm::ArrayRef<std::string> paths) {
  struct Place {
    std::string stack; // what the pattern names: `experts.rgb.blocks`
    int64_t layer;
  };
  size_t depth = pattern.count('.') + 1;
  std::map<std::string, Place> places;
  std::map<std::string, int64_t> top;
  for (const std::string &path : paths) {
    llvm::SmallVector<llvm::StringRef> names;
    llvm::StringRef(path).split(names, '.');
    int64_t layer;
    if (!covers(pattern, path) || names.size() <= depth || names[depth].getAsInteger(10, layer)) {
      continue;
    }
    std::string stack = llvm::join(llvm::ArrayRef(names).take_front(depth), ".");
    auto [known, fresh] = top.try_emplace(stack, layer);
    known->second = std::max(known->second, layer);
    places[path] = {stack, layer};
  }
  std::map<std::string, int64_t> above;
  for (const auto &[path, place] : places) {
    above[path] = top[place.stack] - place.layer;
  }
  return above;
}

void ParameterGroups::multiplyScale(const std::string &path, const std::string &scalar,
                                    int64_t times) {
  if (times > 0) {
    of(path).scales.insert(of(path).scales.end(), times, scalar);
  }
}

mlir::ArrayAttr ParameterGroups::build(mlir::Builder &builder, llvm::ArrayRef<std::string> paths,
                                       llvm::SmallVectorImpl<mlir::NamedAttribute> &groupOf) const {
  std::map<Numbers, int64_t> index;
  llvm::SmallVector<mlir::Attribute> groups;
  for (const std::string &path : paths) {
    auto known = numbers.find(path);
    const Numbers &mine = known == numbers.end() ? fallback : known->second;
    auto [group, fresh] = index.try_emplace(mine, groups.size());
    if (fresh) {
      llvm::SmallVector<mlir::NamedAttribute> entries = {
          builder.getNamedAttr("weight_decay", builder.getStringAttr(mine.weightDecay))};
      if (!mine.scales.empty()) {
        llvm::SmallVector<llvm::StringRef> scales(mine.scales.begin(), mine.scales.end());
        entries.push_back(builder.getNamedAttr("lr_scale", builder.getStrArrayAttr(scales)));
      }
      groups.push_back(builder.getDictionaryAttr(entries));
    }
    groupOf.push_back(builder.getNamedAttr(path, builder.getI64IntegerAttr(group->second)));
  }
  return builder.getArrayAttr(groups);
}

} // namespace mome::elaborate
