// Folds of the ops that move elements.
#include "dialects/NN/NN.h"

using namespace mlir;
using namespace mome::nn;

/// The operand, if the op keeps its type and `identity` holds.
template <typename Op> static OpFoldResult foldIdentity(Op op, bool identity = true) {
  return identity && op.getOperand().getType() == op.getType() ? OpFoldResult(op.getOperand())
                                                               : OpFoldResult();
}

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  return foldIdentity(*this);
}
OpFoldResult TransposeOp::fold(FoldAdaptor) {
  return foldIdentity(*this, llvm::is_sorted(getPermutation()));
}
OpFoldResult BroadcastOp::fold(FoldAdaptor) {
  return foldIdentity(*this);
}
OpFoldResult SliceOp::fold(FoldAdaptor) {
  return foldIdentity(*this);
}
OpFoldResult PadOp::fold(FoldAdaptor) {
  return foldIdentity(*this);
}
OpFoldResult ConcatOp::fold(FoldAdaptor) {
  return getInputs().size() == 1 ? OpFoldResult(getInputs()[0]) : OpFoldResult();
}
OpFoldResult RollOp::fold(FoldAdaptor) {
  auto type = cast<RankedTensorType>(getType());
  return foldIdentity(*this, getShift() % type.getDimSize(getAxis()) == 0);
}
OpFoldResult ShiftOp::fold(FoldAdaptor) {
  return foldIdentity(*this, getBy() == 0);
}
