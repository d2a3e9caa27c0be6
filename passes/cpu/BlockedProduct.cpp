// Products whose A is stored [k][rows] (weight gradients: dW = dY^T X): reading it in place touches
// one cache line per k and row block, each in another page. So blocks of both operands are packed,
// k in blocks too, and the result of a chunk accumulates in scratch:
//
//   for each chunk (rows x columns):  C = 0
//     for each block of k:  pack A as [row block][k][tile rows], pack B as [panel][k][tile columns]
//       for each panel, for each row block:  C tile += product of a register tile
//     for each row, for each vector of columns:  epilogue
//
// A panel of B stays in the first-level cache, the blocks of A in the second. Packing copies rows +
// columns elements per k against rows * columns multiply-adds. Rows and columns behind the matrix
// are zeros.
#include "passes/cpu/ProductKernel.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

namespace {

class BlockedProduct : public ProductKernel {
public:
  BlockedProduct(KernelBuilder &builder, const IterationSpace &space, nn::ProductOpInterface op);
  int64_t emit();

private:
  void emitChunk(Value chunk);
  /// Copies `blocks` blocks of `width` lines each from line `first` on, for `depth` k from `k` on.
  void pack(const Matrix &matrix, Value batch, Value first, int64_t lineCount, int64_t blocks,
            int64_t width, Value k, Value depth, Value to);
  /// One block for k of [fromK, endK): `base` is its first line at k 0, `target` its place in `to`.
  void packBlock(const Matrix &matrix, Value base, Value linesLeft, int64_t width, Value fromK,
                 Value endK, Value to, Value target);
  /// Elements from a packed block to the next; a vector more than it holds.
  int64_t blockSize(int64_t width) const { return depth * width + b.getLanes(); }
  void emitTiles(Value depth);
  void emitRow(Value batch, Value row, Value localRow, Value firstColumn, Value isLastGroup);

  Tile tile;
  int64_t tileColumns;
  int64_t rowBlocks, panels; // per chunk
  int64_t rowGroups, columnGroups;
  int64_t depth; // k per block
  Value packedA, packedB, accumulators;
};

} // namespace

/// k per block: a panel of B of this depth takes half of a 32 KiB first-level cache (16 columns).
static constexpr int64_t blockDepth = 256;

/// k copied for all blocks before the next ones: as many as the first-level cache has ways.
static constexpr int64_t kPerPass = 8;

bool mome::cpu::prefersBlocks(const Target &target, const nn::Product &product) {
  return product.transposeLhs && !product.transposeRhs && product.n >= target.lanes &&
         product.m >= 2 * target.tileRows && product.k >= 64;
}

BlockedProduct::BlockedProduct(KernelBuilder &builder, const IterationSpace &space,
                               nn::ProductOpInterface op)
    : ProductKernel(builder, space, op) {
  const Target &target = b.getTarget();
  tile = {target.tileRows, target.tileVectors};
  tileColumns = tile.vectors * lanes();
  depth = std::min(blockDepth, product.k);
  // Chunks of up to 192 x 96, smaller where that makes too few of them.
  int64_t wanted = wantedChunks();
  panels = std::clamp<int64_t>(96 / tileColumns, 1, ceilDiv(product.n, tileColumns));
  columnGroups = ceilDiv(product.n, panels * tileColumns);
  int64_t allRowBlocks = ceilDiv(product.m, tile.rows);
  int64_t groups = std::max(ceilDiv(product.m, 192), ceilDiv(wanted, columnGroups));
  rowBlocks = std::max(ceilDiv(allRowBlocks, groups), std::min<int64_t>(4, allRowBlocks));
  rowGroups = ceilDiv(allRowBlocks, rowBlocks);
}

void BlockedProduct::pack(const Matrix &matrix, Value batch, Value first, int64_t lineCount,
                          int64_t blocks, int64_t width, Value k, Value depth, Value to) {
  // A few k for all blocks, then the next: rows of the matrix are often a multiple of a page apart,
  // so that more of them would share sets of the first-level cache.
  b.loop(b.index(0), depth, kPerPass, [&](Value from) {
    Value end = b.createOrFold<arith::MinSIOp>(b.addIndex(from, kPerPass), depth);
    b.loop(b.index(0), b.index(blocks), 1, [&](Value block) {
      Value line = b.addIndex(first, b.mulIndex(block, width));
      Value base = b.addIndex(addressOf(matrix, batch, line), b.mulIndex(k, matrix.perK));
      Value target = b.mulIndex(block, blockSize(width));
      packBlock(matrix, base, b.createOrFold<arith::SubIOp>(b.index(lineCount), line), width, from,
                end, to, target);
    });
  });
}

void BlockedProduct::packBlock(const Matrix &matrix, Value base, Value linesLeft, int64_t width,
                               Value fromK, Value endK, Value to, Value target) {
  auto copy = [&](function_ref<Value(Value, int64_t)> load) {
    b.loop(fromK, endK, 1, [&](Value k) {
      Value from = b.addIndex(base, b.mulIndex(k, matrix.perK));
      Value place = b.addIndex(target, b.mulIndex(k, width));
      for (int64_t v = 0; v < width; v += lanes()) {
        // A vector may reach behind a narrow block: the next k overwrites that, or it falls
        // into the space between blocks.
        emitStore(b, load(b.addIndex(from, v), v), to, b.addIndex(place, v));
      }
    });
  };
  int64_t reach = ceilDiv(width, lanes()) * lanes();
  Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, linesLeft, b.index(reach));
  auto branch = scf::IfOp::create(b, inside, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  copy([&](Value from, int64_t) { return emitLoad(b, matrix.buffer, from); });
  b.setInsertionPointToStart(branch.elseBlock());
  SmallVector<Value> masks;
  for (int64_t v = 0; v < width; v += lanes()) {
    Value left = b.createOrFold<arith::SubIOp>(linesLeft, b.index(v));
    masks.push_back(vector::CreateMaskOp::create(b, b.vectorType(b.getI1Type()), ValueRange{left}));
  }
  copy([&](Value from, int64_t v) { return emitLoad(b, matrix.buffer, from, masks[v / lanes()]); });
}

