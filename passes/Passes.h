// Every pass of the compiler. Pipelines.h orders them.
#ifndef MOME_PASSES_PASSES_H
#define MOME_PASSES_PASSES_H

#include "dialects/NN/NN.h"
#include "dialects/RT/RT.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mome {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"
} // namespace mome
#endif
