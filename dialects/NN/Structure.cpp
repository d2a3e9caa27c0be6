// Constants, gradients, dispatches and kernels.
#include "dialects/NN/Families.h"
#include "dialects/NN/Infer.h"
#include "dialects/NN/Interpreter.h"
#include "dialects/NN/OperandSum.h"

using namespace mlir;
using namespace mome::nn;

#define GET_OP_CLASSES
#include "dialects/NN/Structure.cpp.inc"

void mome::nn::registerStructureOps(NNDialect &dialect) {
  dialect.addFamily<
#define GET_OP_LIST
#include "dialects/NN/Structure.cpp.inc"
      >();
}

//===-- nn.constant
//------------------------------------------------------------------------------===//

LogicalResult ConstantOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor adaptor,
                                           SmallVectorImpl<Type> &types) {
  types.push_back(adaptor.getValue().getShapedType());
  return success();
}

OpFoldResult ConstantOp::fold(FoldAdaptor) {
  return getValue();
}

LogicalResult ConstantOp::interpret(ArrayRef<HostTensor>, MutableArrayRef<HostTensor> results) {
  results[0] = toHostTensor(getValue());
  return success();
}

//===-- nn.gradient
//------------------------------------------------------------------------------===//

LogicalResult GradientOp::verify() {
  if (getWrt().empty()) {
    return emitOpError("C3: needs at least one value to differentiate by");
  }
  if (getWrt().getTypes() != getGradients().getTypes()) {
    return emitOpError("C2: results must have the types of the values: expected (")
           << getWrt().getTypes() << ")";
  }
  return success();
}

//===-- nn.dispatch, nn.kernel, nn.call
//----------------------------------------------------------===//

bool mome::nn::isOperandSum(Operation *sum, Operation *product) {
  auto reduction = dyn_cast<ReductionOpInterface>(sum);
  auto op = dyn_cast<ProductOpInterface>(product);
  if (!reduction || !op || reduction.getReductionKind() != ReductionKind::sum) {
    return false;
  }
  Value summed = sum->getOperand(0);
  auto cast = summed.getDefiningOp<CastOp>();
  if (cast && typeOf(cast.getOperand()).getElementType().isBF16()) {
    summed = cast.getOperand();
  }
  Product parts = op.getProduct();
  return summed == parts.lhs && parts.transposeLhs && parts.n > 1 &&
         typeOf(summed).getRank() == 2 && reduction.getReducedAxes() == SmallVector<int64_t>{0};
}

Operation *mome::nn::findOperandSum(Operation *product) {
  for (Operation &op : *product->getBlock()) {
    if (isOperandSum(&op, product)) {
      return &op;
    }
  }
  return nullptr;
}

static bool isRoot(Operation &op) {
  FusionRole role = getFusionRole(&op);
  return role != FusionRole::elementwise && role != FusionRole::access && role != FusionRole::row &&
         !isa<ConstantOp, YieldOp>(op);
}

/// The rules of a dispatch body; `number` prefixes the messages with the constraint's number.
static LogicalResult verifyBody(Operation *owner, Block &body, StringRef rootRule,
                                StringRef opRule) {
  Operation *root = nullptr, *sum = nullptr;
  for (Operation &op : body) {
    if (!isa<NNDialect>(op.getDialect()) || isa<DispatchOp, KernelOp, CallOp, GradientOp>(op)) {
      return owner->emitOpError(opRule) << ": '" << op.getName() << "' cannot stand in a kernel";
    }
    if (isRoot(op)) {
      if (root && isOperandSum(root, &op)) {
        std::swap(root, sum);
      } else if (root && !sum && isOperandSum(&op, root)) {
        sum = &op;
        continue;
      }
      if (root) {
        return owner->emitOpError(rootRule)
               << ": two roots, '" << root->getName() << "' and '" << op.getName() << "'";
      }
      root = &op;
    }
  }
  return success();
}

static Operation *findRoot(Block &body) {
  Operation *row = nullptr, *root = nullptr;
  for (Operation &op : body.without_terminator()) {
    if (isRoot(op) && (!root || isOperandSum(root, &op))) {
      root = &op;
    }
    if (!row && getFusionRole(&op) == FusionRole::row) {
      row = &op;
    }
  }
  return root ? root : row ? row : &body.front();
}

Operation *DispatchOp::getRoot() {
  return findRoot(getBody().front());
}
Operation *KernelOp::getRoot() {
  return findRoot(getBody().front());
}

LogicalResult DispatchOp::verify() {
  Block &body = getBody().front();
  if (body.getArgumentTypes() != getInputs().getTypes()) {
    return emitOpError("C1: block arguments must match the operands");
  }
  if (TypeRange(body.getTerminator()->getOperandTypes()) != TypeRange(getOutputs().getTypes())) {
    return emitOpError("C2: yielded values must match the results");
  }
  return verifyBody(*this, body, "C3", "C4");
}

LogicalResult DispatchOp::interpret(ArrayRef<HostTensor> operands,
                                    MutableArrayRef<HostTensor> results) {
  FailureOr<SmallVector<HostTensor>> values = interpretBlock(getBody().front(), operands);
  if (failed(values)) {
    return failure();
  }
  llvm::move(*values, results.begin());
  return success();
}

LogicalResult KernelOp::verify() {
  return verifyBody(*this, getBody().front(), "C1", "C1");
}

LogicalResult CallOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel) {
    return emitOpError("C1: names no kernel: @") << getKernel();
  }
  Block &body = kernel.getBody().front();
  if (body.getArgumentTypes() != getInputs().getTypes() ||
      TypeRange(body.getTerminator()->getOperandTypes()) != TypeRange(getOutputs().getTypes())) {
    return emitOpError("C2: operands and results must match kernel @") << getKernel();
  }
  return success();
}
