// One kernel function under construction. Invariant: the entry block starts with the index
// constants and scratch views, so that they dominate every use.
#include "passes/cpu/KernelBuilder.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

Type mome::cpu::bufferElementType(Type type) {
  return type.isInteger(1) ? IntegerType::get(type.getContext(), 8) : type;
}

static MemRefType bufferType(Type tensor) {
  auto type = cast<RankedTensorType>(tensor);
  return MemRefType::get({type.getNumElements()}, bufferElementType(type.getElementType()));
}

KernelBuilder::KernelBuilder(nn::KernelOp kernel, const Target &target, OpBuilder &builder)
    : ImplicitLocOpBuilder(kernel.getLoc(), builder), kernel(kernel), target(target) {
  SmallVector<Type> types;
  for (Type type : getBody().getArgumentTypes()) {
    types.push_back(bufferType(type));
  }
  for (Type type : getYielded().getTypes()) {
    types.push_back(bufferType(type));
  }
  types.append({getIndexType(), getIndexType(), MemRefType::get({0}, getI8Type())});
  function = func::FuncOp::create(*this, kernel.getSymName(), getFunctionType(types, {}));
  Block *entry = function.addEntryBlock();
  unsigned count = types.size();
  lo = entry->getArgument(count - 3);
  hi = entry->getArgument(count - 2);
  scratch = entry->getArgument(count - 1);
  setInsertionPointToStart(entry);
}

Value KernelBuilder::getOperandBuffer(Value operand) {
  return function.getArgument(cast<BlockArgument>(operand).getArgNumber());
}

Value KernelBuilder::getResultBuffer(unsigned result) {
  return function.getArgument(getBody().getNumArguments() + result);
}

Value KernelBuilder::reserveScratch(ArrayRef<int64_t> shape, Type elementType) {
  Value offset = index(scratchBytes);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointAfterValue(offset);
  auto type = MemRefType::get(shape, elementType);
  int64_t bytes = type.getNumElements() * elementType.getIntOrFloatBitWidth() / 8;
  scratchBytes += ceilDiv(bytes, 64) * 64;
  return memref::ViewOp::create(*this, type, scratch, offset, ValueRange());
}

Value KernelBuilder::index(int64_t value) {
  Value &constant = indexConstants[value];
  if (!constant) {
    OpBuilder::InsertionGuard guard(*this);
    setInsertionPointToStart(&function.front());
    constant = arith::ConstantIndexOp::create(*this, value);
  }
  return constant;
}

Value KernelBuilder::addIndex(Value lhs, Value rhs) {
  return createOrFold<arith::AddIOp>(lhs, rhs);
}
Value KernelBuilder::addIndex(Value lhs, int64_t rhs) {
  return rhs == 0 ? lhs : createOrFold<arith::AddIOp>(lhs, index(rhs));
}
Value KernelBuilder::mulIndex(Value lhs, int64_t rhs) {
  if (rhs == 0) {
    return index(0);
  }
  return rhs == 1 ? lhs : createOrFold<arith::MulIOp>(lhs, index(rhs));
}
Value KernelBuilder::divIndex(Value lhs, int64_t rhs) {
  return rhs == 1 ? lhs : createOrFold<arith::DivUIOp>(lhs, index(rhs));
}
Value KernelBuilder::remIndex(Value lhs, int64_t rhs) {
  return rhs == 1 ? index(0) : createOrFold<arith::RemUIOp>(lhs, index(rhs));
}
Value KernelBuilder::minIndex(Value lhs, int64_t rhs) {
  return createOrFold<arith::MinSIOp>(lhs, index(rhs));
}

SmallVector<Value> KernelBuilder::delinearize(Value linear, ArrayRef<int64_t> extents) {
  SmallVector<Value> digits(extents.size());
  for (int64_t axis = extents.size() - 1; axis > 0; --axis) {
    digits[axis] = remIndex(linear, extents[axis]);
    linear = divIndex(linear, extents[axis]);
  }
  if (!extents.empty()) {
    digits[0] = linear;
  }
  return digits;
}

Value KernelBuilder::splat(Value value) {
  return isa<VectorType>(value.getType())
             ? value
             : vector::BroadcastOp::create(*this, vectorType(value.getType()), value);
}

Value KernelBuilder::laneMask(int64_t count) {
  SmallVector<bool> lanes(target.lanes, false);
  std::fill_n(lanes.begin(), count, true);
  return arith::ConstantOp::create(
      *this, DenseElementsAttr::get(vectorType(getI1Type()), ArrayRef(lanes)));
}

scf::ForOp KernelBuilder::loop(Value from, Value to, int64_t step, LoopBody body) {
  auto loop = scf::ForOp::create(*this, from, to, index(step));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
  return loop;
}

ValueRange KernelBuilder::reduceLoop(Value from, Value to, int64_t step, ValueRange init,
                                     ReduceBody body) {
  auto loop = scf::ForOp::create(*this, from, to, index(step), init);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!init.empty()) {
    scf::YieldOp::create(*this, next);
  }
  return loop.getResults();
}

void KernelBuilder::ifThen(Value condition, function_ref<void()> body) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  body();
}

EmitResult KernelBuilder::finish(StringRef family, int64_t chunks) {
  setInsertionPointToEnd(&function.front());
  func::ReturnOp::create(*this);
  scratch.setType(MemRefType::get({scratchBytes}, getI8Type()));
  function.setFunctionType(getFunctionType(function.front().getArgumentTypes(), {}));
  function->setAttr(chunksAttrName, getI64IntegerAttr(chunks));
  function->setAttr(scratchAttrName, getI64IntegerAttr(scratchBytes));
  function->setAttr("nn.family", getStringAttr(family));
  return {function, family.str(), ""};
}
