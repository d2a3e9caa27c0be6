// Large products by blocks of all three extents. B is packed first, once for all chunks; each chunk
// keeps its sums in scratch until its last block of k.
//
//   packs:  B as [panel][k][tile columns]
//   chunks (rows x columns):
//     for each block of k:  pack A as [row block][tile rows x k], if it cannot be read where it lies
//       for each panel, for each row block:
//         tile of sums += product of a register tile;  after the last k: epilogue
//
// A block of a panel stays in the first-level cache, the rows of A stream from the second, and the
// sums of a tile lie side by side. Small products have no packs: each chunk packs its block of B.
// Where a processor multiplies pairs of bf16, blocks hold pairs, and k counts them. A sum beside the product,
// over the k of A, is taken from the packed rows by the chunks of the first columns.
#include "passes/cpu/BlockPacker.h"
#include "passes/cpu/PairDot.h"
#include "passes/cpu/ProductKernel.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

namespace {

/// How the work is cut.
struct Plan {
  Tile tile;
  bool pairs;     // of bf16 are multiplied: k counts pairs
  int64_t extent; // k in all
  int64_t tileColumns, allPanels;
  int64_t rowBlocks, panels; // per chunk
  int64_t rowGroups, columnGroups;
  int64_t depth;   // k per block
  bool packsFirst; // B, for all chunks
  bool packsRows;  // A; else it is read where it lies
  int64_t panelsPerPack;
};

/// A block of k, and where its chunk lies.
struct Step {
  Value batch, firstRow, firstColumn;
  Value k, count;
};

class BlockedProduct : public ProductKernel {
public:
  BlockedProduct(KernelBuilder &builder, const IterationSpace &space, nn::ProductOpInterface op);
  int64_t emit();

private:
  using Sink = function_ref<void(Value panel, Value block, ArrayRef<Value> acc)>;
  int64_t emitPacks();
  void emitChunk(Value chunk);
  /// Packs what the step needs, and gives `sink` the products of each tile of the chunk.
  void emitStep(const Step &step, Sink sink);
  /// Adds the packed rows' elements of the step to the sum beside the product.
  void sumRows(const Step &step);
  void sumBlock(const Step &step, Value block);
  SmallVector<Value> emitTile(const Step &step, Value columns, Value block);
  /// Where the sums of a tile begin: [panel][row block][row][column].
  Value tileOf(Value panel, Value block);
  void addSums(Value panel, Value block, MutableArrayRef<Value> acc, Value isFirst);
  void finishTile(const Step &step, Value panel, Value block, ArrayRef<Value> acc);

  Plan plan;
  BlockPacker packedA, packedB;
  Value sums;
};

} // namespace

/// k per block; up to `wholeDepth`, sums in scratch cost more than they save. These numbers, and those
/// of planOf, are the best of a search (`mome-check-kernels bench/gemm.mlir --bench --cold`): panels
/// come from the second-level cache as fast as from the first, so blocks are deep and chunks small
/// enough that rows and sums stay there too, also when neighbours take half.
static constexpr int64_t blockDepth = 784, wholeDepth = 1024;
/// The packs of a product, about; and panels of one at most: a page of each row of B.
static constexpr int64_t wantedPacks = 16, mostPanelsPerPack = 64;

bool mome::cpu::prefersBlocks(const Target &target, const nn::Product &product) {
  if (product.n < target.lanes || product.k < 64) {
    return false;
  }
  bool strided = product.transposeLhs && !product.transposeRhs; // A cannot be read in place
  return strided ? product.m >= 2 * target.tileRows
                 : product.m >= 96 && product.n >= 64 && product.k >= 128 && product.batch == 1;
}

