// Matrix products in f32, with an elementwise epilogue.
//
//   each block: one tile of the result, over a range of k
//     for each 16 k:  wait for the copies of A's and B's tiles;  barrier;
//                     start the copies of the tiles two steps ahead;
//                     every thread: acc += fragment of A x fragment of B
//     acc -> shared memory -> epilogue on rows of it, four neighbours per thread
//
// Tiles move by cp.async through a ring of three stages. Products of few tiles and long sums (weight
// gradients) are cut along k: blocks then store partial sums, which a second launch adds in order and
// gives to the epilogue. Each sum runs in the order of k, in fused multiply-adds.
#include "passes/cuda/Families.h"
#include "passes/cuda/SharedTile.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

/// k per tile, and tiles under way.
static constexpr int64_t tileDepth = 16, stages = 3;
/// Threads along the columns of a tile: half a warp, so that a warp has two rows of threads.
static constexpr int64_t columnThreads = 16;
/// Blocks that fill an A100: two per multiprocessor.
static constexpr int64_t wantedBlocks = 216;
/// A part of a sum is worth a block of its own from here on.
static constexpr int64_t leastDepth = 128;
/// Threads per block of the second launch.
static constexpr int64_t sumThreads = 256;

namespace {

/// How the work is cut.
struct Plan {
  int64_t rows, columns; // of a tile
  int64_t threads;
  int64_t rowTiles, columnTiles; // of the result
  int64_t splits, splitDepth;    // of k; a depth is a multiple of tileDepth

  int64_t rowThreads() const { return threads / columnThreads; }
  int64_t blocks(int64_t batch) const { return batch * rowTiles * columnTiles * splits; }
};

class GemmKernel {
public:
  GemmKernel(LaunchBuilder &b, const IterationSpace &space, nn::ProductOpInterface op)
      : b(b), emitter(b, space, op), product(emitter.product), plan(makePlan(product)),
        rowTile(makeTile(emitter.A, plan.rows, plan.rowThreads())),
        columnTile(makeTile(emitter.B, plan.columns, columnThreads)) {}

  static Plan makePlan(const nn::Product &product);
  void emit();

private:
  SharedTile makeTile(const Matrix &matrix, int64_t lines, int64_t spread) {
    return SharedTile(b, lines, tileDepth, matrix.perK == 1, plan.threads, spread);
  }
  /// The accumulators of the thread: all k of the block's range.
  SmallVector<Value> emitProduct(const TileSource &rows, const TileSource &columns, Value firstK);
  void emitResults(ArrayRef<Value> acc);
  void storeStage(ArrayRef<Value> acc, int64_t firstFragmentRow);
  void emitStageRows(int64_t firstRow);
  void emitResult(Value acc, Value row, Value column);

  int64_t stageRows() const { return 4 * plan.rowThreads(); }
  /// Rows are padded so that the two rows of threads in a warp store to different banks.
  int64_t stageWidth() const { return plan.columns + columnThreads / rowTile.getLineStep(); }
  int64_t lanes() const { return b.getLanes(); }

  LaunchBuilder &b;
  ProductEmitter emitter;
  const nn::Product &product;
  Plan plan;
  SharedTile rowTile, columnTile;
  Value threadRow, threadColumn;
  Value batch, firstRow, firstColumn, split;
  Value tiles, stage, partials; // shared memory twice; scratch
};

} // namespace

Plan GemmKernel::makePlan(const nn::Product &product) {
  auto [lhs, rhs, bias, transposeLhs, transposeRhs, batch, m, n, k, batchAxes] = product;
  Plan plan;
  bool large =
      m >= 128 && n >= 128 && batch * ceilDiv(m, 128) * ceilDiv(n, 128) >= wantedBlocks / 2;
  plan.columns = large ? 128 : 64;
  plan.rows = large ? 128 : m > 32 ? 64 : m > 16 ? 32 : 16;
  plan.threads = large ? 256 : plan.rows * columnThreads / 4;
  plan.rowTiles = ceilDiv(m, plan.rows);
  plan.columnTiles = ceilDiv(n, plan.columns);
  int64_t tiles = batch * plan.rowTiles * plan.columnTiles;
  int64_t splits = std::clamp<int64_t>(std::min(wantedBlocks / tiles, k / leastDepth), 1, 32);
  plan.splitDepth = ceilDiv(ceilDiv(k, splits), tileDepth) * tileDepth;
  plan.splits = ceilDiv(k, plan.splitDepth);
  return plan;
}

