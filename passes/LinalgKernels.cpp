// See LinalgKernels.h.
#include "passes/LinalgKernels.h"

#include "dialects/NN/LinalgBuilding.h"
#include "passes/ArenaColoring.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mome;

//===-- nn to linalg ------------------------------------------------------------------------===//

/// The type a tensor of `type` has in memory: a byte per boolean.
static RankedTensorType storedType(RankedTensorType type) {
  return type.getElementType().isInteger(1) ? type.clone(IntegerType::get(type.getContext(), 8))
                                            : type;
}
static MemRefType bufferType(Type type) {
  RankedTensorType stored = storedType(cast<RankedTensorType>(type));
  return MemRefType::get(stored.getShape(), stored.getElementType());
}

/// Converts element by element, by a cast op of arith.
template <typename CastOp>
static Value castElements(OpBuilder &builder, Location loc, Value value, RankedTensorType type) {
  AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
  return nn::buildMap(builder, loc, type, value, identity,
                      [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
                        return CastOp::create(b, type.getElementType(), args[0]);
                      });
}

/// The row-major index of the element of `type` that the surrounding linalg.generic computes.
static Value emitLinearIndex(ImplicitLocOpBuilder &b, RankedTensorType type) {
  Value linear = arith::ConstantIndexOp::create(b, 0);
  for (auto [axis, extent] : llvm::enumerate(type.getShape())) {
    Value index = linalg::IndexOp::create(b, axis);
    Value stride = arith::ConstantIndexOp::create(b, extent);
    linear = arith::AddIOp::create(b, arith::MulIOp::create(b, linear, stride), index);
  }
  return arith::IndexCastOp::create(b, b.getI64Type(), linear);
}

static Value lowerElementwise(nn::ElementwiseOpInterface op, OpBuilder &builder,
                              ValueRange operands) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<AffineMap> maps;
  for (Value operand : operands) {
    int64_t rank = cast<RankedTensorType>(operand.getType()).getRank();
    maps.push_back(rank == type.getRank()
                       ? builder.getMultiDimIdentityMap(rank)
                       : AffineMap::get(type.getRank(), 0, builder.getContext()));
  }
  return nn::buildMap(builder, op.getLoc(), type, operands, maps,
                      [&](ImplicitLocOpBuilder &b, ValueRange args) {
                        Value linear = op.usesIndex() ? emitLinearIndex(b, type) : Value();
                        return op.emitScalar(b, args.take_front(operands.size()), linear);
                      });
}

/// Replaces decomposable ops by their row programs until none is left.
static LogicalResult decomposeAll(Block &block) {
  for (Operation *op = &block.front(); op;) {
    auto decomposable = dyn_cast<nn::Decomposable>(op);
    if (!decomposable || isa<nn::LinalgLowering>(op)) {
      op = op->getNextNode();
      continue;
    }
    Operation *previous = op->getPrevNode();
    OpBuilder builder(op);
    SmallVector<Value> results;
    if (failed(decomposable.decompose(builder, results))) {
      return op->emitOpError("cannot be decomposed");
    }
    op->replaceAllUsesWith(results);
    op->erase();
    op = previous ? previous->getNextNode() : &block.front();
  }
  return success();
}

/// Lowers one op; appends its results.
static LogicalResult lowerOp(Operation &op, OpBuilder &builder, ValueRange operands,
                             SmallVectorImpl<Value> &results) {
  if (auto constant = dyn_cast<nn::ConstantOp>(op)) {
    auto value = cast<TypedAttr>(constant.getValue());
    results.push_back(arith::ConstantOp::create(builder, op.getLoc(), value));
    return success();
  }
  if (auto elementwise = dyn_cast<nn::ElementwiseOpInterface>(op)) {
    results.push_back(lowerElementwise(elementwise, builder, operands));
    return success();
  }
  if (auto lowering = dyn_cast<nn::LinalgLowering>(op)) {
    return lowering.lowerToLinalg(builder, operands, results);
  }
  return op.emitOpError("has no lowering to machine code");
}

/// Fills the body of `function` with linalg on tensors.
static LogicalResult lowerBody(Block &body, func::FuncOp function) {
  OpBuilder builder = OpBuilder::atBlockEnd(function.addEntryBlock());
  Location loc = function.getLoc();
  IRMapping mapping;
  for (BlockArgument argument : body.getArguments()) {
    auto type = cast<RankedTensorType>(argument.getType());
    Value buffer = function.getArgument(argument.getArgNumber());
    Value tensor = bufferization::ToTensorOp::create(builder, loc, storedType(type), buffer,
                                                     /*restrict=*/true);
    mapping.map(argument, storedType(type) == type
                              ? tensor
                              : castElements<arith::TruncIOp>(builder, loc, tensor, type));
  }
  for (Operation &op : body.without_terminator()) {
    SmallVector<Value> operands, results;
    for (Value operand : op.getOperands()) {
      operands.push_back(mapping.lookup(operand));
    }
    if (failed(lowerOp(op, builder, operands, results))) {
      return failure();
    }
    mapping.map(op.getResults(), results);
  }
  unsigned argument = body.getNumArguments();
  for (Value yielded : body.getTerminator()->getOperands()) {
    auto type = cast<RankedTensorType>(yielded.getType());
    Value tensor = mapping.lookup(yielded);
    if (storedType(type) != type) {
      tensor = castElements<arith::ExtUIOp>(builder, loc, tensor, storedType(type));
    }
    auto store = bufferization::MaterializeInDestinationOp::create(
        builder, loc, tensor, function.getArgument(argument++));
    store.setWritable(true);
    store.setRestrict(true);
  }
  func::ReturnOp::create(builder, loc);
  return success();
}

