// Products by column panels: B is packed in panels of a register tile's width, A is read in place.
//
//   for each chunk (a group of panels x a range of rows):
//     pack the panels into scratch, [k][columns]
//     for each block of rows, for each panel:  acc = product of a register tile, whole k;  epilogue
//
// Packing costs little when many rows share a panel. For few rows, B is read in place: along j as
// it lies, or as dot products along k.
#include "passes/cpu/ProductKernel.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

namespace {

/// How the work is cut.
struct Plan {
  enum class Source { packed, inPlace, dots } source; // of B
  Tile tile;
  int64_t panelColumns; // columns per panel
  int64_t groupPanels;  // panels per chunk
  int64_t groups;       // of panels
  int64_t chunkRows;    // rows per chunk, a multiple of the tile's
  int64_t rowChunks;
};

class PanelProduct : public ProductKernel {
public:
  PanelProduct(KernelBuilder &builder, const IterationSpace &space, nn::ProductOpInterface op)
      : ProductKernel(builder, space, op) {
    makePlan();
  }
  int64_t emit();

private:
  void makePlan();
  void emitChunk(Value chunk);
  void packPanels(Value batch, Value firstPanel);
  void packBlock(Value batch, Value panel, Value slot, Value vector, Value kBlock, Value kCount);
  void emitRows(Value batch, Value row, int64_t rows, Value group);
  void emitPanel(Value batch, Value row, int64_t rows, Value panel, Value slot, int64_t columns);
  void emitDotColumns(Value batch, Value row, Value column, int64_t columns);
  SmallVector<Value> emitTileProduct(Value batch, Value row, Tile tile, Value panel, Value slot,
                                     Value lastMask);

  Plan plan;
  Value panels; // the packed panels
};

} // namespace

/// Bytes of scratch that packed panels may take: half of the second-level cache.
static int64_t panelBudget(const Target &target) {
  return target.l2Bytes / 2;
}

void PanelProduct::makePlan() {
  const Target &target = b.getTarget();
  int64_t m = product.m, n = product.n, k = product.k;
  plan.tile = chooseTile(target, m, n);
  bool manyRows = m >= 4 * target.tileRows;
  if (B.perLine == 1) {
    plan.source = m >= 10 * target.tileRows ? Plan::Source::packed : Plan::Source::inPlace;
  } else if (A.perK == 1 && !manyRows) {
    plan.source = Plan::Source::dots;
    plan.tile = {1, 1};
  } else {
    plan.source = Plan::Source::packed;
  }
  plan.panelColumns = plan.tile.vectors * target.lanes;
  int64_t panelCount = ceilDiv(n, plan.panelColumns);
  int64_t wanted = wantedChunks();
  int64_t fitting = std::max<int64_t>(1, panelBudget(target) / (4 * k * plan.panelColumns));
  plan.groupPanels = std::clamp<int64_t>(panelCount / wanted, 1, fitting);
  plan.groups = ceilDiv(panelCount, plan.groupPanels);
  int64_t splits = std::clamp<int64_t>(wanted / plan.groups, 1, std::max<int64_t>(1, m / 384));
  plan.chunkRows = ceilDiv(ceilDiv(m, splits), plan.tile.rows) * plan.tile.rows;
  plan.rowChunks = ceilDiv(m, plan.chunkRows);
}

//===-- Packing -------------------------------------------------------------------------------===//

/// Packs `lanes` columns from `vector` (a column within the panel) for the k of one block:
/// panels[slot][k][vector + lane]. Columns beyond the matrix repeat its last one: their products
/// are never stored.
void PanelProduct::packBlock(Value batch, Value panel, Value slot, Value vector, Value kBlock,
                             Value kCount) {
  int64_t lanes = this->lanes();
  Value column = b.addIndex(b.mulIndex(panel, plan.panelColumns), vector);
  SmallVector<Value> block;
  for (int64_t j = 0; j < lanes; ++j) {
    Value line = b.minIndex(b.addIndex(column, j), product.n - 1);
    Value at = b.addIndex(addressOf(B, batch, line), kBlock);
    block.push_back(emitLoad(b, B.buffer, at, kCount));
  }
  emitTranspose(b, block);
  Value to = b.addIndex(b.mulIndex(slot, product.k * plan.panelColumns), vector);
  for (int64_t i = 0; i < std::min(lanes, product.k); ++i) {
    Value row = b.mulIndex(b.addIndex(kBlock, i), plan.panelColumns);
    emitStore(b, block[i], panels, b.addIndex(to, row));
  }
}