SmallVector<Value> GemmKernel::emitProduct(const TileSource &rows, const TileSource &columns,
                                           Value firstK) {
  int64_t stageSize = rowTile.getSize() + columnTile.getSize();
  auto copy = [&](Value step, Value slot) {
    Value k = b.addIndex(firstK, b.mulIndex(step, tileDepth));
    rowTile.copyAsync(rows, firstRow, k, slot);
    columnTile.copyAsync(columns, firstColumn, k, b.addIndex(slot, rowTile.getSize()));
    b.commitCopies();
  };
  auto slotOf = [&](Value step) { return b.mulIndex(b.remIndex(step, stages), stageSize); };
  for (int64_t step = 0; step < stages - 1; ++step) {
    copy(b.index(step), b.index(step * stageSize));
  }
  int64_t count = rowTile.getFragmentLines() * columnTile.getFragmentLines();
  SmallVector<Value> zeros(count, arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f)));
  Value steps = b.index(plan.splitDepth / tileDepth);
  SmallVector<Value> acc =
      llvm::to_vector(b.reduceLoop(b.index(0), steps, 1, zeros, [&](Value step, ValueRange before) {
        b.waitForCopies(stages - 2);
        b.barrier(); // all copies of this step are there, and nobody reads the slot before it
        Value ahead = b.addIndex(step, stages - 1);
        copy(ahead, slotOf(ahead));
        Value slot = slotOf(step);
        return multiplyTiles(b, {rowTile, slot, threadRow},
                             {columnTile, b.addIndex(slot, rowTile.getSize()), threadColumn},
                             tileDepth, before);
      }));
  b.waitForCopies(0);
  b.barrier(); // the shared memory is free
  return acc;
}

//===-- From accumulators to results ----------------------------------------------------------===//

/// Four rows of every fragment go to shared memory.
void GemmKernel::storeStage(ArrayRef<Value> acc, int64_t firstFragmentRow) {
  int64_t width = columnTile.getFragmentLines();
  for (int64_t i = 0; i < 4; ++i) {
    Value row = b.mulIndex(rowTile.lineOf(i, threadRow), stageWidth());
    ArrayRef<Value> values = acc.slice((firstFragmentRow + i) * width, width);
    if (columnTile.getLineStep() == 1) {
      for (int64_t j = 0; j < width; ++j) {
        Value at = b.addIndex(row, columnTile.lineOf(j, threadColumn));
        memref::StoreOp::create(b, values[j], stage, at);
      }
      continue;
    }
    for (int64_t j = 0; j < width; j += 4) {
      Value at = b.addIndex(row, columnTile.lineOf(j, threadColumn));
      storeFour(b, values.slice(j, 4), stage, at);
    }
  }
}

void GemmKernel::emitResult(Value acc, Value row, Value column) {
  if (plan.splits == 1) {
    emitter.emitEpilogue(acc, batch, row, column);
    return;
  }
  Value line =
      b.addIndex(b.mulIndex(b.addIndex(b.mulIndex(split, product.batch), batch), product.m), row);
  Value at = b.addIndex(b.mulIndex(line, product.n), column);
  if (lanes() == 1) {
    memref::StoreOp::create(b, acc, partials, at);
  } else {
    vector::StoreOp::create(b, acc, partials, at);
  }
}

/// The threads take what lies in the stage row by row.
void GemmKernel::emitStageRows(int64_t rowOffset) {
  Value from = b.mulIndex(b.getThread(), lanes());
  Value end = b.index(stageRows() * plan.columns);
  b.loop(from, end, plan.threads * lanes(), [&](Value position) {
    Value stageRow = b.divIndex(position, plan.columns);
    Value stageColumn = b.remIndex(position, plan.columns);
    Value row = b.addIndex(b.addIndex(firstRow, rowOffset), stageRow);
    Value column = b.addIndex(firstColumn, stageColumn);
    Value exists = arith::AndIOp::create(b, b.isLess(row, b.index(product.m)),
                                         b.isLess(column, b.index(product.n)));
    b.ifThen(exists, [&] {
      Value at = b.addIndex(b.mulIndex(stageRow, stageWidth()), stageColumn);
      Value acc =
          lanes() == 1 ? memref::LoadOp::create(b, stage, at).getResult() : loadFour(b, stage, at);
      emitResult(acc, row, column);
    });
  });
}

