// Tries the families in order.
#include "passes/cuda/KernelEmitter.h"

#include "passes/DecomposeKernel.h"
#include "passes/cuda/Families.h"
#include "passes/cuda/Machine.h"
#include "passes/cuda/SimtKernels.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

int64_t mome::cuda::groupOf(nn::KernelOp kernel) {
  auto group = kernel->getAttrOfType<IntegerAttr>(groupAttrName);
  return group ? group.getInt() : 1;
}

/// By the first family that takes it.
static FailureOr<DeviceKernel> emitByFamily(nn::KernelOp kernel, int64_t group,
                                            OpBuilder &builder) {
  static constexpr std::pair<llvm::StringLiteral, Family> families[] = {
      {"transpose", emitTranspose},
      {"elementwise", emitElementwise},
      {"gemm", emitGemm},
      {"reduction", emitReduction},
      {"row", emitRowProgram},
      {"attention", emitAttention},
      {"attention_backward", emitAttentionBackward},
      {"conv", emitConvolution},
  };
  OwningOpRef<nn::KernelOp> prepared = decomposeKernel(kernel);
  std::string reasons = prepared ? "" : "an op does not decompose";
  if (prepared && computesInBf16(prepared->getBody().front())) {
    prepared = nullptr;
    reasons = "arithmetic on bf16";
  }
  if (prepared) {
    (*prepared)->setAttr(groupAttrName, builder.getI64IntegerAttr(group));
  }
  for (auto [name, family] : families) {
    DeviceKernel result = prepared ? family(*prepared, builder) : DeviceKernel();
    if (result) {
      result.family = name.str();
      return result;
    }
    if (!result.reason.empty()) {
      reasons += (reasons.empty() ? "" : "; ") + name.str() + ": " + result.reason;
    }
  }
  FailureOr<DeviceKernel> generic = emitSimtKernel(kernel, builder);
  if (succeeded(generic)) {
    generic->family = "generic";
    generic->reason = reasons;
  }
  return generic;
}

FailureOr<DeviceKernel> mome::cuda::emitKernel(nn::KernelOp kernel, StringRef architecture,
                                               int64_t group, OpBuilder &builder) {
  builder.getBlock()->getParentOp()->setAttr(architectureAttrName,
                                             builder.getStringAttr(architecture));
  FailureOr<DeviceKernel> result = emitByFamily(kernel, group, builder);
  if (succeeded(result) && group > 1) {
    for (Launch &launch : result->launches) {
      launch.function->setAttr(groupAttrName, builder.getI64IntegerAttr(group));
    }
  }
  return result;
}