void PanelProduct::packPanels(Value batch, Value firstPanel) {
  int64_t lanes = this->lanes(), k = product.k;
  int64_t panelCount = ceilDiv(product.n, plan.panelColumns);
  Value slots =
      b.minIndex(b.createOrFold<arith::SubIOp>(b.index(panelCount), firstPanel), plan.groupPanels);
  b.loop(b.index(0), slots, 1, [&](Value slot) {
    Value panel = b.addIndex(firstPanel, slot);
    if (B.perLine == 1) { // columns lie side by side: copy
      Value lastMask = product.n % lanes ? b.laneMask(product.n % lanes) : Value();
      b.loop(b.index(0), b.index(k), 1, [&](Value row) {
        for (int64_t v = 0; v < plan.tile.vectors; ++v) {
          Value column = b.addIndex(b.mulIndex(panel, plan.panelColumns), v * lanes);
          Value at = b.addIndex(b.addIndex(b.mulIndex(batch, B.perBatch), column),
                                b.mulIndex(row, B.perK));
          Value to = b.addIndex(b.mulIndex(slot, k * plan.panelColumns),
                                b.addIndex(b.mulIndex(row, plan.panelColumns), v * lanes));
          Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, column,
                                               b.index(product.n - lanes));
          auto branch = scf::IfOp::create(b, inside, /*withElseRegion=*/bool(lastMask));
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPointToStart(branch.thenBlock());
          emitStore(b, emitLoad(b, B.buffer, at), panels, to);
          if (lastMask) {
            b.setInsertionPointToStart(branch.elseBlock());
            Value some =
                arith::CmpIOp::create(b, arith::CmpIPredicate::slt, column, b.index(product.n));
            b.ifThen(some, [&] { emitStore(b, emitLoad(b, B.buffer, at, lastMask), panels, to); });
          }
        }
      });
      return;
    }
    Value mask = k < lanes ? b.laneMask(k) : Value();
    b.loop(b.index(0), b.index(plan.panelColumns), lanes, [&](Value vector) {
      b.loop(b.index(0), b.index(std::max(k / lanes * lanes, int64_t(1))), lanes,
             [&](Value block) { packBlock(batch, panel, slot, vector, block, mask); });
      if (k > lanes && k % lanes) { // the last block overlaps the one before it
        packBlock(batch, panel, slot, vector, b.index(k - lanes), nullptr);
      }
    });
  });
}

//===-- Tiles ---------------------------------------------------------------------------------===//

SmallVector<Value> PanelProduct::emitTileProduct(Value batch, Value row, Tile tile, Value panel,
                                                 Value slot, Value lastMask) {
  int64_t lanes = this->lanes();
  SmallVector<Value> lines;
  for (int64_t i = 0; i < tile.rows; ++i) {
    lines.push_back(addressOf(A, batch, b.addIndex(row, i)));
  }
  auto loadA = [&](Value k, int64_t i) -> Value {
    return memref::LoadOp::create(b, A.buffer, b.addIndex(lines[i], b.mulIndex(k, A.perK)));
  };
  if (plan.source == Plan::Source::packed) {
    Value base = b.mulIndex(slot, product.k * plan.panelColumns);
    return emitProduct(b, tile, b.index(product.k), loadA, [&](Value k, int64_t v) {
      Value at = b.addIndex(base, b.mulIndex(k, plan.panelColumns));
      return emitLoad(b, panels, b.addIndex(at, v * lanes));
    });
  }
  Value base = addressOf(B, batch, b.mulIndex(panel, plan.panelColumns));
  return emitProduct(b, tile, b.index(product.k), loadA, [&](Value k, int64_t v) {
    Value at = b.addIndex(base, b.mulIndex(k, B.perK));
    return emitLoad(b, B.buffer, b.addIndex(at, v * lanes),
                    v == tile.vectors - 1 ? lastMask : Value());
  });
}

