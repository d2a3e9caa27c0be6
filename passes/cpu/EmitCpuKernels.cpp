// nn-emit-cpu-kernels: kernels to functions, in place. See KernelEmitter.h for before and after.
#include "passes/cpu/Passes.h"

#include "passes/cpu/KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"

namespace mome::cpu {
#define GEN_PASS_DEF_EMITCPUKERNELSPASS
#include "passes/cpu/Passes.h.inc"
} // namespace mome::cpu

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

namespace {
struct EmitCpuKernels : mome::cpu::impl::EmitCpuKernelsPassBase<EmitCpuKernels> {
  using mome::cpu::impl::EmitCpuKernelsPassBase<EmitCpuKernels>::EmitCpuKernelsPassBase;

  void runOnOperation() override {
    const Target *target = findTarget(targetCpu);
    if (!target) {
      emitError(getOperation().getLoc())
          << "unknown target cpu '" << targetCpu << "'; known: " << targetNames();
      return signalPassFailure();
    }
    for (auto kernel : llvm::make_early_inc_range(getOperation().getOps<nn::KernelOp>())) {
      OpBuilder builder(kernel);
      EmitResult result = emitKernel(kernel, *target, builder);
      if (result) {
        kernel.erase();
        continue;
      }
      remark::missed(kernel.getLoc(),
                     remark::RemarkOpts::name("reference").category("nn-emit-cpu-kernels"))
          << remark::reason("@{0}: {1}", kernel.getSymName(), result.reason);
    }
  }
};
} // namespace
