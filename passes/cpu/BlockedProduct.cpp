// Large products by blocks of all three extents. One operand is packed first, once for all chunks; each chunk
// keeps its sums in scratch until its last block of k.
//
//   packs:  B as [panel][k][tile columns]
//   chunks (rows x columns):
//     for each block of k:  pack A as [row block][tile rows x k], if it cannot be read where it lies
//       for each panel, for each row block:
//         tile of sums += product of a register tile;  after the last k: epilogue
//
// A block of a panel stays in the second-level cache, as do the rows of A, and the sums of a tile lie side by side. Where
// A is packed and narrower than B, the two change places: packs of A, chunks that pack their panels of B, and panels
// inside of row blocks. Where k is long, both are packed first. Small products have no packs: each chunk packs its block of B. BlockPlan.h chooses.
// Where a processor multiplies pairs of bf16, blocks hold pairs, and k counts them. A sum beside the product,
// over the k of A, is taken from the packed rows as they are packed, if for several chunks by those of the first columns.
#include "passes/cpu/BlockPacker.h"
#include "passes/cpu/BlockPlan.h"
#include "passes/cpu/PairDot.h"
#include "passes/cpu/ProductKernel.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

namespace {

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
  /// Part of what all chunks share.
  void packColumns(Value pack);
  void packRows(Value pack);
  /// Packs what the step needs, and gives `sink` the products of each tile of the chunk.
  void emitStep(const Step &step, Sink sink);
  /// Adds the packed rows' elements of the step to the sum beside the product.
  void sumRows(const Step &step, int64_t blocks);
  void sumBlock(const Step &step, Value block);
  /// Where the packed rows of a block of the step begin, and the packed columns of a panel.
  Value rowsOf(const Step &step, Value block);
  Value columnsOf(const Step &step, Value panel);
  SmallVector<Value> emitTile(const Step &step, Value columns, Value block);
  /// Where the sums of a tile begin: [panel][row block][row][column].
  Value tileOf(Value panel, Value block);
  void addSums(Value panel, Value block, MutableArrayRef<Value> acc, Value isFirst);
  void finishTile(const Step &step, Value panel, Value block, ArrayRef<Value> acc);

  BlockPlan plan;
  BlockPacker packedA, packedB;
  Value sums;
};

} // namespace

BlockedProduct::BlockedProduct(KernelBuilder &builder, const IterationSpace &space,
                               nn::ProductOpInterface op)
    : ProductKernel(builder, space, op),
      plan(planBlocks(b.getTarget(), product,
                      multipliesPairs(b.getTarget(), A.buffer, B.buffer, product.k),
                      wantedChunks())),
      packedA(b, A, product.m, plan.tile.rows, plan.sharesRows ? plan.extent : plan.depth,
              BlockPacker::Reads::elements, plan.pairs),
      packedB(b, B, product.n, plan.tileColumns, plan.sharesColumns ? plan.extent : plan.depth,
              BlockPacker::Reads::vectors, plan.pairs) {}

//===-- Packs ---------------------------------------------------------------------------------===//

void BlockedProduct::packColumns(Value pack) {
  Value here = b.index(0), panel = b.mulIndex(pack, plan.panelsPerPack);
  Value column = b.mulIndex(panel, plan.tileColumns);
  packedB.emit({here, column, here, b.index(plan.extent)}, panel, plan.panelsPerPack);
}

void BlockedProduct::packRows(Value pack) {
  Value here = b.index(0), block = b.mulIndex(pack, plan.rowBlocksPerPack);
  Value row = b.mulIndex(block, plan.tile.rows);
  packedA.emit({here, row, here, b.index(plan.extent)}, block, plan.rowBlocksPerPack);
  if (sumBuffer) {
    sumRows({here, row, here, here, b.index(plan.extent)}, plan.rowBlocksPerPack);
  }
}

