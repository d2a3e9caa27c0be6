// See DecomposeKernel.h.
#include "passes/DecomposeKernel.h"

#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"

using namespace mlir;
using namespace mome;

/// Replaces decomposable ops by elementwise ops and reductions until none is left.
static LogicalResult decompose(Block &body) {
  for (bool changed = true; changed;) {
    changed = false;
    for (Operation &op : llvm::make_early_inc_range(body)) {
      auto decomposable = dyn_cast<nn::Decomposable>(op);
      if (!decomposable) {
        continue;
      }
      OpBuilder builder(&op);
      SmallVector<Value> results;
      if (failed(decomposable.decompose(builder, results))) {
        return failure();
      }
      op.replaceAllUsesWith(results);
      op.erase();
      changed = true;
    }
  }
  return success();
}

/// Merges equal ops and drops unused ones.
static void simplify(nn::KernelOp kernel) {
  IRRewriter rewriter(kernel.getContext());
  DominanceInfo dominance(kernel);
  eliminateCommonSubExpressions(rewriter, dominance, kernel);
  SmallVector<Operation *> ops = llvm::map_to_vector(kernel.getBody().front().without_terminator(),
                                                     [](Operation &op) { return &op; });
  for (Operation *op : llvm::reverse(ops)) {
    if (op->use_empty()) {
      op->erase();
    }
  }
}

OwningOpRef<nn::KernelOp> mome::decomposeKernel(nn::KernelOp kernel) {
  OwningOpRef<nn::KernelOp> prepared = cast<nn::KernelOp>(kernel->clone());
  if (failed(decompose(prepared->getBody().front()))) {
    return nullptr;
  }
  simplify(*prepared);
  return prepared;
}

bool mome::computesInBf16(Block &body) {
  auto isBf16 = [](Type type) { return cast<ShapedType>(type).getElementType().isBF16(); };
  return llvm::any_of(body.without_terminator(), [&](Operation &op) {
    bool moves = isa<nn::CastOp, nn::ConstantOp, nn::AccessOpInterface, nn::Narrowable>(op);
    return !moves && (llvm::any_of(op.getOperandTypes(), isBf16) ||
                      llvm::any_of(op.getResultTypes(), isBf16));
  });
}