static Plan planOf(const Target &target, const nn::Product &product, bool pairs, int64_t wanted) {
  Plan plan;
  plan.tile = {target.tileRows, target.tileVectors};
  plan.pairs = pairs;
  plan.extent = pairs ? product.k / 2 : product.k;
  plan.tileColumns = target.tileColumns();
  plan.allPanels = ceilDiv(product.n, plan.tileColumns);
  plan.packsRows =
      product.transposeLhs || cast<ShapedType>(product.lhs.getType()).getElementType().isBF16();
  plan.packsFirst =
      product.batch == 1 && product.m >= 96 && double(product.m) * product.n * product.k >= 4e6;
  int64_t depths =
      !product.transposeLhs && plan.extent <= wholeDepth ? 1 : ceilDiv(plan.extent, blockDepth);
  plan.depth = ceilDiv(ceilDiv(plan.extent, depths), target.lanes) * target.lanes;
  plan.panelsPerPack = std::min(ceilDiv(plan.allPanels, wantedPacks), mostPanelsPerPack);
  // Packing A pays by many columns, packing B in each chunk by many rows.
  int64_t mostColumns = !plan.packsFirst ? 96 : plan.packsRows || depths == 1 ? 768 : 384;
  int64_t mostRows = plan.packsFirst ? 24 : 192, fewestBlocks = 4;
  plan.panels = ceilDiv(plan.allPanels, ceilDiv(product.n, mostColumns));
  plan.columnGroups = ceilDiv(plan.allPanels, plan.panels);
  int64_t allRowBlocks = ceilDiv(product.m, plan.tile.rows);
  int64_t groups = std::max(ceilDiv(product.m, mostRows), ceilDiv(wanted, plan.columnGroups));
  plan.rowBlocks = std::max(ceilDiv(allRowBlocks, groups), std::min(fewestBlocks, allRowBlocks));
  plan.rowGroups = ceilDiv(allRowBlocks, plan.rowBlocks);
  return plan;
}

BlockedProduct::BlockedProduct(KernelBuilder &builder, const IterationSpace &space,
                               nn::ProductOpInterface op)
    : ProductKernel(builder, space, op),
      plan(planOf(b.getTarget(), product,
                  multipliesPairs(b.getTarget(), A.buffer, B.buffer, product.k), wantedChunks())),
      packedA(b, A, product.m, plan.tile.rows, plan.depth, BlockPacker::Reads::elements,
              plan.pairs),
      packedB(b, B, product.n, plan.tileColumns, plan.packsFirst ? plan.extent : plan.depth,
              BlockPacker::Reads::vectors, plan.pairs) {}

int64_t BlockedProduct::emitPacks() {
  int64_t packs = ceilDiv(plan.allPanels, plan.panelsPerPack);
  packedB.setBuffer(b.shareMemory(packedB.sizeOf(packs * plan.panelsPerPack), packs));
  b.loop(b.getLo(), b.minIndex(b.getHi(), packs), 1, [&](Value pack) {
    Value panel = b.mulIndex(pack, plan.panelsPerPack);
    Value column = b.mulIndex(panel, plan.tileColumns);
    packedB.emit({b.index(0), column, b.index(0), b.index(plan.extent)}, panel, plan.panelsPerPack);
  });
  return packs;
}

//===-- Tiles ---------------------------------------------------------------------------------===//

SmallVector<Value> BlockedProduct::emitTile(const Step &step, Value columns, Value block) {
  Value lines = packedA.startOf(block, b.index(0));
  SmallVector<Value> inPlace;
  for (int64_t i = 0; i < plan.tile.rows && !plan.packsRows; ++i) {
    Value row = b.addIndex(step.firstRow, b.addIndex(b.mulIndex(block, plan.tile.rows), i));
    Value line = addressOf(A, step.batch, b.minIndex(row, product.m - 1));
    inPlace.push_back(b.addIndex(line, step.k));
  }
  return emitProduct(
      b, plan.tile, step.count,
      [&](Value k, int64_t i) {
        return plan.packsRows ? packedA.loadElement(lines, k, i)
                              : emitScalarLoad(b, A.buffer, b.addIndex(inPlace[i], k));
      },
      [&](Value k, int64_t v) { return packedB.loadVector(columns, k, v * lanes()); }, plan.pairs);
}

