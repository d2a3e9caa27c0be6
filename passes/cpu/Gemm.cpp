// Matrix products with elementwise epilogues.
//
//   nn.kernel { %h = nn.linear %x, %w, %b;  %y = nn.gelu %h;  yield %h, %y }
//   ->  for each chunk (a group of column panels x a range of rows):
//         pack the panels of W into scratch, [k][columns], zeros behind the last column
//         for each block of rows, for each panel:
//           acc = product of a register tile, whole k          (TileEmitter)
//           h = acc + b;  y = gelu(h);  store both             (BodyEmitter)
//
// Activations are read in place, row by row, as scalars. Panels are packed once per chunk, which
// costs little when many rows share them; for few rows, B is read in place: along j as it lies, or
// as dot products along k. Products are symmetric under exchange of the operands, so a product with
// one column becomes one with one row.
#include "passes/cpu/BodyEmitter.h"
#include "passes/cpu/Families.h"
#include "passes/cpu/TileEmitter.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

namespace {

/// A matrix in a flat buffer: element (batch, i, k) or (batch, j, k).
struct Matrix {
  Value buffer;
  int64_t perBatch, perLine, perK; // strides; a line is a row of A or a column of B
};

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

class GemmKernel {
public:
  GemmKernel(KernelBuilder &builder, const IterationSpace &space, nn::ProductOpInterface op);
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
  /// Runs the epilogue on one vector of accumulators and stores the results.
  void emitEpilogue(Value acc, Value batch, Value row, Value column, Value mask);
  Value addressOf(const Matrix &matrix, Value batch, Value line);

  KernelBuilder &b;
  const IterationSpace &space;
  BodyEmitter emitter;
  nn::ProductOpInterface op;
  nn::Product product;
  Matrix A, B;
  Plan plan;
  bool swapped = false;
  Value panels; // the packed panels
  SmallVector<unsigned> batchLoops, rowLoops;
  std::optional<unsigned> columnLoop;
};

} // namespace

/// Bytes of scratch that packed panels may take: half of the second-level cache.
static int64_t panelBudget(const Target &target) {
  return target.l2Bytes / 2;
}

GemmKernel::GemmKernel(KernelBuilder &builder, const IterationSpace &space,
                       nn::ProductOpInterface op)
    : b(builder), space(space), emitter(builder, space), op(op), product(op.getProduct()) {
  auto &[lhs, rhs, bias, transposeLhs, transposeRhs, batch, m, n, k, batchAxes] = product;
  A = {b.getOperandBuffer(lhs), m * k, transposeLhs ? 1 : k, transposeLhs ? m : 1};
  B = {b.getOperandBuffer(rhs), k * n, transposeRhs ? k : 1, transposeRhs ? 1 : n};
  if (n == 1 && m > 1) {
    std::swap(A, B);
    std::swap(m, n);
    swapped = true;
  }
  unsigned lastAxis = space.getExtents().size() - 1;
  for (unsigned axis = 0; axis <= lastAxis; ++axis) {
    std::optional<unsigned> loop = space.getLoop(axis);
    if (!loop) {
      continue;
    }
    if (axis < unsigned(batchAxes)) {
      batchLoops.push_back(*loop);
    } else if (axis < lastAxis) {
      rowLoops.push_back(*loop);
    } else {
      columnLoop = *loop;
    }
  }
  // Several axes merged into one loop appear once.
  batchLoops.erase(llvm::unique(batchLoops), batchLoops.end());
  rowLoops.erase(llvm::unique(rowLoops), rowLoops.end());
  makePlan();
}

void GemmKernel::makePlan() {
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
  // Chunks: enough to balance threads, each worth claiming.
  double flops = 2.0 * m * n * k;
  int64_t wanted = std::clamp<int64_t>(flops / 500e3, 1, 32);
  int64_t fitting = std::max<int64_t>(1, panelBudget(target) / (4 * k * plan.panelColumns));
  plan.groupPanels = std::clamp<int64_t>(panelCount / wanted, 1, fitting);
  plan.groups = ceilDiv(panelCount, plan.groupPanels);
  int64_t splits = std::clamp<int64_t>(wanted / plan.groups, 1, std::max<int64_t>(1, m / 384));
  plan.chunkRows = ceilDiv(ceilDiv(m, splits), plan.tile.rows) * plan.tile.rows;
  plan.rowChunks = ceilDiv(m, plan.chunkRows);
}

Value GemmKernel::addressOf(const Matrix &matrix, Value batch, Value line) {
  return b.addIndex(b.mulIndex(batch, matrix.perBatch), b.mulIndex(line, matrix.perLine));
}

//===-- Packing -------------------------------------------------------------------------------===//

