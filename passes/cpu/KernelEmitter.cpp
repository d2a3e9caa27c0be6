// Tries the families in order.
#include "passes/cpu/Families.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

EmitResult mome::cpu::emitKernel(nn::KernelOp kernel, const Target &target, OpBuilder &builder) {
  static constexpr std::pair<llvm::StringLiteral, Family> families[] = {
      {"elementwise", emitElementwise},
      {"gemm", emitGemm},
  };
  std::string reasons;
  for (auto [name, family] : families) {
    EmitResult result = family(kernel, target, builder);
    if (result) {
      return result;
    }
    reasons += (reasons.empty() ? "" : "; ") + name.str() + ": " + result.reason;
  }
  return refuse(reasons);
}
