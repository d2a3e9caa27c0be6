// Products by column panels: B is packed in panels of a register tile's width, A is read in place.
//
//   for each chunk (a group of panels x a range of rows):
//     pack the panels into scratch, [k][columns]
//     for each block of rows, for each panel:  acc = product of a register tile, whole k;  epilogue
//
// Packing costs little when many rows share a panel. For few rows, B is read in place: along j as
// it lies, or as dot products along k.
#include "passes/cpu/LocalProduct.h"
#include "passes/cpu/ProductKernel.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

namespace {

/// How the work is cut.
struct Plan {
  enum class Source { packed, inPlace, dots } source; // of B
  Tile tile;
  int64_t width;       // columns per panel
  int64_t groupPanels; // panels per chunk
  int64_t groups;      // of panels
  int64_t chunkRows;   // rows per chunk, a multiple of the tile's
  int64_t rowChunks;
};

class PanelProduct : public ProductKernel {
public:
  PanelProduct(KernelBuilder &builder, const IterationSpace &space, nn::ProductOpInterface op)
      : ProductKernel(builder, space, op), plan(makePlan()) {
    if (plan.source == Plan::Source::packed) {
      packer.emplace(b, plan.groupPanels, product.k, plan.width);
    }
    if (plan.source != Plan::Source::dots) {
      rowReader.emplace(b, A.buffer, plan.tile.rows, product.k);
    }
  }
  int64_t emit();

private:
  Plan makePlan() const;
  void emitChunk(Value chunk);
  void emitTiles(Value batch, Value row, int64_t rows, PanelRange range);
  void emitDots(Value batch, Value row, PanelRange range);
  void emitDotColumns(Value batch, Value row, Value column, int64_t columns);
  /// The sum beside the product, of all rows of A, which lie side by side.
  void emitSum();

  Plan plan;
  std::optional<Packer> packer;
  std::optional<RowReader> rowReader;
};

} // namespace

Plan PanelProduct::makePlan() const {
  const Target &target = b.getTarget();
  int64_t m = product.m, n = product.n, k = product.k;
  Plan plan;
  plan.tile = chooseTile(target, m, n);
  if (B.perLine == 1) {
    plan.source = m >= 10 * target.tileRows ? Plan::Source::packed : Plan::Source::inPlace;
  } else if (A.perK == 1 && m < 4 * target.tileRows) {
    plan.source = Plan::Source::dots;
    plan.tile = {1, 1};
  } else {
    plan.source = Plan::Source::packed;
  }
  plan.width = plan.tile.vectors * target.lanes;
  int64_t panelCount = ceilDiv(n, plan.width), wanted = wantedChunks();
  // Packed panels may take half of the second-level cache.
  int64_t fitting = std::max<int64_t>(1, target.l2Bytes / 2 / (4 * k * plan.width));
  // Rows of bf16 are widened for each group: that takes an eighth of the time of one panel.
  int64_t fewest = holdsBf16(A.buffer) ? std::min<int64_t>(4, panelCount) : 1;
  plan.groupPanels = std::clamp<int64_t>(panelCount / wanted, fewest, std::max(fitting, fewest));
  plan.groups = ceilDiv(panelCount, plan.groupPanels);
  int64_t splits = std::clamp<int64_t>(wanted / plan.groups, 1, std::max<int64_t>(1, m / 384));
  plan.chunkRows = ceilDiv(ceilDiv(m, splits), plan.tile.rows) * plan.tile.rows;
  plan.rowChunks = ceilDiv(m, plan.chunkRows);
  return plan;
}

void PanelProduct::emitTiles(Value batch, Value row, int64_t rows, PanelRange range) {
  Lines lines = rowReader->emit({A.buffer, b.mulIndex(batch, A.perBatch), A.perLine, A.perK}, row,
                                b.addIndex(row, rows));
  Panels panels =
      packer ? packer->getPanels(range.first)
             : panelsInPlace(b, B.buffer, b.mulIndex(batch, B.perBatch), plan.width, B.perK);
  emitRowProduct(b, lines, row, rows, panels, product.n, range, b.index(product.k),
                 [&](const TileResult &tile) {
                   for (int64_t v = 0; v < tile.vectors; ++v) {
                     Value column = b.addIndex(tile.column, v * lanes());
                     for (int64_t i = 0; i < rows; ++i) {
                       emitEpilogue(tile.get(i, v), batch, b.addIndex(row, i), column,
                                    tile.maskOf(v));
                     }
                   }
                 });
}