void GemmKernel::emitResults(ArrayRef<Value> acc) {
  for (int64_t i = 0; i < rowTile.getFragmentLines(); i += 4) {
    if (i > 0) {
      b.barrier(); // the rows before have been read
    }
    storeStage(acc, i);
    b.barrier();
    emitStageRows(i * plan.rowThreads());
  }
}

void GemmKernel::emit() {
  tiles = b.shareMemory(0, stages * (rowTile.getSize() + columnTile.getSize()), b.getF32Type());
  stage = b.shareMemory(0, stageRows() * stageWidth(), b.getF32Type());
  rowTile.setBuffer(tiles);
  columnTile.setBuffer(tiles);
  if (plan.splits > 1) {
    partials =
        b.reserveScratch({plan.splits * product.batch * product.m * product.n}, b.getF32Type());
  }
  SmallVector<Value> place =
      b.delinearize(b.getBlock(), {plan.splits, product.batch, plan.rowTiles, plan.columnTiles});
  split = place[0];
  batch = place[1];
  firstRow = b.mulIndex(place[2], plan.rows);
  firstColumn = b.mulIndex(place[3], plan.columns);
  threadRow = b.divIndex(b.getThread(), columnThreads);
  threadColumn = b.remIndex(b.getThread(), columnThreads);
  Value firstK = b.mulIndex(split, plan.splitDepth);
  Value endK = b.minIndex(b.addIndex(firstK, plan.splitDepth), product.k);
  auto source = [&](const Matrix &matrix, int64_t lines) {
    Value origin = emitter.addressOf(matrix, batch, b.index(0));
    return TileSource{matrix, origin, lines, endK, chooseUnit(matrix, lines, product.k)};
  };
  emitResults(emitProduct(source(emitter.A, product.m), source(emitter.B, product.n), firstK));
}

/// Adds the partial sums of `splits` blocks, and runs the epilogue.
static int64_t emitSums(LaunchBuilder &b, const IterationSpace &space, nn::ProductOpInterface op,
                        int64_t splits) {
  ProductEmitter emitter(b, space, op);
  const nn::Product &product = emitter.product;
  int64_t size = product.batch * product.m * product.n, lanes = b.getLanes();
  Value partials = b.reserveScratch({splits * size}, b.getF32Type());
  Value number = b.addIndex(b.mulIndex(b.getBlock(), sumThreads), b.getThread());
  Value at = b.mulIndex(number, lanes);
  auto load = [&](Value split) -> Value {
    Value from = b.addIndex(b.mulIndex(split, size), at);
    if (lanes == 1) {
      return memref::LoadOp::create(b, partials, from);
    }
    return vector::LoadOp::create(b, b.vectorType(b.getF32Type()), partials, from);
  };
  b.ifThen(b.isLess(at, b.index(size)), [&] {
    Value acc = b.reduceLoop(b.index(1), b.index(splits), 1, load(b.index(0)),
                             [&](Value split, ValueRange before) {
                               return SmallVector<Value>{
                                   arith::AddFOp::create(b, before.front(), load(split))};
                             })
                    .front();
    SmallVector<Value> place = b.delinearize(at, {product.batch, product.m, product.n});
    emitter.emitEpilogue(acc, place[0], place[1], place[2]);
  });
  return ceilDiv(size, sumThreads * lanes);
}

DeviceKernel mome::cuda::emitGemm(nn::KernelOp kernel, OpBuilder &builder) {
  auto op = dyn_cast<nn::ProductOpInterface>(kernel.getRoot());
  if (!op) {
    return refuse("");
  }
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  if (!type.getElementType().isF32()) {
    return refuse("an element type other than f32");
  }
  IterationSpace space(type.getShape(), kernel.getContext());
  if (std::string reason = prepareProduct(kernel, space); !reason.empty()) {
    return refuse(reason);
  }
  nn::Product product = op.getProduct();
  int64_t columns = product.n == 1 ? product.m : product.n;
  int64_t lanes = columns % 4 == 0 ? 4 : 1;
  DeviceKernel result;
  LaunchBuilder b(kernel, 0, lanes, builder);
  ProductEmitter geometry(b, space, op); // with the operands exchanged if that is better
  Plan plan = GemmKernel::makePlan(geometry.product);
  GemmKernel(b, space, op).emit();
  b.finish(result, plan.blocks(product.batch), plan.threads);
  if (plan.splits > 1) {
    LaunchBuilder sums(kernel, 1, lanes, builder);
    int64_t blocks = emitSums(sums, space, op, plan.splits);
    sums.finish(result, blocks, sumThreads);
  }
  return result;
}
