// Prepares a kernel's body and tries the families in order.
#include "passes/cpu/Families.h"

#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

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
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(kernel.getBody().front().without_terminator()))) {
    if (op.use_empty()) {
      op.erase();
    }
  }
}

EmitResult mome::cpu::emitKernel(nn::KernelOp kernel, const Target &target, OpBuilder &builder) {
  static constexpr std::pair<llvm::StringLiteral, Family> families[] = {
      {"elementwise", emitElementwise}, {"gemm", emitGemm},
      {"row", emitRowProgram},          {"reduction", emitReduction},
      {"attention", emitAttention},     {"attention_backward", emitAttentionBackward},
      {"conv", emitConvolution},
  };
  OwningOpRef<nn::KernelOp> prepared = cast<nn::KernelOp>(kernel->clone());
  if (failed(decompose(prepared->getBody().front()))) {
    return refuse("an op does not decompose");
  }
  simplify(*prepared);
  std::string reasons;
  for (auto [name, family] : families) {
    EmitResult result = family(*prepared, target, builder);
    if (result) {
      return result;
    }
    if (!result.reason.empty()) {
      reasons += (reasons.empty() ? "" : "; ") + name.str() + ": " + result.reason;
    }
  }
  return refuse(reasons);
}
