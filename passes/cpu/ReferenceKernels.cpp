// The reference code generator: every kernel as plain loops, in one chunk, from LinalgKernels.h.
//
//   linalg.generic ins(%a) outs(%t) { exp }   ->   scf.for ... { %t[i] = exp %a[i] }
#include "passes/cpu/ReferenceKernels.h"

#include "passes/LinalgKernels.h"
#include "passes/cpu/KernelEmitter.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

static LogicalResult lowerToLoops(ModuleOp module) {
  PassManager manager(module.getContext(), ModuleOp::getOperationName(),
                      PassManager::Nesting::Implicit);
  manager.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createCanonicalizerPass());
  return manager.run(module);
}

FailureOr<func::FuncOp> mome::cpu::emitReferenceKernel(nn::KernelOp kernel, OpBuilder &builder) {
  FailureOr<LinalgKernel> linalg = emitLinalgKernel(kernel);
  if (failed(linalg)) {
    return failure();
  }
  func::FuncOp function = linalg->function;
  for (int i = 0; i < 2; ++i) { // lo, hi: one chunk, nothing to choose from
    if (failed(function.insertArgument(function.getNumArguments(), builder.getIndexType(), {},
                                       kernel.getLoc()))) {
      return failure();
    }
  }
  FailureOr<int64_t> scratch = placeAllocations(function);
  if (failed(scratch) || failed(lowerToLoops(*linalg->module))) {
    return failure();
  }
  function->setAttr(chunksAttrName, builder.getI64IntegerAttr(1));
  function->setAttr(scratchAttrName, builder.getI64IntegerAttr(*scratch));
  moveGlobals(*linalg->module, kernel.getSymName(), builder);
  function->moveBefore(builder.getInsertionBlock(), builder.getInsertionPoint());
  return function;
}