void PanelProduct::emitPanel(Value batch, Value row, int64_t rows, Value panel, Value slot,
                             int64_t columns) {
  int64_t lanes = this->lanes();
  Tile tile{rows, ceilDiv(columns, lanes)};
  Value lastMask = columns % lanes ? b.laneMask(columns % lanes) : Value();
  SmallVector<Value> acc = emitTileProduct(batch, row, tile, panel, slot, lastMask);
  for (int64_t v = 0; v < tile.vectors; ++v) {
    Value column = b.addIndex(b.mulIndex(panel, plan.panelColumns), v * lanes);
    for (int64_t i = 0; i < rows; ++i) {
      emitEpilogue(acc[i * tile.vectors + v], batch, b.addIndex(row, i), column,
                   v == tile.vectors - 1 ? lastMask : Value());
    }
  }
}

void PanelProduct::emitDotColumns(Value batch, Value row, Value column, int64_t columns) {
  Value line = addressOf(A, batch, row);
  SmallVector<Value> lines;
  for (int64_t j = 0; j < lanes(); ++j) {
    lines.push_back(addressOf(B, batch, b.addIndex(column, std::min(j, columns - 1))));
  }
  Value acc = emitDots(
      b, product.k,
      [&](Value k, Value mask) { return emitLoad(b, A.buffer, b.addIndex(line, k), mask); },
      [&](Value k, int64_t j, Value mask) {
        return emitLoad(b, B.buffer, b.addIndex(lines[j], k), mask);
      });
  Value mask = columns < lanes() ? b.laneMask(columns) : Value();
  emitEpilogue(acc, batch, row, column, mask);
}

//===-- Loops ---------------------------------------------------------------------------------===//

void PanelProduct::emitRows(Value batch, Value row, int64_t rows, Value group) {
  int64_t width = plan.panelColumns, whole = product.n / width, rest = product.n % width;
  Value first = b.mulIndex(group, plan.groupPanels);
  Value end = b.addIndex(first, plan.groupPanels);
  auto emitOne = [&](Value panel, Value slot, int64_t columns) {
    if (plan.source == Plan::Source::dots) {
      emitDotColumns(batch, row, b.mulIndex(panel, width), columns);
    } else {
      emitPanel(batch, row, rows, panel, slot, columns);
    }
  };
  if (whole > 0) {
    b.loop(first, b.minIndex(end, whole), 1, [&](Value panel) {
      emitOne(panel, b.createOrFold<arith::SubIOp>(panel, first), width);
    });
  }
  if (rest > 0) {
    Value isLast =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, group, b.index(plan.groups - 1));
    b.ifThen(isLast, [&] {
      Value panel = b.index(whole);
      emitOne(panel, b.createOrFold<arith::SubIOp>(panel, first), rest);
    });
  }
}

void PanelProduct::emitChunk(Value chunk) {
  SmallVector<Value> place = b.delinearize(chunk, {product.batch, plan.groups, plan.rowChunks});
  Value batch = place[0], group = place[1], rowChunk = place[2];
  if (plan.source == Plan::Source::packed) {
    // Chunks of one group follow each other: within a call, the first of them packs for all.
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, chunk, b.getLo());
    Value isNew = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, rowChunk, b.index(0));
    b.ifThen(arith::OrIOp::create(b, isFirst, isNew),
             [&] { packPanels(batch, b.mulIndex(group, plan.groupPanels)); });
  }
  int64_t rest = product.m % plan.tile.rows, whole = product.m - rest;
  Value from = b.mulIndex(rowChunk, plan.chunkRows);
  if (whole > 0) {
    b.loop(from, b.minIndex(b.addIndex(from, plan.chunkRows), whole), plan.tile.rows,
           [&](Value row) { emitRows(batch, row, plan.tile.rows, group); });
  }
  if (rest > 0) {
    Value isLast =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, rowChunk, b.index(plan.rowChunks - 1));
    b.ifThen(isLast, [&] { emitRows(batch, b.index(whole), rest, group); });
  }
}

int64_t PanelProduct::emit() {
  if (plan.source == Plan::Source::packed) {
    panels = b.reserveScratch({plan.groupPanels * product.k * plan.panelColumns}, b.getF32Type());
  }
  auto chunks = scf::ForOp::create(b, b.getLo(), b.getHi(), b.index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(chunks.getBody());
  emitChunk(chunks.getInductionVar());
  return product.batch * plan.groups * plan.rowChunks;
}

int64_t mome::cpu::emitPanelProduct(KernelBuilder &b, const IterationSpace &space,
                                    nn::ProductOpInterface op) {
  return PanelProduct(b, space, op).emit();
}
