// See KernelBuilder.h.
#include "passes/cpu/KernelBuilder.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

KernelBuilder::KernelBuilder(nn::KernelOp kernel, const Target &target, OpBuilder &builder,
                             int64_t registersPerVector)
    : FunctionBuilder(kernel, kernel.getSymName(), {builder.getIndexType(), builder.getIndexType()},
                      registersPerVector * target.lanes, builder),
      target(target) {
  unsigned count = function.getNumArguments();
  lo = function.getArgument(count - 3);
  hi = function.getArgument(count - 2);
}

Value KernelBuilder::shareMemory(int64_t floats, int64_t packs) {
  assert(!function->hasAttr(packsAttrName) && "one piece per kernel");
  function->setAttr(packsAttrName, getI64IntegerAttr(packs));
  function->setAttr(sharedAttrName, getI64IntegerAttr(floats * 4));
  return function.front().insertArgument(cast<BlockArgument>(lo).getArgNumber(),
                                         MemRefType::get({floats}, getF32Type()), getLoc());
}

EmitResult KernelBuilder::finish(StringRef family, int64_t chunks) {
  int64_t scratchBytes = close();
  function->setAttr(chunksAttrName, getI64IntegerAttr(chunks));
  function->setAttr(scratchAttrName, getI64IntegerAttr(scratchBytes));
  function->setAttr("nn.family", getStringAttr(family));
  return {function, family.str(), ""};
}
