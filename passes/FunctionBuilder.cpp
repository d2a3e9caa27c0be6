// See FunctionBuilder.h.
#include "passes/FunctionBuilder.h"

#include "dialects/NN/FloatCast.h"
#include "passes/TensorPart.h"

using namespace mlir;
using namespace mome;

Type mome::bufferElementType(Type type) {
  if (type.isInteger(1) || type.isBF16()) {
    return IntegerType::get(type.getContext(), type.isBF16() ? 16 : 8);
  }
  return type;
}

bool mome::holdsBf16(Value buffer) {
  return cast<MemRefType>(buffer.getType()).getElementType().isInteger(16);
}

static MemRefType bufferType(Type tensor) {
  auto type = cast<RankedTensorType>(tensor);
  return MemRefType::get({type.getNumElements()}, bufferElementType(type.getElementType()));
}

FunctionBuilder::FunctionBuilder(nn::KernelOp kernel, StringRef name, TypeRange own, int64_t lanes,
                                 OpBuilder &builder)
    : ImplicitLocOpBuilder(kernel.getLoc(), builder), kernel(kernel), lanes(lanes) {
  SmallVector<Type> types;
  for (Type type : getBody().getArgumentTypes()) {
    types.push_back(bufferType(type));
  }
  for (Type type : getYielded().getTypes()) {
    types.push_back(bufferType(type));
  }
  llvm::append_range(types, own);
  types.push_back(MemRefType::get({0}, getI8Type()));
  function = func::FuncOp::create(*this, name, getFunctionType(types, {}));
  Block *entry = function.addEntryBlock();
  scratch = entry->getArguments().back();
  setInsertionPointToStart(entry);
}

Value FunctionBuilder::getOperandBuffer(Value operand) {
  return function.getArgument(cast<BlockArgument>(operand).getArgNumber());
}

Value FunctionBuilder::getResultBuffer(unsigned result) {
  return function.getArgument(getBody().getNumArguments() + result);
}

Value FunctionBuilder::reserveScratch(ArrayRef<int64_t> shape, Type elementType) {
  Value offset = index(scratchBytes);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointAfterValue(offset);
  auto type = MemRefType::get(shape, elementType);
  int64_t bytes = type.getNumElements() * elementType.getIntOrFloatBitWidth() / 8;
  scratchBytes += ceilDiv(bytes, 64) * 64;
  return memref::ViewOp::create(*this, type, scratch, offset, ValueRange());
}

Value FunctionBuilder::index(int64_t value) {
  Value &constant = indexConstants[value];
  if (!constant) {
    OpBuilder::InsertionGuard guard(*this);
    setInsertionPointToStart(&function.front());
    constant = arith::ConstantIndexOp::create(*this, value);
  }
  return constant;
}

Value FunctionBuilder::addIndex(Value lhs, Value rhs) {
  return createOrFold<arith::AddIOp>(lhs, rhs);
}
Value FunctionBuilder::addIndex(Value lhs, int64_t rhs) {
  return rhs == 0 ? lhs : createOrFold<arith::AddIOp>(lhs, index(rhs));
}
Value FunctionBuilder::mulIndex(Value lhs, int64_t rhs) {
  if (rhs == 0) {
    return index(0);
  }
  return rhs == 1 ? lhs : createOrFold<arith::MulIOp>(lhs, index(rhs));
}
Value FunctionBuilder::divIndex(Value lhs, int64_t rhs) {
  return rhs == 1 ? lhs : createOrFold<arith::DivUIOp>(lhs, index(rhs));
}
Value FunctionBuilder::remIndex(Value lhs, int64_t rhs) {
  return rhs == 1 ? index(0) : createOrFold<arith::RemUIOp>(lhs, index(rhs));
}
Value FunctionBuilder::minIndex(Value lhs, int64_t rhs) {
  return createOrFold<arith::MinSIOp>(lhs, index(rhs));
}