/// Adds the products of all tiles of the chunk.
void BlockedProduct::emitTiles(Value depth) {
  int64_t stride = panels * tileColumns;
  b.loop(b.index(0), b.index(panels), 1, [&](Value panel) {
    b.loop(b.index(0), b.index(rowBlocks), 1, [&](Value block) {
      Value fromA = b.mulIndex(block, blockSize(tile.rows));
      Value fromB = b.mulIndex(panel, blockSize(tileColumns));
      SmallVector<Value> acc = emitProduct(
          b, tile, depth,
          [&](Value k, int64_t i) -> Value {
            Value at = b.addIndex(fromA, b.mulIndex(k, tile.rows));
            return memref::LoadOp::create(b, packedA, b.addIndex(at, i));
          },
          [&](Value k, int64_t v) {
            Value at = b.addIndex(fromB, b.mulIndex(k, tileColumns));
            return emitLoad(b, packedB, b.addIndex(at, v * lanes()));
          });
      Value corner =
          b.addIndex(b.mulIndex(block, tile.rows * stride), b.mulIndex(panel, tileColumns));
      for (int64_t i = 0; i < tile.rows; ++i) {
        for (int64_t v = 0; v < tile.vectors; ++v) {
          Value at = b.addIndex(corner, i * stride + v * lanes());
          Value sum =
              arith::AddFOp::create(b, emitLoad(b, accumulators, at), acc[i * tile.vectors + v]);
          emitStore(b, sum, accumulators, at);
        }
      }
    });
  });
}

void BlockedProduct::emitRow(Value batch, Value row, Value localRow, Value firstColumn,
                             Value isLastGroup) {
  int64_t width = panels * tileColumns;
  Value from = b.mulIndex(localRow, width);
  auto emitColumns = [&](int64_t columns) {
    int64_t whole = columns / lanes() * lanes();
    b.loop(b.index(0), b.index(whole), lanes(), [&](Value j) {
      Value acc = emitLoad(b, accumulators, b.addIndex(from, j));
      emitEpilogue(acc, batch, row, b.addIndex(firstColumn, j), nullptr);
    });
    if (whole < columns) {
      Value acc = emitLoad(b, accumulators, b.addIndex(from, whole));
      emitEpilogue(acc, batch, row, b.addIndex(firstColumn, whole), b.laneMask(columns - whole));
    }
  };
  int64_t rest = product.n - (columnGroups - 1) * width;
  if (rest == width) {
    return emitColumns(width);
  }
  auto branch = scf::IfOp::create(b, isLastGroup, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  emitColumns(rest);
  if (columnGroups > 1) {
    b.setInsertionPointToStart(branch.elseBlock());
    emitColumns(width);
  }
}

void BlockedProduct::emitChunk(Value chunk) {
  SmallVector<Value> place = b.delinearize(chunk, {product.batch, rowGroups, columnGroups});
  Value batch = place[0];
  Value firstRow = b.mulIndex(place[1], rowBlocks * tile.rows);
  Value firstColumn = b.mulIndex(place[2], panels * tileColumns);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(b.vectorType(b.getF32Type())));
  b.loop(b.index(0), b.index(rowBlocks * tile.rows * panels * tileColumns), lanes(),
         [&](Value at) { emitStore(b, zero, accumulators, at); });
  b.loop(b.index(0), b.index(product.k), depth, [&](Value k) {
    Value left = b.createOrFold<arith::SubIOp>(b.index(product.k), k);
    Value count = product.k % depth ? b.minIndex(left, depth) : b.index(depth);
    pack(A, batch, firstRow, product.m, rowBlocks, tile.rows, k, count, packedA);
    pack(B, batch, firstColumn, product.n, panels, tileColumns, k, count, packedB);
    emitTiles(count);
  });
  Value isLastGroup =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, place[2], b.index(columnGroups - 1));
  Value end = b.minIndex(b.addIndex(firstRow, rowBlocks * tile.rows), product.m);
  b.loop(firstRow, end, 1, [&](Value row) {
    Value localRow = b.createOrFold<arith::SubIOp>(row, firstRow);
    emitRow(batch, row, localRow, firstColumn, isLastGroup);
  });
}

int64_t BlockedProduct::emit() {
  Type f32 = b.getF32Type();
  packedA = b.reserveScratch({rowBlocks * blockSize(tile.rows)}, f32);
  packedB = b.reserveScratch({panels * blockSize(tileColumns)}, f32);
  accumulators = b.reserveScratch({rowBlocks * tile.rows * panels * tileColumns}, f32);
  b.loop(b.getLo(), b.getHi(), 1, [&](Value chunk) { emitChunk(chunk); });
  return product.batch * rowGroups * columnGroups;
}

int64_t mome::cpu::emitBlockedProduct(KernelBuilder &b, const IterationSpace &space,
                                      nn::ProductOpInterface op) {
  return BlockedProduct(b, space, op).emit();
}
