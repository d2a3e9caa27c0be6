// Matrix products with elementwise epilogues: the family.
//
//   nn.kernel { %h = nn.linear %x, %w, %b;  %y = nn.gelu %h;  yield %h, %y }
//   ->  for each tile of the result:
//         acc = product of a register tile over the whole k     (PanelProduct, BlockedProduct)
//         h = acc + b;  y = gelu(h);  store both                (ProductEmitter)
#include "passes/cpu/BlockPlan.h"
#include "passes/cpu/Families.h"
#include "passes/cpu/ProductKernel.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

int64_t ProductKernel::wantedChunks() const {
  double flops = 2.0 * product.m * product.n * product.k;
  return std::clamp<int64_t>(flops / 500e3, 1, 32);
}

EmitResult mome::cpu::emitGemm(nn::KernelOp kernel, const Target &target, OpBuilder &builder) {
  auto op = dyn_cast<nn::ProductOpInterface>(kernel.getRoot());
  if (!op) {
    return refuse("");
  }
  IterationSpace space(cast<ShapedType>(op->getResult(0).getType()).getShape(),
                       kernel.getContext());
  if (std::string reason = prepareProduct(kernel, space, /*takesSum=*/true); !reason.empty()) {
    return refuse(reason);
  }
  KernelBuilder b(kernel, target, builder);
  int64_t chunks = prefersBlocks(target, op.getProduct()) ? emitBlockedProduct(b, space, op)
                                                          : emitPanelProduct(b, space, op);
  return b.finish("gemm", chunks);
}
