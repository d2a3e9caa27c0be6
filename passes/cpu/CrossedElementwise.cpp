// Elementwise kernels of which some operands lie across: neighbours along the results' last loop are
// far apart in them, neighbours along another loop lie side by side. Squares of lanes x lanes
// elements are read along that loop and transposed in registers.
//
//   nn.kernel @k { (%x: tensor<768x196xf32>)  y = transpose(x) }
//   ->
//   for each strip of 16 rows of y in the chunk:
//     for j in 0 .. 768 step 8:                    both sides in whole cache lines
//       for half in 0, 8:  square = x[j .. j + 8, row + half .. + 8];  transpose;  y[...] = square
//
// The last strip and the last columns may be incomplete: they are read and stored under masks.
#include "passes/cpu/CrossedElementwise.h"

#include "passes/cpu/TileEmitter.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

/// Rows of a strip: of f32, a cache line of the operands that lie across.
static constexpr int64_t stripRows = 16;

/// The loop along which a read lies side by side, if the last one is not: none for reads that need
/// no transposition, or that it does not help.
static std::optional<unsigned> findCrossingLoop(const IterationSpace &space, Value operand,
                                                const View &view, int64_t lanes) {
  auto type = cast<RankedTensorType>(operand.getType());
  unsigned last = space.getNumLoops() - 1;
  auto steps = getCoefficients(space.toLoops(linearize(view.index, type.getShape())), last + 1);
  bool isFloat = type.getElementType().isF32() || type.getElementType().isBF16();
  if (!isFloat || !steps || view.guards.getNumResults() != 0 || (*steps)[last] <= 1) {
    return std::nullopt;
  }
  for (unsigned loop = 0; loop < last; ++loop) {
    if ((*steps)[loop] == 1 && space.getLoopExtents()[loop] >= lanes / 2) {
      return loop;
    }
  }
  return std::nullopt;
}

CrossedElementwise::CrossedElementwise(KernelBuilder &builder, const IterationSpace &space,
                                       const Trace &trace)
    : b(builder), space(space), emitter(builder, space) {
  for (const auto &[operand, view] : trace.reads) {
    auto loop = space.getNumLoops() < 2 ? std::nullopt
                                        : findCrossingLoop(space, operand, view, b.getLanes());
    if (loop && (!crossing || crossing == loop)) {
      crossing = loop;
      crossed.push_back({operand, view});
    }
  }
}

void CrossedElementwise::emitSquare(SmallVector<Value> loops, int64_t rows, int64_t columns) {
  int64_t lanes = b.getLanes();
  Value row = loops[*crossing], column = loops.back();
  SmallVector<SmallVector<Value>> squares;
  for (const auto &[operand, view] : crossed) {
    AffineExpr address =
        linearize(view.index, cast<RankedTensorType>(operand.getType()).getShape());
    SmallVector<Value> &square = squares.emplace_back();
    for (int64_t line = 0; line < lanes; ++line) {
      loops.back() = b.addIndex(column, std::min(line, columns - 1));
      Value at = emitter.evaluate(address, {loops, std::nullopt, nullptr});
      Value mask = rows < lanes ? b.laneMask(rows) : Value();
      square.push_back(emitLoad(b, b.getOperandBuffer(operand), at, mask));
    }
    emitTranspose(b, square);
  }
  loops.back() = column;
  for (int64_t i = 0; i < rows; ++i) {
    loops[*crossing] = b.addIndex(row, i);
    for (auto [read, square] : llvm::zip_equal(crossed, squares)) {
      emitter.bind(read.first, read.second, square[i]);
    }
    Value mask = columns < lanes ? b.laneMask(columns) : Value();
    emitter.emitResults({loops, unsigned(loops.size() - 1), mask});
  }
}

void CrossedElementwise::emitStrip(SmallVector<Value> loops, int64_t rows) {
  int64_t lanes = b.getLanes(), extent = space.getLoopExtents().back();
  Value first = loops[*crossing];
  auto emitColumns = [&](Value column, int64_t columns) {
    loops.back() = column;
    for (int64_t row = 0; row < rows; row += lanes) {
      loops[*crossing] = b.addIndex(first, row);
      emitSquare(loops, std::min(lanes, rows - row), columns);
    }
  };
  int64_t whole = extent / lanes * lanes;
  if (whole > 0) {
    b.loop(b.index(0), b.index(whole), lanes, [&](Value column) { emitColumns(column, lanes); });
  }
  if (whole < extent) {
    emitColumns(b.index(whole), extent - whole);
  }
}

int64_t CrossedElementwise::emit() {
  ArrayRef<int64_t> extents = space.getLoopExtents();
  int64_t rows = extents[*crossing], rest = rows % stripRows;
  SmallVector<int64_t> stripExtents(extents.drop_back());
  stripExtents[*crossing] = ceilDiv(rows, stripRows);
  int64_t strips = ShapedType::getNumElements(stripExtents);
  int64_t perChunk = std::max<int64_t>(1, chunkElements / (stripRows * extents.back()));
  Value from = b.mulIndex(b.getLo(), perChunk);
  Value to = b.minIndex(b.mulIndex(b.getHi(), perChunk), strips);
  b.loop(from, to, 1, [&](Value strip) {
    SmallVector<Value> loops = b.delinearize(strip, stripExtents);
    Value number = loops[*crossing];
    loops[*crossing] = b.mulIndex(number, stripRows);
    loops.push_back(nullptr);
    auto emitWhere = [&](arith::CmpIPredicate holds, int64_t count) {
      Value is = arith::CmpIOp::create(b, holds, number, b.index(rows / stripRows));
      b.ifThen(is, [&] { emitStrip(loops, count); });
    };
    if (rows >= stripRows) {
      emitWhere(arith::CmpIPredicate::slt, stripRows);
    }
    if (rest > 0) { // the last strip
      emitWhere(arith::CmpIPredicate::eq, rest);
    }
  });
  return ceilDiv(strips, perChunk);
}