SmallVector<Value> FunctionBuilder::delinearize(Value linear, ArrayRef<int64_t> extents) {
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

Value FunctionBuilder::splat(Value value) {
  return isa<VectorType>(value.getType())
             ? value
             : vector::BroadcastOp::create(*this, vectorType(value.getType()), value);
}

Value FunctionBuilder::widenBits(Value bits) {
  Type wide = nn::withElement(bits.getType(), getI32Type());
  TypedAttr count = getI32IntegerAttr(16);
  if (auto vector = dyn_cast<VectorType>(wide)) {
    count = DenseElementsAttr::get(vector, Attribute(count));
  }
  Value shift = arith::ConstantOp::create(*this, count);
  Value shifted = arith::ShLIOp::create(*this, arith::ExtUIOp::create(*this, wide, bits), shift);
  return arith::BitcastOp::create(*this, nn::withElement(wide, getF32Type()), shifted);
}

Value FunctionBuilder::roundToBits(Value f32) {
  Value rounded = nn::emitFloatCast(*this, f32, getBF16Type());
  return arith::BitcastOp::create(*this, nn::withElement(f32.getType(), getI16Type()), rounded);
}

Value FunctionBuilder::laneMask(int64_t count) {
  SmallVector<bool> mask(lanes, false);
  std::fill_n(mask.begin(), count, true);
  return arith::ConstantOp::create(*this,
                                   DenseElementsAttr::get(vectorType(getI1Type()), ArrayRef(mask)));
}

/// The lanes of a mask that laneMask() made.
static std::optional<int64_t> getLaneCount(Value mask) {
  DenseElementsAttr lanes;
  if (!matchPattern(mask, m_Constant(&lanes))) {
    return std::nullopt;
  }
  return llvm::count(lanes.getValues<bool>(), true);
}

void FunctionBuilder::storeLanes(Value vector, Value buffer, Value at, Value mask) {
  if (!mask) {
    vector::StoreOp::create(*this, vector, buffer, at);
    return;
  }
  std::optional<int64_t> count = getLaneCount(mask);
  if (!count || lanes != 8) {
    vector::MaskedStoreOp::create(*this, buffer, at, mask, vector);
    return;
  }
  // AVX2's masked store takes a dozen cycles on some processors, stores of 4, 2 and 1 lanes one each.
  for (int64_t piece = lanes / 2, from = 0; piece > 0; piece /= 2) {
    if (*count & piece) {
      Value part = vector::ExtractStridedSliceOp::create(*this, vector, ArrayRef<int64_t>{from},
                                                         ArrayRef<int64_t>{piece},
                                                         ArrayRef<int64_t>{1});
      vector::StoreOp::create(*this, part, buffer, addIndex(at, from));
      from += piece;
    }
  }
}

scf::ForOp FunctionBuilder::loop(Value from, Value to, int64_t step, LoopBody body) {
  auto loop = scf::ForOp::create(*this, from, to, index(step));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
  return loop;
}

ValueRange FunctionBuilder::reduceLoop(Value from, Value to, int64_t step, ValueRange init,
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

void FunctionBuilder::ifThen(Value condition, function_ref<void()> body) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  body();
}

void FunctionBuilder::ifThenElse(Value condition, function_ref<void()> body,
                                 function_ref<void()> otherwise) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  body();
  setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

int64_t FunctionBuilder::close() {
  setInsertionPointToEnd(&function.front());
  func::ReturnOp::create(*this);
  scratch.setType(MemRefType::get({scratchBytes}, getI8Type()));
  function.setFunctionType(getFunctionType(function.front().getArgumentTypes(), {}));
  return scratchBytes;
}

Value mome::findResultBuffer(FunctionBuilder &b, Value value) {
  for (auto [number, yielded] : llvm::enumerate(b.getYielded())) {
    if (yielded == value) {
      return b.getResultBuffer(number);
    }
  }
  return nullptr;
}

std::string mome::refuseAround(Operation *root) {
  Block *body = root->getBlock();
  for (OpOperand &operand : root->getOpOperands()) {
    if (!findSource(operand)) {
      return "an operand is computed in the kernel";
    }
    Type element = cast<RankedTensorType>(operand.get().getType()).getElementType();
    if (!element.isF32() && !element.isBF16()) {
      return "an element type other than f32 and bf16";
    }
  }
  llvm::SmallPtrSet<Value, 4> seen;
  for (Value yielded : body->getTerminator()->getOperands()) {
    Operation *definer = yielded.getDefiningOp();
    bool belongs = definer && (definer == root || joinsParts(definer, root));
    if (!belongs || !seen.insert(yielded).second) {
      return "a result that is not the root's";
    }
  }
  return "";
}