int64_t BlockedProduct::emitPacks() {
  int64_t ofRows = plan.sharesRows ? ceilDiv(plan.allRowBlocks, plan.rowBlocksPerPack) : 0;
  int64_t ofColumns = plan.sharesColumns ? ceilDiv(plan.allPanels, plan.panelsPerPack) : 0;
  if (ofRows + ofColumns == 0) {
    return 0;
  }
  int64_t rowSize = packedA.sizeOf(ofRows * plan.rowBlocksPerPack);
  int64_t columnSize = packedB.sizeOf(ofColumns * plan.panelsPerPack);
  Value memory = b.shareMemory(columnSize + rowSize, ofRows + ofColumns);
  if (plan.sharesColumns) {
    packedB.setBuffer(memory);
    b.loop(b.getLo(), b.minIndex(b.getHi(), ofColumns), 1, [&](Value pack) { packColumns(pack); });
  }
  if (plan.sharesRows) {
    packedA.setBuffer(memory, columnSize);
    Value first = arith::MaxSIOp::create(b, b.getLo(), b.index(ofColumns));
    b.loop(first, b.minIndex(b.getHi(), ofColumns + ofRows), 1,
           [&](Value pack) { packRows(b.createOrFold<arith::SubIOp>(pack, b.index(ofColumns))); });
  }
  return ofRows + ofColumns;
}

Value BlockedProduct::rowsOf(const Step &step, Value block) {
  if (!plan.sharesRows) {
    return packedA.startOf(block, b.index(0));
  }
  Value first = b.divIndex(step.firstRow, plan.tile.rows);
  return packedA.startOf(b.addIndex(first, block), step.k);
}

Value BlockedProduct::columnsOf(const Step &step, Value panel) {
  if (!plan.sharesColumns) {
    return packedB.startOf(panel, b.index(0));
  }
  Value first = b.divIndex(step.firstColumn, plan.tileColumns);
  return packedB.startOf(b.addIndex(first, panel), step.k);
}

//===-- Tiles ---------------------------------------------------------------------------------===//

SmallVector<Value> BlockedProduct::emitTile(const Step &step, Value columns, Value block) {
  Value lines = rowsOf(step, block);
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
  if (plan.packsRows && !plan.sharesRows) {
    packedA.emit({b.mulIndex(step.batch, A.perBatch), step.firstRow, step.k, step.count}, here,
                 plan.rowBlocks);
    if (sumBuffer) {
      Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, step.firstColumn, here);
      b.ifThen(isFirst, [&] { sumRows(step, plan.rowBlocks); });
    }
  }
  if (!plan.sharesColumns) {
    packedB.emit({b.mulIndex(step.batch, B.perBatch), step.firstColumn, step.k, step.count}, here,
                 plan.panels);
  }
  Value blocks = packedA.countBlocks(step.firstRow, plan.rowBlocks);
  Value panels = packedB.countBlocks(step.firstColumn, plan.panels);
  if (plan.sharesRows && !plan.sharesColumns) {
    b.loop(here, blocks, 1, [&](Value block) {
      b.loop(here, panels, 1, [&](Value panel) {
        sink(panel, block, emitTile(step, columnsOf(step, panel), block));
      });
    });
    return;
  }
  b.loop(here, panels, 1, [&](Value panel) {
    Value columns = columnsOf(step, panel);
    b.loop(here, blocks, 1,
           [&](Value block) { sink(panel, block, emitTile(step, columns, block)); });
  });
}

void BlockedProduct::sumRows(const Step &step, int64_t blocks) {
  b.loop(b.index(0), packedA.countBlocks(step.firstRow, blocks), 1,
         [&](Value block) { sumBlock(step, block); });
}

/// Several sums at a time, of every eighth k: additions wait for each other.
void BlockedProduct::sumBlock(const Step &step, Value block) {
  constexpr int64_t chains = 8;
  int64_t count = *getConstantIntValue(step.count), whole = count / chains * chains;
  Value lines = rowsOf(step, block);
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
  if (plan.packsRows && !plan.sharesRows) {
    packedA.setBuffer(b.reserveScratch({packedA.sizeOf(plan.rowBlocks)}, f32));
  }
  if (!plan.sharesColumns) {
    packedB.setBuffer(b.reserveScratch({packedB.sizeOf(plan.panels)}, f32));
  }
  if (plan.extent > plan.depth) {
    int64_t size = plan.rowBlocks * plan.tile.rows * plan.panels * plan.tileColumns;
    sums = b.reserveScratch({size}, f32);
  }
  int64_t packs = emitPacks();
  Value first = arith::MaxSIOp::create(b, b.getLo(), b.index(packs));
  b.loop(first, b.getHi(), 1,
         [&](Value chunk) { emitChunk(b.createOrFold<arith::SubIOp>(chunk, b.index(packs))); });
  return product.batch * plan.rowGroups * plan.columnGroups;
}

int64_t mome::cpu::emitBlockedProduct(KernelBuilder &b, const IterationSpace &space,
                                      nn::ProductOpInterface op) {
  return BlockedProduct(b, space, op).emit();
}
