// See Frame.h.
#include "frontend/elaborate/Frame.h"

namespace mome::elaborate {

using namespace syntax;

Value *Frame::find(const std::string &name) {
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
    if (auto found = scope->find(name); found != scope->end()) {
      return &found->second;
    }
  }
  return nullptr;
}

void Frame::assign(const std::string &name, Value value) {
  if (Value *outer = find(name)) {
    *outer = std::move(value);
  } else {
    scopes.back()[name] = std::move(value);
  }
}

std::string joinPath(const std::string &path, llvm::StringRef leaf) {
  return path.empty() ? leaf.str() : leaf.empty() ? path : path + "." + leaf.str();
}

} // namespace mome::elaborate
