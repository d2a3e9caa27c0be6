// The activation of one block, or of the model: its names, and where its parameters belong.
//
//   enc: Encoder(x)     a frame with the path "enc"; x is a name of its first scope
//     for l in 0..2 {   a scope with l, for each turn
//       x = ...         assigns the outer x
#ifndef MOME_FRONTEND_ELABORATE_FRAME_H
#define MOME_FRONTEND_ELABORATE_FRAME_H

#include "frontend/elaborate/Value.h"

namespace mome::elaborate {

/// "path.leaf"; either may be empty.
std::string joinPath(const std::string &path, llvm::StringRef leaf);

struct Frame {
  const Module *module = nullptr;
  std::string path;
  std::vector<std::map<std::string, Value>> scopes = {{}};
  std::map<std::string, List> yields;
  std::vector<std::string> yield_fields;
  std::optional<Value> returned;
  std::map<std::string, std::string> states; ///< variables that are states, to their leaf names
  int depth = 0;

  Value *find(const std::string &name);
  /// Assigns an outer name if there is one, else defines it in the innermost scope.
  void assign(const std::string &name, Value value);
};

} // namespace mome::elaborate
#endif
