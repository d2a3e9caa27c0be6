#include "dialects/Mome/Scope.h"

#include "llvm/ADT/SetVector.h"

namespace mome::model {

using namespace mlir;

Location scoped(Location where, StringRef path, Phase phase) {
  return FusedLoc::get({where}, ScopeAttr::get(where.getContext(), path, phase),
                       where.getContext());
}

/// Calls `visit` on the location and everything it is fused from, outermost first.
template <typename Visit> static void walk(Location loc, Visit visit) {
  visit(loc);
  if (auto fused = dyn_cast<FusedLoc>(loc)) {
    for (Location inner : fused.getLocations()) {
      walk(inner, visit);
    }
  } else if (auto named = dyn_cast<NameLoc>(loc)) {
    walk(named.getChildLoc(), visit);
  } else if (auto call = dyn_cast<CallSiteLoc>(loc)) {
    walk(call.getCallee(), visit);
    walk(call.getCaller(), visit);
  }
}

SmallVector<ScopeAttr> getScopes(Location loc) {
  llvm::SetVector<Attribute> scopes;
  walk(loc, [&](Location inner) {
    auto fused = dyn_cast<FusedLoc>(inner);
    if (auto scope = fused ? dyn_cast_if_present<ScopeAttr>(fused.getMetadata()) : ScopeAttr()) {
      scopes.insert(scope);
    }
  });
  return llvm::map_to_vector(scopes, [](Attribute scope) { return cast<ScopeAttr>(scope); });
}

bool isAllIn(Location loc, Phase phase) {
  SmallVector<ScopeAttr> scopes = getScopes(loc);
  return !scopes.empty() &&
         llvm::all_of(scopes, [&](ScopeAttr scope) { return scope.getPhase() == phase; });
}

StringRef getExpert(Location loc) {
  StringRef common;
  for (ScopeAttr scope : getScopes(loc)) {
    StringRef path = scope.getPath();
    StringRef expert = path.consume_front("experts.") ? path.split('.').first : "";
    if (expert.empty() || (!common.empty() && common != expert)) {
      return "";
    }
    common = expert;
  }
  return common;
}

SmallVector<FileLineColLoc> getPositions(Location loc) {
  llvm::SetVector<Attribute> positions;
  walk(loc, [&](Location inner) {
    if (auto position = dyn_cast<FileLineColLoc>(inner)) {
      positions.insert(position);
    }
  });
  return llvm::map_to_vector(positions,
                             [](Attribute position) { return cast<FileLineColLoc>(position); });
}

Location withPhase(Location loc, Phase phase) {
  auto fused = dyn_cast<FusedLoc>(loc);
  if (!fused) {
    return loc;
  }
  SmallVector<Location> inner =
      llvm::map_to_vector(fused.getLocations(), [&](Location l) { return withPhase(l, phase); });
  Attribute metadata = fused.getMetadata();
  if (auto scope = dyn_cast_if_present<ScopeAttr>(metadata)) {
    metadata = ScopeAttr::get(loc.getContext(), scope.getPath(), phase);
  }
  return FusedLoc::get(inner, metadata, loc.getContext());
}

Location unite(MLIRContext *context, ArrayRef<Location> locations) {
  llvm::SetVector<Attribute> parts;
  for (Location loc : locations) {
    auto fused = dyn_cast<FusedLoc>(loc);
    if (fused && !fused.getMetadata()) { // flatten earlier unions
      parts.insert(fused.getLocations().begin(), fused.getLocations().end());
    } else {
      parts.insert(loc);
    }
  }
  SmallVector<Location> list =
      llvm::map_to_vector(parts, [](Attribute part) { return Location(cast<LocationAttr>(part)); });
  return list.size() == 1 ? list[0] : FusedLoc::get(list, Attribute(), context);
}

} // namespace mome::model
