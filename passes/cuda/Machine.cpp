// See Machine.h.
#include "passes/cuda/Machine.h"

#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace mome::cuda;

const Machine &mome::cuda::machineFor(StringRef architecture) {
  static constexpr Machine a100{108, 64, 1024, 164 << 10, 3584, 1229, 2800, 0};
  static constexpr Machine rtx4090{128, 128, 256, 100 << 10, 2867, 340, 5000, 0};
  static constexpr Machine h100{132, 128, 1270, 228 << 10, 4424, 1556, 3700, 0};
  static constexpr Machine h100Only{132, 128, 1270, 228 << 10, 4424, 1556, 3700, 2048};
  if (architecture == "sm_90a") {
    return h100Only;
  }
  if (architecture == "sm_90" || architecture == "sm_100") {
    return h100;
  }
  return architecture == "sm_80" ? a100 : rtx4090;
}

const Machine &mome::cuda::machineOf(Operation *op) {
  while (op && !op->hasAttr(architectureAttrName)) {
    op = op->getParentOp();
  }
  return machineFor(op ? op->getAttrOfType<StringAttr>(architectureAttrName).getValue() : "sm_80");
}
