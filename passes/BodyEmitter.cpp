// See BodyEmitter.h.
#include "passes/BodyEmitter.h"

#include "dialects/NN/FloatCast.h"

using namespace mlir;
using namespace mome;

//===-- Memory --------------------------------------------------------------------------------===//

static Value zeroOf(FunctionBuilder &b, Type type) {
  return arith::ConstantOp::create(b, b.getZeroAttr(type));
}

Value BodyEmitter::toRegister(Value loaded, Type elementType) {
  if (elementType.isBF16()) {
    return b.widenBits(loaded);
  }
  if (!elementType.isInteger(1)) {
    return loaded;
  }
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, loaded, zeroOf(b, loaded.getType()));
}

Value BodyEmitter::loadContiguous(Value buffer, Value address, Value mask, bool isAligned) {
  VectorType vector = b.vectorType(cast<MemRefType>(buffer.getType()).getElementType());
  if (!mask) {
    int64_t bytes = vector.getNumElements() * vector.getElementTypeBitWidth() / 8;
    return vector::LoadOp::create(b, vector, buffer, address, /*nontemporal=*/false,
                                  isAligned ? llvm::MaybeAlign(bytes) : llvm::MaybeAlign());
  }
  return vector::MaskedLoadOp::create(b, vector, buffer, address, mask, zeroOf(b, vector));
}

Value BodyEmitter::loadStrided(Value buffer, AffineExpr address, Value mask, const Point &point) {
  auto type = cast<MemRefType>(buffer.getType());
  Type indexType = type.getNumElements() < INT32_MAX ? b.getI32Type() : b.getI64Type();
  VectorType vector = b.vectorType(type.getElementType());
  Value offsets = indices.evaluateLanes(address, indexType, point);
  mask = mask ? mask : b.laneMask(vector.getNumElements());
  return vector::GatherOp::create(b, vector, buffer, ValueRange{b.index(0)}, offsets, mask,
                                  zeroOf(b, vector));
}

Value BodyEmitter::load(Value buffer, RankedTensorType type, View view, const Point &point) {
  AffineExpr address = linearize(view.index, type.getShape());
  Value guard = indices.emitGuards(view.guards, point);
  if (!indices.dependsOnLanes(view, point)) {
    Value at = indices.evaluate(address, point);
    if (guard) { // outside, read element 0 instead: the consumer selects
      at = arith::SelectOp::create(b, guard, at, b.index(0));
    }
    return toRegister(memref::LoadOp::create(b, buffer, at), type.getElementType());
  }
  auto strides = getCoefficients(space.toLoops(address), space.getNumLoops());
  bool isContiguous = strides && (*strides)[*point.vectorLoop] == 1;
  bool hasVector = point.isAligned || type.getNumElements() >= b.getLanes();
  if (guard && isContiguous && hasVector && !isa<VectorType>(guard.getType())) {
    // A masked load would do, but processors take long over one from memory that nobody has touched.
    Value at = arith::SelectOp::create(b, guard, indices.evaluate(address, point), b.index(0));
    Value here = loadContiguous(buffer, at, point.mask, indices.isSharedByLanes(address, point));
    return toRegister(here, type.getElementType());
  }
  Value mask = guard ? b.splat(guard) : Value();
  if (point.mask) {
    mask = mask ? arith::AndIOp::create(b, mask, point.mask) : point.mask;
  }
  Value loaded;
  if (isContiguous) {
    loaded = loadContiguous(buffer, indices.evaluate(address, point), mask,
                            indices.isSharedByLanes(address, point));
  } else if (strides && (*strides)[*point.vectorLoop] == 0) {
    // One element, in some lanes.
    Value at = indices.evaluate(address, point);
    Value any = vector::ReductionOp::create(b, vector::CombiningKind::OR, mask);
    loaded = b.splat(memref::LoadOp::create(
        b, buffer, ValueRange(arith::SelectOp::create(b, any, at, b.index(0)))));
  } else {
    loaded = loadStrided(buffer, address, mask, point);
  }
  return toRegister(loaded, type.getElementType());
}

Value BodyEmitter::toMemory(Value value) {
  Type type = value.getType();
  if (!getElementTypeOrSelf(type).isInteger(1)) {
    return value;
  }
  Type byte = b.getI8Type();
  return arith::ExtUIOp::create(b, isa<VectorType>(type) ? Type(b.vectorType(byte)) : byte, value);
}