void BlockedProduct::emitStep(const Step &step, Sink sink) {
  Value here = b.index(0);
  if (plan.packsRows) {
    packedA.emit({b.mulIndex(step.batch, A.perBatch), step.firstRow, step.k, step.count}, here,
                 plan.rowBlocks);
  }
  if (sumBuffer) {
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, step.firstColumn, here);
    b.ifThen(isFirst, [&] { sumRows(step); });
  }
  if (!plan.packsFirst) {
    packedB.emit({b.mulIndex(step.batch, B.perBatch), step.firstColumn, step.k, step.count}, here,
                 plan.panels);
  }
  Value firstPanel = b.divIndex(step.firstColumn, plan.tileColumns);
  Value blocks = packedA.countBlocks(step.firstRow, plan.rowBlocks);
  b.loop(here, packedB.countBlocks(step.firstColumn, plan.panels), 1, [&](Value panel) {
    Value columns = plan.packsFirst ? packedB.startOf(b.addIndex(firstPanel, panel), step.k)
                                    : packedB.startOf(panel, here);
    b.loop(here, blocks, 1,
           [&](Value block) { sink(panel, block, emitTile(step, columns, block)); });
  });
}

void BlockedProduct::sumRows(const Step &step) {
  b.loop(b.index(0), packedA.countBlocks(step.firstRow, plan.rowBlocks), 1,
         [&](Value block) { sumBlock(step, block); });
}

/// Several sums at a time, of every eighth k: additions wait for each other.
void BlockedProduct::sumBlock(const Step &step, Value block) {
  constexpr int64_t chains = 8;
  int64_t count = *getConstantIntValue(step.count), whole = count / chains * chains;
  Value lines = packedA.startOf(block, b.index(0));
  Value row = b.addIndex(step.firstRow, b.mulIndex(block, plan.tile.rows));
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(b.vectorType(b.getF32Type())));
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, step.k, b.index(0));
  for (int64_t line = 0; line < plan.tile.rows; line += lanes()) {
    auto add = [&](Value sum, Value k) -> Value {
      Value elements = packedA.loadVector(lines, k, line);
      return plan.pairs ? addPairs(b, elements, sum) : arith::AddFOp::create(b, sum, elements);
    };
    SmallVector<Value> sums = llvm::to_vector(
        b.reduceLoop(b.index(0), b.index(whole), chains, SmallVector<Value>(chains, zero),
                     [&](Value k, ValueRange before) {
                       SmallVector<Value> after;
                       for (int64_t i = 0; i < chains; ++i) {
                         after.push_back(add(before[i], b.addIndex(k, i)));
                       }
                       return after;
                     }));
    for (int64_t k = whole; k < count; ++k) {
      sums[k - whole] = add(sums[k - whole], b.index(k));
    }
    for (int64_t half = chains / 2; half > 0; half /= 2) {
      for (int64_t i = 0; i < half; ++i) {
        sums[i] = arith::AddFOp::create(b, sums[i], sums[i + half]);
      }
    }
    Value at = b.addIndex(row, line), exist = b.index(std::min(plan.tile.rows - line, lanes()));
    if (product.m % plan.tile.rows) {
      Value left = b.createOrFold<arith::SubIOp>(b.index(product.m), at);
      exist = arith::MinSIOp::create(b, exist, left);
    }
    Value mask = vector::CreateMaskOp::create(b, b.vectorType(b.getI1Type()), ValueRange{exist});
    Value before = arith::SelectOp::create(b, isFirst, zero, emitLoad(b, sumBuffer, at, mask));
    emitStore(b, arith::AddFOp::create(b, before, sums.front()), sumBuffer, at, mask);
  }
}

Value BlockedProduct::tileOf(Value panel, Value block) {
  int64_t size = plan.tile.rows * plan.tileColumns;
  return b.addIndex(b.mulIndex(panel, plan.rowBlocks * size), b.mulIndex(block, size));
}

void BlockedProduct::addSums(Value panel, Value block, MutableArrayRef<Value> acc, Value isFirst) {
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(b.vectorType(b.getF32Type())));
  Value corner = tileOf(panel, block);
  for (auto [i, value] : llvm::enumerate(acc)) {
    Value before = emitLoad(b, sums, b.addIndex(corner, i * lanes()));
    if (isFirst) {
      before = arith::SelectOp::create(b, isFirst, zero, before);
    }
    value = arith::AddFOp::create(b, before, value);
  }
}