/// Packs `lanes` columns from `vector` (a column within the panel) for the k of one block:
/// panels[slot][k][vector + lane]. Columns beyond the matrix repeat its last one: their products
/// are never stored.
void GemmKernel::packBlock(Value batch, Value panel, Value slot, Value vector, Value kBlock,
                           Value kCount) {
  int64_t lanes = b.getTarget().lanes;
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

void GemmKernel::packPanels(Value batch, Value firstPanel) {
  int64_t lanes = b.getTarget().lanes, k = product.k;
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

SmallVector<Value> GemmKernel::emitTileProduct(Value batch, Value row, Tile tile, Value panel,
                                               Value slot, Value lastMask) {
  int64_t lanes = b.getTarget().lanes;
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

void GemmKernel::emitPanel(Value batch, Value row, int64_t rows, Value panel, Value slot,
                           int64_t columns) {
  int64_t lanes = b.getTarget().lanes;
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

void GemmKernel::emitDotColumns(Value batch, Value row, Value column, int64_t columns) {
  Value line = addressOf(A, batch, row);
  SmallVector<Value> lines;
  for (int64_t j = 0; j < b.getTarget().lanes; ++j) {
    lines.push_back(addressOf(B, batch, b.addIndex(column, std::min(j, columns - 1))));
  }
  Value acc = emitDots(
      b, product.k,
      [&](Value k, Value mask) { return emitLoad(b, A.buffer, b.addIndex(line, k), mask); },
      [&](Value k, int64_t j, Value mask) {
        return emitLoad(b, B.buffer, b.addIndex(lines[j], k), mask);
      });
  Value mask = columns < b.getTarget().lanes ? b.laneMask(columns) : Value();
  emitEpilogue(acc, batch, row, column, mask);
}

void GemmKernel::emitEpilogue(Value acc, Value batch, Value row, Value column, Value mask) {
  Point point{SmallVector<Value>(space.getNumLoops()), columnLoop, mask};
  auto place = [&](ArrayRef<unsigned> loops, Value linear) {
    SmallVector<int64_t> extents;
    for (unsigned loop : loops) {
      extents.push_back(space.getLoopExtents()[loop]);
    }
    for (auto [loop, value] : llvm::zip_equal(loops, b.delinearize(linear, extents))) {
      point.loops[loop] = value;
    }
  };
  place(batchLoops, batch);
  if (swapped) { // lanes run along the rows of the result
    point.vectorLoop = rowLoops.front();
    point.loops[rowLoops.front()] = column;
  } else {
    place(rowLoops, row);
    if (columnLoop) {
      point.loops[*columnLoop] = column;
    } else {
      acc = vector::ExtractOp::create(b, acc, ArrayRef<int64_t>{0});
    }
  }
  if (product.bias) {
    unsigned lastAxis = space.getExtents().size() - 1;
    Value bias = emitter.emit(product.bias, space.getView({lastAxis}), point);
    acc = arith::AddFOp::create(b, acc, isa<VectorType>(acc.getType()) ? b.splat(bias) : bias);
  }
  emitter.bind(op->getResult(0), space.getIdentityView(), acc);
  SmallVector<Value> values;
  for (Value yielded : b.getYielded()) {
    values.push_back(emitter.emit(yielded, point));
  }
  for (auto [number, value] : llvm::enumerate(values)) {
    if (point.vectorLoop) {
      emitter.store(value, b.getResultBuffer(number), point);
    } else {
      emitter.storeScalar(value, b.getResultBuffer(number), space.getLinear(), point);
    }
  }
}

//===-- Loops ---------------------------------------------------------------------------------===//

void GemmKernel::emitRows(Value batch, Value row, int64_t rows, Value group) {
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

void GemmKernel::emitChunk(Value chunk) {
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

int64_t GemmKernel::emit() {
  if (plan.source == Plan::Source::packed) {
    panels = b.reserveScratch({plan.groupPanels * product.k * plan.panelColumns}, b.getF32Type());
  }
  auto chunks = scf::ForOp::create(b, b.getLo(), b.getHi(), b.index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(chunks.getBody());
  emitter.pushScope(chunks, {SmallVector<Value>(space.getNumLoops()), std::nullopt, nullptr});
  emitChunk(chunks.getInductionVar());
  emitter.popScope();
  return product.batch * plan.groups * plan.rowChunks;
}

EmitResult mome::cpu::emitGemm(nn::KernelOp kernel, const Target &target, OpBuilder &builder) {
  auto op = dyn_cast<nn::ProductOpInterface>(kernel.getRoot());
  if (!op) {
    return refuse("the root is no matrix product");
  }
  Value root = op->getResult(0);
  ArrayRef<int64_t> shape = cast<ShapedType>(root.getType()).getShape();
  nn::Product product = op.getProduct();
  for (Value operand : {product.lhs, product.rhs}) {
    if (!isa<BlockArgument>(operand)) {
      return refuse("an operand of the product is computed in the kernel");
    }
  }
  IterationSpace space(shape, kernel.getContext());
  Trace trace;
  for (Value yielded : kernel.getBody().front().getTerminator()->getOperands()) {
    if (cast<ShapedType>(yielded.getType()).getShape() != shape) {
      return refuse("a result without the shape of the product");
    }
    traceValue(yielded, space.getIdentityView(), trace);
  }
  if (product.bias) {
    traceValue(product.bias, space.getView({unsigned(shape.size() - 1)}), trace);
  }
  for (auto &[leaf, view] : trace.leaves) {
    if (leaf != root || view.index != space.getIdentityView().index) {
      return refuse("the epilogue is not elementwise");
    }
  }
  if (!trace.refusal.empty()) {
    return refuse(trace.refusal);
  }
  trace.expressions.push_back(space.getLinear());
  unsigned rowAxis = product.batchAxes, columnAxis = shape.size() - 1;
  space.mergeAxes(trace.expressions, {rowAxis, columnAxis});
  if (product.n == 1 && product.m > 1) { // lanes run along the rows, which must be one loop
    SmallVector<unsigned> loops;
    for (unsigned axis = rowAxis; axis < columnAxis; ++axis) {
      if (auto loop = space.getLoop(axis)) {
        loops.push_back(*loop);
      }
    }
    if (loops.front() != loops.back()) {
      return refuse("one column, with rows that do not merge");
    }
  }
  KernelBuilder b(kernel, target, builder);
  int64_t chunks = GemmKernel(b, space, op).emit();
  return b.finish("gemm", chunks);
}
