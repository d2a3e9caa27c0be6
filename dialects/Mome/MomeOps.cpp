// Verifiers of the `mome` dialect. Messages carry the number of the constraint in MomeOps.td.
#include "dialects/Mome/Mome.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mome;
using namespace mome::model;

#define GET_OP_CLASSES
#include "dialects/Mome/MomeOps.cpp.inc"

LogicalResult ModelOp::verify() {
  int evals = 0;
  for (Operation &op : getBody().front()) {
    if (!isa<ModalityOp, LabelOp, ScalarOp, ParamOp, StateOp, GraphOp, TrainOp, DataOp>(op)) {
      return op.emitOpError("C1: cannot stand in a model");
    }
    if (auto graph = dyn_cast<GraphOp>(op)) {
      evals += graph.getMode() == Mode::eval;
    }
  }
  return evals > 1 ? emitOpError("C2: has more than one eval graph") : success();
}

//===-- Declarations -----------------------------------------------------------------------------===//

static LogicalResult verifyFloatTensor(Operation *op, Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape() || !isa<FloatType>(tensor.getElementType())) {
    return op->emitOpError("C1: needs a static float tensor, not ") << type;
  }
  return success();
}

LogicalResult ModalityOp::verify() { return verifyFloatTensor(*this, getType()); }
LogicalResult ParamOp::verify() { return verifyFloatTensor(*this, getType()); }
LogicalResult StateOp::verify() { return verifyFloatTensor(*this, getType()); }

LogicalResult LabelOp::verify() {
  return getClasses() < 1 ? emitOpError("C1: needs at least one class") : success();
}

LogicalResult ScalarOp::verify() {
  return getType().isF32() || getType().isInteger(64) ? success() : emitOpError("C1: a scalar is f32 or i64, not ") << getType();
}

//===-- Graphs -----------------------------------------------------------------------------------===//

LogicalResult GraphOp::verify() {
  if (getBatch() < 1) {
    return emitOpError("C1: the batch must be positive");
  }
  llvm::StringSet<> names;
  for (Operation &op : getBody().front()) {
    if (isa<LossOp, MetricOp, OutputOp>(op)) {
      StringRef name = cast<StringAttr>(op.getAttr("name")).getValue();
      if (!names.insert((op.getName().getStringRef() + ":" + name).str()).second) {
        return op.emitOpError("C2: '") << name << "' is declared twice";
      }
    }
  }
  return success();
}

/// The type that reading `declaration` gives in a graph of `batch` samples; null if it is none.
static Type readType(Operation *declaration, int64_t batch) {
  MLIRContext *context = declaration->getContext();
  if (auto modality = dyn_cast<ModalityOp>(declaration)) {
    auto sample = cast<RankedTensorType>(modality.getType());
    SmallVector<int64_t> shape = {batch};
    llvm::append_range(shape, sample.getShape());
    return sample.clone(shape);
  }
  if (isa<LabelOp>(declaration)) {
    return RankedTensorType::get({batch}, IntegerType::get(context, 32));
  }
  if (auto scalar = dyn_cast<ScalarOp>(declaration)) {
    return RankedTensorType::get({}, scalar.getType());
  }
  if (auto param = dyn_cast<ParamOp>(declaration)) {
    return param.getType();
  }
  if (auto state = dyn_cast<StateOp>(declaration)) {
    return state.getType();
  }
  return nullptr;
}

LogicalResult ReadOp::verifySymbolUses(SymbolTableCollection &symbols) {
  Operation *declaration = symbols.lookupNearestSymbolFrom(*this, getSourceAttr());
  auto graph = (*this)->getParentOfType<GraphOp>();
  Type expected = declaration && graph ? readType(declaration, graph.getBatch()) : nullptr;
  if (!expected) {
    return emitOpError("C1: @") << getSource() << " is no declaration";
  }
  return expected == getType() ? success() : emitOpError("C2: @") << getSource() << " reads as " << expected << ", not " << getType();
}

LogicalResult MaskOp::verify() {
  auto graph = (*this)->getParentOfType<GraphOp>();
  if (!graph) {
    return emitOpError("C1: stands outside a graph");
  }
  SmallVector<int64_t> shape = {int64_t(graph.getBatch())};
  if (getKind() == MaskKind::presence) {
    shape.push_back(llvm::range_size(cast<ModelOp>(graph->getParentOp()).getBody().front().getOps<ModalityOp>()));
  }
  auto expected = RankedTensorType::get(shape, Float32Type::get(getContext()));
  return getType() == expected ? success() : emitOpError("C1: must be ") << expected << ", not " << getType();
}

static LogicalResult verifyPart(Operation *op, Block &body) {
  return TypeRange(body.getTerminator()->getOperandTypes()) == TypeRange(op->getResultTypes())
             ? success()
             : op->emitOpError("C1: results must match the yielded values");
}
LogicalResult ExpertOp::verify() { return verifyPart(*this, getBody().front()); }
LogicalResult GateOp::verify() { return verifyPart(*this, getBody().front()); }
LogicalResult HeadOp::verify() { return verifyPart(*this, getBody().front()); }
LogicalResult TermOp::verify() { return verifyPart(*this, getBody().front()); }

LogicalResult MetricOp::verify() {
  if (getSumNames().size() != getSums().size()) {
    return emitOpError("C1: needs one name per sum");
  }
  Block &body = getValue().front();
  auto yield = dyn_cast_if_present<YieldOp>(body.empty() ? nullptr : &body.back());
  bool scalar = yield && yield.getValues().size() == 1 && cast<ShapedType>(yield.getValues()[0].getType()).getRank() == 0;
  if (TypeRange(body.getArgumentTypes()) != TypeRange(getSums().getTypes()) || !scalar) {
    return emitOpError("C2: the region must take the sums and yield one scalar");
  }
  return success();
}

LogicalResult UpdateOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto state = symbols.lookupNearestSymbolFrom<StateOp>(*this, getStateAttr());
  if (!state || state.getType() != getValue().getType()) {
    return emitOpError("C1: @") << getState() << " is no state of type " << getValue().getType();
  }
  return success();
}

//===-- Sections ---------------------------------------------------------------------------------===//

LogicalResult TrainOp::verify() {
  auto graph = SymbolTable::lookupNearestSymbolFrom<GraphOp>((*this)->getParentOp(), getGraphAttr());
  if (!graph || graph.getMode() != Mode::train) {
    return emitOpError("C1: @") << getGraph() << " is no train graph";
  }
  for (NamedAttribute entry : getGroupOf()) {
    auto index = dyn_cast<IntegerAttr>(entry.getValue());
    if (!index || index.getInt() < 0 || index.getInt() >= int64_t(getGroups().size())) {
      return emitOpError("C2: ") << entry.getName() << " names no group";
    }
  }
  if (getOptimizer() != "adamw" && getOptimizer() != "sgd") {
    return emitOpError("C3: unknown optimizer ") << getOptimizerAttr();
  }
  return success();
}