/// The epilogue of a tile's sums. Rows and columns behind the last are not stored.
void BlockedProduct::finishTile(const Step &step, Value panel, Value block, ArrayRef<Value> acc) {
  Value column = b.addIndex(step.firstColumn, b.mulIndex(panel, plan.tileColumns));
  Value row = b.addIndex(step.firstRow, b.mulIndex(block, plan.tile.rows));
  VectorType maskType = b.vectorType(b.getI1Type());
  SmallVector<Value> masks(plan.tile.vectors);
  for (int64_t v = 0; v < plan.tile.vectors && product.n % plan.tileColumns; ++v) {
    Value left = b.createOrFold<arith::SubIOp>(b.index(product.n), b.addIndex(column, v * lanes()));
    masks[v] = vector::CreateMaskOp::create(b, maskType, ValueRange{left});
  }
  for (int64_t i = 0; i < plan.tile.rows; ++i) {
    Value at = b.addIndex(row, i);
    auto emitRow = [&] {
      for (int64_t v = 0; v < plan.tile.vectors; ++v) {
        emitEpilogue(acc[i * plan.tile.vectors + v], step.batch, at,
                     b.addIndex(column, v * lanes()), masks[v]);
      }
    };
    if (product.m % plan.tile.rows == 0) {
      emitRow();
    } else {
      b.ifThen(arith::CmpIOp::create(b, arith::CmpIPredicate::slt, at, b.index(product.m)),
               emitRow);
    }
  }
}

//===-- Chunks --------------------------------------------------------------------------------===//

void BlockedProduct::emitChunk(Value chunk) {
  // Neighbours share columns: B is read once from memory, A as often as there are column groups.
  SmallVector<Value> place =
      b.delinearize(chunk, {product.batch, plan.columnGroups, plan.rowGroups});
  Step step{place[0], b.mulIndex(place[2], plan.rowBlocks * plan.tile.rows),
            b.mulIndex(place[1], plan.panels * plan.tileColumns)};
  int64_t last = (ceilDiv(plan.extent, plan.depth) - 1) * plan.depth;
  auto addBlock = [&](Value k) {
    step.k = k;
    step.count = b.index(plan.depth);
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, k, b.index(0));
    emitStep(step, [&](Value panel, Value block, ArrayRef<Value> acc) {
      SmallVector<Value> values(acc);
      addSums(panel, block, values, isFirst);
      for (auto [i, value] : llvm::enumerate(values)) {
        emitStore(b, value, sums, b.addIndex(tileOf(panel, block), i * lanes()));
      }
    });
  };
  if (last > 0) {
    b.loop(b.index(0), b.index(last), plan.depth, addBlock);
  }
  step.k = b.index(last);
  step.count = b.index(plan.extent - last);
  emitStep(step, [&](Value panel, Value block, ArrayRef<Value> acc) {
    SmallVector<Value> values(acc);
    if (last > 0) {
      addSums(panel, block, values, nullptr);
    }
    finishTile(step, panel, block, values);
  });
}

int64_t BlockedProduct::emit() {
  Type f32 = b.getF32Type();
  int64_t packs = 0;
  if (plan.packsRows) {
    packedA.setBuffer(b.reserveScratch({packedA.sizeOf(plan.rowBlocks)}, f32));
  }
  if (plan.packsFirst) {
    packs = emitPacks();
  } else {
    packedB.setBuffer(b.reserveScratch({packedB.sizeOf(plan.panels)}, f32));
  }
  if (plan.extent > plan.depth) {
    int64_t size = plan.rowBlocks * plan.tile.rows * plan.panels * plan.tileColumns;
    sums = b.reserveScratch({size}, f32);
  }
  Value first = arith::MaxSIOp::create(b, b.getLo(), b.index(packs));
  b.loop(first, b.getHi(), 1,
         [&](Value chunk) { emitChunk(b.createOrFold<arith::SubIOp>(chunk, b.index(packs))); });
  return product.batch * plan.rowGroups * plan.columnGroups;
}

int64_t mome::cpu::emitBlockedProduct(KernelBuilder &b, const IterationSpace &space,
                                      nn::ProductOpInterface op) {
  return BlockedProduct(b, space, op).emit();
}