//===-- Buffers -----------------------------------------------------------------------------===//

/// The number of the last op of the function's block that uses the buffer or a view of it.
static int64_t lastUse(Value buffer, Block &block, const DenseMap<Operation *, int64_t> &number) {
  int64_t last = 0;
  for (Operation *user : buffer.getUsers()) {
    last = std::max(last, number.lookup(block.findAncestorOpInBlock(*user)));
    for (Value result : user->getResults()) {
      if (isa<MemRefType>(result.getType())) {
        last = std::max(last, lastUse(result, block, number));
      }
    }
  }
  return last;
}

FailureOr<int64_t> mome::placeAllocations(func::FuncOp function) {
  Block &block = function.getBody().front();
  DenseMap<Operation *, int64_t> number;
  for (auto [index, op] : llvm::enumerate(block)) {
    number[&op] = index;
  }
  SmallVector<memref::AllocOp> allocations;
  SmallVector<Lifetime> lives;
  function.walk([&](memref::AllocOp op) { allocations.push_back(op); });
  for (memref::AllocOp op : allocations) {
    if (op->getBlock() != &block || !op.getType().hasStaticShape()) {
      return op.emitOpError("the reference lowering allocates at its top only");
    }
    int64_t width = op.getType().getElementType().isIndex()
                        ? 8
                        : llvm::divideCeil(op.getType().getElementTypeBitWidth(), 8);
    lives.push_back(
        {number[op], lastUse(op, block, number), op.getType().getNumElements() * width});
  }
  Packing packing = packArena(lives, 64);
  // Lives were numbered with the ends included: buffers of one op never share bytes.
  int64_t size = std::max<int64_t>(packing.peak, 64);
  unsigned position = function.getNumArguments();
  Type scratchType = MemRefType::get({size}, IntegerType::get(function.getContext(), 8));
  if (failed(function.insertArgument(position, scratchType, {}, function.getLoc()))) {
    return failure();
  }
  Value scratch = function.getArgument(position);
  for (auto [op, offset] : llvm::zip_equal(allocations, packing.offsets)) {
    OpBuilder builder(op);
    Value shift = arith::ConstantIndexOp::create(builder, op.getLoc(), offset);
    auto view =
        memref::ViewOp::create(builder, op.getLoc(), op.getType(), scratch, shift, ValueRange());
    op->replaceAllUsesWith(view);
    op.erase();
  }
  return packing.peak;
}

/// Linalg on tensors to linalg on buffers.
static LogicalResult bufferize(ModuleOp module) {
  bufferization::OneShotBufferizationOptions options;
  options.bufferAlignment = 64;
  bufferization::BufferizationState state;
  if (failed(bufferization::runOneShotBufferize(module, options, state))) {
    return failure();
  }
  // Copies become loops like everything else: generated code calls nothing.
  module.walk([](memref::CopyOp copy) {
    OpBuilder builder(copy);
    linalg::CopyOp::create(builder, copy.getLoc(), copy.getSource(), copy.getTarget());
    copy.erase();
  });
  return success();
}

static LogicalResult fuseElementwise(ModuleOp module) {
  PassManager manager(module.getContext(), ModuleOp::getOperationName(),
                      PassManager::Nesting::Implicit);
  manager.addPass(createLinalgElementwiseOpFusionPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  return manager.run(module);
}

FailureOr<LinalgKernel> mome::emitLinalgKernel(nn::KernelOp kernel, bool fuse) {
  LinalgKernel result{ModuleOp::create(kernel.getLoc()), nullptr};
  OpBuilder builder = OpBuilder::atBlockEnd(result.module->getBody());
  OwningOpRef<nn::KernelOp> copy = cast<nn::KernelOp>(kernel->clone());
  Block &body = copy->getBody().front();
  SmallVector<Type> types;
  for (Type type : body.getArgumentTypes()) {
    types.push_back(bufferType(type));
  }
  for (Type type : body.getTerminator()->getOperandTypes()) {
    types.push_back(bufferType(type));
  }
  result.function = func::FuncOp::create(builder, kernel.getLoc(), kernel.getSymName(),
                                         builder.getFunctionType(types, {}));
  if (failed(decomposeAll(body)) || failed(lowerBody(body, result.function)) ||
      (fuse && failed(fuseElementwise(*result.module))) || failed(bufferize(*result.module))) {
    return failure();
  }
  return std::move(result);
}

void mome::moveGlobals(ModuleOp from, StringRef kernel, OpBuilder &builder) {
  SymbolTable symbols(from);
  int64_t count = 0;
  for (auto global : llvm::make_early_inc_range(from.getOps<memref::GlobalOp>())) {
    (void)symbols.rename(global, (kernel + ".const" + Twine(count++)).str());
    global->moveBefore(builder.getInsertionBlock(), builder.getInsertionPoint());
  }
}