void PanelProduct::emitDotColumns(Value batch, Value row, Value column, int64_t columns) {
  Value line = addressOf(A, batch, row);
  SmallVector<Value> lines;
  for (int64_t j = 0; j < lanes(); ++j) {
    lines.push_back(addressOf(B, batch, b.addIndex(column, std::min(j, columns - 1))));
  }
  Value acc = cpu::emitDots(
      b, product.k,
      [&](Value k, Value mask) { return emitLoad(b, A.buffer, b.addIndex(line, k), mask); },
      [&](Value k, int64_t j, Value mask) {
        return emitLoad(b, B.buffer, b.addIndex(lines[j], k), mask);
      });
  Value mask = columns < lanes() ? b.laneMask(columns) : Value();
  emitEpilogue(acc, batch, row, column, mask);
}

void PanelProduct::emitDots(Value batch, Value row, PanelRange range) {
  int64_t whole = product.n / plan.width, rest = product.n % plan.width;
  b.loop(range.first, b.minIndex(range.end, whole), 1, [&](Value panel) {
    emitDotColumns(batch, row, b.mulIndex(panel, plan.width), plan.width);
  });
  if (rest > 0) {
    Value reaches = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, range.end, b.index(whole));
    b.ifThen(reaches, [&] { emitDotColumns(batch, row, b.index(whole * plan.width), rest); });
  }
}

void PanelProduct::emitChunk(Value chunk) {
  SmallVector<Value> place = b.delinearize(chunk, {product.batch, plan.groups, plan.rowChunks});
  Value batch = place[0], rowChunk = place[2];
  Value first = b.mulIndex(place[1], plan.groupPanels);
  PanelRange range{first,
                   b.minIndex(b.addIndex(first, plan.groupPanels), ceilDiv(product.n, plan.width))};
  if (packer) {
    // Chunks of one group follow each other: within a call, the first of them packs for all.
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, chunk, b.getLo());
    Value isNew = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, rowChunk, b.index(0));
    b.ifThen(arith::OrIOp::create(b, isFirst, isNew), [&] {
      packer->emit({B.buffer, b.mulIndex(batch, B.perBatch), B.perLine, B.perK}, product.n, range);
    });
  }
  Value from = b.mulIndex(rowChunk, plan.chunkRows);
  Value to = b.minIndex(b.addIndex(from, plan.chunkRows), product.m);
  forRowBlocks(b, from, to, product.m, plan.tile.rows, [&](Value row, int64_t rows) {
    if (plan.source == Plan::Source::dots) {
      emitDots(batch, row, range);
    } else {
      emitTiles(batch, row, rows, range);
    }
  });
}

void PanelProduct::emitSum() {
  int64_t whole = product.m / lanes() * lanes();
  auto sumRows = [&](Value row, Value mask) {
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(b.vectorType(b.getF32Type())));
    auto add = [&](Value k, ValueRange before) -> SmallVector<Value> {
      Value elements = emitLoad(b, A.buffer, b.addIndex(row, b.mulIndex(k, A.perK)), mask);
      return {arith::AddFOp::create(b, before.front(), elements)};
    };
    Value total = b.reduceLoop(b.index(0), b.index(product.k), 1, zero, add).front();
    emitStore(b, total, sumBuffer, row, mask);
  };
  if (whole > 0) {
    b.loop(b.index(0), b.index(whole), lanes(), [&](Value row) { sumRows(row, nullptr); });
  }
  if (whole < product.m) {
    sumRows(b.index(whole), b.laneMask(product.m - whole));
  }
}

int64_t PanelProduct::emit() {
  b.loop(b.getLo(), b.getHi(), 1, [&](Value chunk) {
    if (sumBuffer) {
      Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, chunk, b.index(0));
      b.ifThen(isFirst, [&] { emitSum(); });
    }
    emitChunk(chunk);
  });
  return product.batch * plan.groups * plan.rowChunks;
}

int64_t mome::cpu::emitPanelProduct(KernelBuilder &b, const IterationSpace &space,
                                    nn::ProductOpInterface op) {
  return PanelProduct(b, space, op).emit();
}
