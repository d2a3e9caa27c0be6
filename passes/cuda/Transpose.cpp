// Transposes that read across the result's last axis, and elementwise ops on what comes out: a block
// moves a tile of 64 x 64 through shared memory, so that it reads and writes whole sectors.
//
//   nn.kernel @k { (%x: tensor<96x128xf32>)  y = nn.transpose %x permutation [1, 0] }
//   ->  thread:  four neighbours of a row of x -> tile[column of x][row of x]
//       barrier
//       thread:  four neighbours of a row of the tile -> y
//
// Rows of the tile are swizzled in units of four: the columns that a warp writes (8 x 4 elements of
// rows four apart, and four neighbours in each) and the units that it reads touch every bank once.
#include "passes/BodyEmitter.h"
#include "passes/cuda/Families.h"
#include "passes/cuda/SharedTile.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

static constexpr int64_t threads = 256, lanes = 4, bankUnits = 8;
/// Of a tile; and its units of `lanes`.
static constexpr int64_t extent = 64, units = extent / lanes;

namespace {

class TransposeKernel {
public:
  TransposeKernel(LaunchBuilder &b, nn::TransposeOp op, const IterationSpace &space,
                  unsigned across)
      : b(b), op(op), space(space), across(across), last(space.getNumLoops() - 1) {}

  /// The number of blocks.
  int64_t emit();

private:
  /// Calls with each of the thread's units of a tile: the first of its elements along one side, and
  /// their place on the other. Eight neighbouring threads have units of one row, 32 four rows.
  void forEachUnit(llvm::function_ref<void(Value minor, Value major)> body);
  /// The point (row, column) of the tile, if it is one of the result's.
  void ifExists(Value row, Value column, llvm::function_ref<void(Point)> body);
  Value placeOf(Value row, Value column);
  void load(Value row, Value column);
  void store(Value row, Value column);

  LaunchBuilder &b;
  nn::TransposeOp op;
  const IterationSpace &space;
  unsigned across,
      last; // loops: what neighbours in memory of the operand and of the result differ in
  SmallVector<Value> origin; // of the tile: an index per loop
  Value tile;
};

} // namespace

/// Where the operand's elements lie, over the axes of the result.
static AffineExpr addressIn(nn::TransposeOp op) {
  SmallVector<AffineExpr> index(op.getPermutation().size());
  for (auto [axis, from] : llvm::enumerate(op.getPermutation())) {
    index[from] = getAffineDimExpr(axis, op->getContext());
  }
  return linearize(AffineMap::get(index.size(), 0, index, op->getContext()),
                   op.getOperand().getType().getShape());
}

void TransposeKernel::forEachUnit(llvm::function_ref<void(Value, Value)> body) {
  Value eighth = b.remIndex(b.getThread(), bankUnits), line = b.divIndex(b.getThread(), bankUnits);
  constexpr int64_t lines = threads / bankUnits;
  for (int64_t half = 0; half < units; half += bankUnits) {
    for (int64_t first = 0; first < extent; first += lines) {
      body(b.mulIndex(b.addIndex(eighth, half), lanes), b.addIndex(line, first));
    }
  }
}

void TransposeKernel::ifExists(Value row, Value column, llvm::function_ref<void(Point)> body) {
  Point point{origin, std::nullopt, nullptr};
  Value exists;
  for (auto [loop, offset] : {std::pair(across, row), std::pair(last, column)}) {
    point.loops[loop] = b.addIndex(origin[loop], offset);
    int64_t end = space.getLoopExtents()[loop];
    if (end % extent != 0) {
      Value isInside = b.isLess(point.loops[loop], b.index(end));
      exists = exists ? arith::AndIOp::create(b, exists, isInside) : isInside;
    }
  }
  exists ? b.ifThen(exists, [&] { body(point); }) : body(point);
}

Value TransposeKernel::placeOf(Value row, Value column) {
  Value turn = b.mulIndex(b.remIndex(b.divIndex(row, lanes), bankUnits), lanes);
  return b.addIndex(b.mulIndex(row, extent), arith::XOrIOp::create(b, column, turn));
}

