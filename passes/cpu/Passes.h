// The passes of the CPU code generator, and the pipeline from kernel functions to the LLVM dialect.
#ifndef MOME_PASSES_CPU_PASSES_H
#define MOME_PASSES_CPU_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace mome::cpu {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/cpu/Passes.h.inc"

/// From kernel functions over buffers (KernelEmitter.h; also naive ones over memrefs) to the LLVM
/// dialect with the machine-level signature. Pipeline `cpu-lower-kernels`.
void buildLowerKernelsPipeline(mlir::OpPassManager &manager);

/// Registers the passes and the pipeline for tools.
void registerCpuPassesAndPipelines();

} // namespace mome::cpu
#endif
