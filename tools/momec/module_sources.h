// The texts that a module was made from, which it carries to the package: messages of later stages
// and reports quote their lines.
//
//   module attributes {rt.package = {sources = [{path = "models/watch.mome", text = "model Watch..."}]}}
#pragma once

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace momec {

struct SourceText {
  std::string path, text;
};

void attachSources(mlir::ModuleOp module, llvm::ArrayRef<SourceText> sources);
std::vector<SourceText> getSources(mlir::ModuleOp module);
/// The text at `place`, FILE:LINE, without blanks around it; empty if it is not known.
std::string sourceLine(mlir::ModuleOp module, llvm::StringRef place);

} // namespace momec