void BodyEmitter::store(Value value, Value buffer, AffineExpr address, const Point &point) {
  Value at = indices.evaluate(address, point);
  value = toMemory(point.vectorLoop ? b.splat(value) : value);
  value = holdsBf16(buffer) ? b.roundToBits(value) : value;
  if (!point.vectorLoop) {
    memref::StoreOp::create(b, value, buffer, at);
    return;
  }
  b.storeLanes(value, buffer, at, point.mask);
}

std::function<void()> BodyEmitter::prepareResults(const Point &point, Value other) {
  // All loads before all stores: results may take operands' places.
  SmallVector<std::pair<Value, Value>> stores; // of a value into a buffer
  for (auto [number, yielded] : llvm::enumerate(b.getYielded())) {
    if (Value buffer = b.getResultBuffer(number); buffer != other) {
      stores.push_back({emit(yielded, point), buffer});
    }
  }
  return [this, stores, point] {
    for (auto [value, buffer] : stores) {
      store(value, buffer, space.getLinear(), point);
    }
  };
}

//===-- Ops -----------------------------------------------------------------------------------===//

Value BodyEmitter::emitConstant(nn::ConstantOp op, View view, const Point &point) {
  auto type = cast<RankedTensorType>(op.getType());
  auto value = cast<DenseElementsAttr>(op.getValue());
  if (value.isSplat() && type.getElementType().isBF16()) {
    double element = value.getSplatValue<FloatAttr>().getValueAsDouble();
    return nn::emitConstant(b, b.getF32Type(), element);
  }
  if (value.isSplat()) {
    return arith::ConstantOp::create(b, value.getSplatValue<TypedAttr>());
  }
  auto flat = RankedTensorType::get({type.getNumElements()}, type.getElementType());
  auto buffer = MemRefType::get(flat.getShape(), flat.getElementType());
  // Named by the op's place in the body, so that every load of the constant finds the same table.
  std::string name = (b.getKernel().getSymName() + "_table" +
                      Twine(std::distance(b.getBody().begin(), Block::iterator(op))))
                         .str();
  if (!SymbolTable::lookupNearestSymbolFrom(b.getFunction(), b.getStringAttr(name))) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(b.getFunction());
    memref::GlobalOp::create(b, name, b.getStringAttr("private"), buffer, value.reshape(flat),
                             /*constant=*/true, b.getI64IntegerAttr(64));
  }
  return load(memref::GetGlobalOp::create(b, buffer, name), type, view, point);
}

Value BodyEmitter::emitElementwise(nn::ElementwiseOpInterface op, View view, const Point &point) {
  SmallVector<Value> args;
  bool anyVector = false;
  for (Value operand : op->getOperands()) {
    bool scalar = cast<RankedTensorType>(operand.getType()).getRank() == 0;
    AffineMap index =
        scalar ? AffineMap::get(view.index.getNumDims(), 0, {}, op->getContext()) : view.index;
    args.push_back(emit(operand, {index, view.guards}, point));
    anyVector |= isa<VectorType>(args.back().getType());
  }
  Value linearIndex;
  if (op.usesIndex()) {
    AffineExpr linear =
        linearize(view.index, cast<ShapedType>(op->getResult(0).getType()).getShape());
    linearIndex = indices.evaluateAs(linear, b.getI64Type(), point);
    anyVector |= isa<VectorType>(linearIndex.getType());
  }
  if (anyVector) {
    for (Value &arg : args) {
      arg = b.splat(arg);
    }
    linearIndex = linearIndex ? b.splat(linearIndex) : linearIndex;
  }
  return nn::emitWide(b, op.emitScalar(b, args, linearIndex)); // a cast to bf16 rounds f32
}

Value BodyEmitter::emitAccess(nn::AccessOpInterface op, View view, const Point &point) {
  Value result;
  Type element = cast<RankedTensorType>(op->getResult(0).getType()).getElementType();
  for (const nn::AccessPiece &piece : op.getAccessPieces()) {
    AffineMap own = piece.guards.compose(view.index);
    SmallVector<AffineExpr> guards(view.guards.getResults());
    llvm::append_range(guards, own.getResults());
    AffineMap both = AffineMap::get(view.index.getNumDims(), 0, guards, op->getContext());
    Value value =
        emit(op->getOperand(piece.operand), {piece.index.compose(view.index), both}, point);
    Value holds = indices.emitGuards(own, point);
    if (!holds) {
      return value;
    }
    if (!result) {
      result = nn::emitConstant(b, nn::getWideType(element), op.getFill());
    }
    if (isa<VectorType>(value.getType()) || isa<VectorType>(result.getType()) ||
        isa<VectorType>(holds.getType())) {
      value = b.splat(value);
      result = b.splat(result);
      holds = b.splat(holds);
    }
    result = arith::SelectOp::create(b, holds, value, result);
  }
  return result;
}