/// Four neighbours of the operand: a column of the tile from `row` on.
void TransposeKernel::load(Value row, Value column) {
  ifExists(row, column, [&](const Point &point) {
    BodyEmitter emitter(b, space);
    Value at = emitter.evaluate(addressIn(op), point);
    Value values = loadNeighbours(b, b.getOperandBuffer(op.getOperand()), at, lanes);
    values = emitter.toRegister(values, op.getOperand().getType().getElementType());
    for (int64_t lane = 0; lane < lanes; ++lane) {
      Value element = vector::ExtractOp::create(b, values, lane);
      memref::StoreOp::create(b, element, tile, placeOf(b.addIndex(row, lane), column));
    }
  });
}

/// Four neighbours of each result.
void TransposeKernel::store(Value row, Value column) {
  ifExists(row, column, [&](Point point) {
    point.vectorLoop = last;
    point.isAligned = true;
    BodyEmitter emitter(b, space);
    emitter.bind(op.getResult(), space.getIdentityView(), loadFour(b, tile, placeOf(row, column)));
    emitter.emitResults(point);
  });
}

int64_t TransposeKernel::emit() {
  SmallVector<int64_t> blocks(space.getLoopExtents());
  for (unsigned loop : {across, last}) {
    blocks[loop] = ceilDiv(blocks[loop], extent);
  }
  origin = b.delinearize(b.getBlock(), blocks);
  for (unsigned loop : {across, last}) {
    origin[loop] = b.mulIndex(origin[loop], extent);
  }
  tile = b.shareMemory(0, extent * extent, b.getF32Type());
  forEachUnit([&](Value row, Value column) { load(row, column); });
  b.barrier();
  forEachUnit([&](Value column, Value row) { store(row, column); });
  return ShapedType::getNumElements(blocks);
}

/// The kernel's transpose of an operand, if all else is elementwise; else null.
static nn::TransposeOp findTranspose(nn::KernelOp kernel) {
  nn::TransposeOp found;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    auto transpose = dyn_cast<nn::TransposeOp>(op);
    bool isOperands = transpose && !found && isa<BlockArgument>(transpose.getOperand());
    if (!isOperands && !isa<nn::ElementwiseOpInterface>(op)) {
      return {};
    }
    found = isOperands ? transpose : found;
  }
  return found;
}

/// The loop along which the operand's elements are neighbours, if whole units of it lie side by side.
static std::optional<unsigned> findAcross(nn::TransposeOp op, const IterationSpace &space) {
  auto strides = getCoefficients(space.toLoops(addressIn(op)), space.getNumLoops());
  ArrayRef<int64_t> extents = space.getLoopExtents();
  unsigned across = llvm::find(*strides, 1) - strides->begin();
  if (across + 1 >= extents.size()) { // it is the last one
    return std::nullopt;
  }
  bool areWhole = extents[across] % lanes == 0 && extents.back() % lanes == 0;
  // Of a small extent most of a tile would be missing.
  bool areLong = std::min(extents[across], extents.back()) >= extent / 2;
  return areWhole && areLong ? std::optional(across) : std::nullopt;
}

DeviceKernel mome::cuda::emitTranspose(nn::KernelOp kernel, OpBuilder &builder) {
  nn::TransposeOp op = findTranspose(kernel);
  if (!op || !(op.getType().getElementType().isF32() || op.getType().getElementType().isBF16())) {
    return refuse("");
  }
  IterationSpace space(op.getType().getShape(), kernel.getContext());
  Trace trace;
  if (!prepareElementwise(kernel, space, trace).empty()) {
    return refuse("");
  }
  std::optional<unsigned> across = findAcross(op, space);
  if (!across) {
    return refuse(""); // elementwise: a thread reads neighbours, or not much
  }
  DeviceKernel result;
  LaunchBuilder b(kernel, 0, lanes, builder);
  int64_t blocks = TransposeKernel(b, op, space, *across).emit();
  b.finish(result, blocks, threads);
  return result;
}
