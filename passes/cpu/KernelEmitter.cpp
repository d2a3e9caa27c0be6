// Tries the families in order.
#include "passes/DecomposeKernel.h"
#include "passes/cpu/Families.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

int64_t mome::cpu::getRecordNumber(Operation *function, StringRef name) {
  auto number = function->getAttrOfType<IntegerAttr>(name);
  return number ? number.getInt() : 0;
}

EmitResult mome::cpu::emitKernel(nn::KernelOp kernel, const Target &target, OpBuilder &builder) {
  static constexpr std::pair<llvm::StringLiteral, Family> families[] = {
      {"elementwise", emitElementwise}, {"gemm", emitGemm},
      {"row", emitRowProgram},          {"reduction", emitReduction},
      {"attention", emitAttention},     {"attention_backward", emitAttentionBackward},
      {"conv", emitConvolution},
  };
  OwningOpRef<nn::KernelOp> prepared = decomposeKernel(kernel);
  if (!prepared) {
    return refuse("an op does not decompose");
  }
  if (computesInBf16(prepared->getBody().front())) {
    return refuse("arithmetic on bf16");
  }
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
