// Registration of the `nn` dialect and what all families share.
#include "dialects/NN/Families.h"
#include "dialects/NN/Interpreter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FoldInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mome::nn;

#include "dialects/NN/NNDialect.cpp.inc"
#include "dialects/NN/NNEnums.cpp.inc"
#include "dialects/NN/NNInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/NN/NNAttrs.cpp.inc"

namespace {
/// Every op folds constant operands by its own meaning.
struct InterpretingFolder : DialectFoldInterface {
  using DialectFoldInterface::DialectFoldInterface;
  LogicalResult fold(Operation *op, ArrayRef<Attribute> operands,
                     SmallVectorImpl<OpFoldResult> &results) const final {
    llvm::append_range(results, foldByInterpretation(op, operands));
    return success(!results.empty());
  }
};
} // namespace

void NNDialect::initialize() {
  addInterfaces<InterpretingFolder>();
  registerAttributes();
#define NN_FAMILY(NAME) register##NAME##Ops(*this);
#include "dialects/NN/Families.def"
}

void NNDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/NN/NNAttrs.cpp.inc"
      >();
}

Operation *NNDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type,
                                          Location loc) {
  auto elements = dyn_cast<ElementsAttr>(value);
  if (!elements || elements.getType() != type) {
    return nullptr;
  }
  return ConstantOp::create(builder, loc, elements);
}

FusionRole mome::nn::getFusionRole(Operation *op) {
  if (isa<ElementwiseOpInterface>(op)) {
    return FusionRole::elementwise;
  }
  if (isa<AccessOpInterface>(op)) {
    return FusionRole::access;
  }
  if (auto fusible = dyn_cast<Fusible>(op)) {
    return fusible.getFusionRole();
  }
  return FusionRole::opaque;
}

double mome::nn::getFlops(Operation *op) {
  if (isa<AccessOpInterface>(op)) {
    return 0.0;
  }
  if (auto model = dyn_cast<CostModel>(op)) {
    return model.getFlops();
  }
  double flops = 0;
  for (Type type : op->getResultTypes()) {
    if (auto shaped = dyn_cast<ShapedType>(type)) {
      flops += shaped.getNumElements();
    }
  }
  return flops;
}

static TypedAttr numberAttr(Type element, double value) {
  if (auto type = dyn_cast<FloatType>(element)) {
    return FloatAttr::get(type, value);
  }
  return IntegerAttr::get(element, static_cast<int64_t>(value));
}

Value mome::nn::buildSplat(OpBuilder &builder, Location loc, Type type, double value) {
  auto tensor = cast<RankedTensorType>(type);
  return ConstantOp::create(
      builder, loc,
      DenseElementsAttr::get(tensor, Attribute(numberAttr(tensor.getElementType(), value))));
}

Value mome::nn::emitConstant(ImplicitLocOpBuilder &builder, Type type, double value) {
  TypedAttr attr = numberAttr(getElementTypeOrSelf(type), value);
  if (auto shaped = dyn_cast<ShapedType>(type)) {
    attr = DenseElementsAttr::get(shaped, Attribute(attr));
  }
  return arith::ConstantOp::create(builder, attr);
}