Value BodyEmitter::emitHere(Value value, View view, const Point &point) {
  Operation *op = value.getDefiningOp();
  if (!op) {
    return load(b.getOperandBuffer(value), cast<RankedTensorType>(value.getType()), view, point);
  }
  if (auto constant = dyn_cast<nn::ConstantOp>(op)) {
    return emitConstant(constant, view, point);
  }
  if (auto elementwise = dyn_cast<nn::ElementwiseOpInterface>(op)) {
    return emitElementwise(elementwise, view, point);
  }
  return emitAccess(cast<nn::AccessOpInterface>(op), view, point);
}

//===-- Reuse and hoisting --------------------------------------------------------------------===//

SmallVector<bool> BodyEmitter::getUsedLoops(const View &view) const {
  SmallVector<bool> used(space.getNumLoops(), false);
  for (AffineMap map : {view.index, view.guards}) {
    for (AffineExpr expr : map.getResults()) {
      space.toLoops(expr).walk([&](AffineExpr part) {
        if (auto dim = dyn_cast<AffineDimExpr>(part)) {
          used[dim.getPosition()] = true;
        }
      });
    }
  }
  return used;
}

BodyEmitter::Key BodyEmitter::makeKey(Value value, const View &view, const Point &point) const {
  bool masked = point.mask && indices.dependsOnLanes(view, point);
  Key key{value.getAsOpaquePointer(),
          {view.index.getAsOpaquePointer(), view.guards.getAsOpaquePointer(),
           masked ? point.mask.getAsOpaquePointer() : nullptr}};
  for (auto [loop, used] : llvm::enumerate(getUsedLoops(view))) {
    key.second.push_back(used ? point.loops[loop].getAsOpaquePointer() : nullptr);
  }
  return key;
}

SmallVector<Value> BodyEmitter::getDependencies(Value value, const View &view,
                                                const Point &point) const {
  SmallVector<Value> needed;
  for (auto [loop, used] : llvm::enumerate(getUsedLoops(view))) {
    if (used) {
      needed.push_back(point.loops[loop]);
    }
  }
  if (point.mask) {
    needed.push_back(point.mask);
  }
  llvm::SmallPtrSet<Value, 16> seen;
  SmallVector<Value> work{value};
  while (!work.empty()) {
    Value next = work.pop_back_val();
    if (!seen.insert(next).second) {
      continue;
    }
    if (auto found = bound.find(next); found != bound.end()) {
      needed.push_back(found->second.second);
    }
    if (Operation *op = next.getDefiningOp()) {
      llvm::append_range(work, op->getOperands());
    }
  }
  return needed;
}

/// True if code in `block` may use `value`.
static bool isVisible(Value value, Block *block) {
  while (block && block != value.getParentBlock()) {
    Operation *parent = block->getParentOp();
    block = isa<func::FuncOp>(parent) ? nullptr : parent->getBlock();
  }
  return block;
}

void BodyEmitter::leaveLoops(ArrayRef<Value> needed) {
  auto loop = dyn_cast<scf::ForOp>(b.getInsertionBlock()->getParentOp());
  while (loop &&
         llvm::all_of(needed, [&](Value value) { return isVisible(value, loop->getBlock()); })) {
    b.setInsertionPoint(loop);
    loop = dyn_cast<scf::ForOp>(loop->getParentOp());
  }
}

Value BodyEmitter::emit(Value value, View view, const Point &point) {
  if (auto [index, fixed] = bound.lookup(value); fixed && index == view.index) {
    return fixed;
  }
  Key key = makeKey(value, view, point);
  if (auto found = emitted.find(key);
      found != emitted.end() && isVisible(found->second, b.getInsertionBlock())) {
    return found->second;
  }
  OpBuilder::InsertionGuard guard(b);
  leaveLoops(getDependencies(value, view, point));
  Value result = emitHere(value, view, point);
  emitted[key] = result;
  return result;
}
