// See LocalProduct.h.
#include "passes/cpu/LocalProduct.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

PanelRange mome::cpu::allPanels(KernelBuilder &b, int64_t columnCount, int64_t width) {
  return {b.index(0), b.index(ceilDiv(columnCount, width))};
}

//===-- Packing -------------------------------------------------------------------------------===//

Packer::Packer(KernelBuilder &b, int64_t capacity, int64_t depth, int64_t width, Value factor)
    : b(b), depth(depth), width(width), factor(factor) {
  scratch = b.reserveScratch({capacity * width * depth}, b.getF32Type());
}

Panels Packer::getPanels(Value first) const {
  return {scratch, b.index(0), first, width, depth * width, width, true};
}

void Packer::emit(const Lines &from, int64_t lineCount, PanelRange range) {
  Value first = b.mulIndex(range.first, width);
  Value end = b.minIndex(b.mulIndex(range.end, width), lineCount);
  if (from.perLine == 1) {
    emitCopied(from, lineCount, first, end);
  } else {
    emitTransposed(from, lineCount, first, end);
  }
}

Value Packer::placeOf(Value line, Value firstLine) {
  Value local = b.createOrFold<arith::SubIOp>(line, firstLine);
  return b.addIndex(b.mulIndex(b.divIndex(local, width), depth * width), b.remIndex(local, width));
}

void Packer::store(Value elements, Value place) {
  Value product = factor ? arith::MulFOp::create(b, elements, factor).getResult() : elements;
  emitStore(b, product, scratch, place);
}

/// Lines lie side by side: one k is a row of the panel.
void Packer::emitCopied(const Lines &from, int64_t lineCount, Value firstLine, Value endLine) {
  int64_t lanes = b.getLanes(), rest = lineCount % width, whole = lineCount - rest;
  auto copyPanel = [&](Value line, int64_t columns) {
    Value to = placeOf(line, firstLine), source = b.addIndex(from.origin, line);
    Value lastMask = columns % lanes ? b.laneMask(columns % lanes) : Value();
    b.loop(b.index(0), b.index(depth), 1, [&](Value k) {
      Value at = b.addIndex(source, b.mulIndex(k, from.perK));
      Value place = b.addIndex(to, b.mulIndex(k, width));
      for (int64_t v = 0; v < columns; v += lanes) {
        Value mask = v + lanes > columns ? lastMask : Value();
        Value values = emitLoad(b, from.buffer, b.addIndex(at, v), mask);
        store(values, b.addIndex(place, v));
      }
    });
  };
  b.loop(firstLine, b.minIndex(endLine, whole), width, [&](Value line) { copyPanel(line, width); });
  if (rest > 0) {
    Value reaches = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, endLine, b.index(whole));
    b.ifThen(reaches, [&] { copyPanel(b.index(whole), rest); });
  }
}

/// Elements of a line lie side by side: square blocks are transposed in registers. Lines behind the
/// last repeat it; the last block of k overlaps the one before.
void Packer::emitTransposed(const Lines &from, int64_t lineCount, Value firstLine, Value endLine) {
  int64_t lanes = b.getLanes();
  Value mask = depth < lanes ? b.laneMask(depth) : Value();
  b.loop(firstLine, endLine, lanes, [&](Value line) {
    Value to = placeOf(line, firstLine);
    SmallVector<Value> sources;
    for (int64_t j = 0; j < lanes; ++j) {
      Value clamped = b.minIndex(b.addIndex(line, j), lineCount - 1);
      sources.push_back(b.addIndex(from.origin, b.mulIndex(clamped, from.perLine)));
    }
    auto packBlock = [&](Value k) {
      SmallVector<Value> block;
      for (Value source : sources) {
        block.push_back(emitLoad(b, from.buffer, b.addIndex(source, k), mask));
      }
      emitTranspose(b, block);
      for (int64_t i = 0; i < std::min(lanes, depth); ++i) {
        store(block[i], b.addIndex(to, b.mulIndex(b.addIndex(k, i), width)));
      }
    };
    b.loop(b.index(0), b.index(std::max<int64_t>(depth / lanes * lanes, 1)), lanes, packBlock);
    if (depth > lanes && depth % lanes) {
      packBlock(b.index(depth - lanes));
    }
  });
}

/// Floats of a line of the cache.
static constexpr int64_t cacheLine = 16;

RowReader::RowReader(KernelBuilder &b, Value buffer, int64_t rows, int64_t depth, bool close)
    : b(b), depth(depth), stride((ceilDiv(depth, cacheLine) | 1) * cacheLine) {
  if (close || holdsBf16(buffer)) {
    scratch = b.reserveScratch({rows * stride}, b.getF32Type());
  }
}

Lines RowReader::emit(const Lines &from, Value first, Value end) {
  if (!scratch) {
    return from;
  }
  int64_t lanes = b.getTarget().lanes, whole = depth / lanes * lanes;
  b.loop(first, end, 1, [&](Value row) {
    Value line = b.addIndex(from.origin, b.mulIndex(row, from.perLine));
    Value to = b.mulIndex(b.createOrFold<arith::SubIOp>(row, first), stride);
    if (from.perK != 1) {
      b.loop(b.index(0), b.index(depth), 1, [&](Value k) {
        Value element = emitScalarLoad(b, from.buffer, b.addIndex(line, b.mulIndex(k, from.perK)));
        memref::StoreOp::create(b, element, scratch, b.addIndex(to, k));
      });
      return;
    }
    auto copy = [&](Value k, Value mask) {
      Value elements = emitLoad(b, from.buffer, b.addIndex(line, k), mask);
      emitStore(b, elements, scratch, b.addIndex(to, k));
    };
    if (whole > 0) {
      b.loop(b.index(0), b.index(whole), lanes, [&](Value k) { copy(k, nullptr); });
    }
    if (whole < depth) {
      copy(b.index(whole), b.laneMask(depth - whole));
    }
  });
  // The caller counts lines from `first` on.
  Value origin = b.createOrFold<arith::SubIOp>(b.index(0), b.mulIndex(first, stride));
  return {scratch, origin, stride, 1};
}

Panels RowReader::getColumns(Value first, int64_t width) const {
  assert(scratch && "rows that are not copied have no columns of f32");
  return {scratch, b.mulIndex(first, stride), nullptr, width, width, stride, true};
}

//===-- Products ------------------------------------------------------------------------------===//

Panels mome::cpu::panelsInPlace(KernelBuilder &b, Value buffer, Value origin, int64_t width,
                                int64_t perK) {
  return {buffer, origin, nullptr, width, width, perK, false};
}

/// One tile: `count` columns of `panel`.
static void emitTile(KernelBuilder &b, const Lines &a, Value row, int64_t rows,
                     const Panels &columns, Value panel, int64_t count, Value depth, TileSink sink,
                     TileStart start) {
  int64_t lanes = b.getLanes();
  SmallVector<Value> lines;
  for (int64_t i = 0; i < rows; ++i) {
    lines.push_back(b.addIndex(a.origin, b.mulIndex(b.addIndex(row, i), a.perLine)));
  }
  Value lastMask = count % lanes ? b.laneMask(count % lanes) : Value();
  Value local = columns.first ? b.createOrFold<arith::SubIOp>(panel, columns.first) : panel;
  Value base = b.addIndex(columns.origin, b.mulIndex(local, columns.perPanel));
  TileResult tile{{}, row, rows, ceilDiv(count, lanes), b.mulIndex(panel, columns.width), lastMask};
  SmallVector<Value> acc = emitProduct(
      b, {rows, tile.vectors}, depth,
      [&](Value k, int64_t i) -> Value {
        return emitScalarLoad(b, a.buffer, b.addIndex(lines[i], b.mulIndex(k, a.perK)));
      },
      [&](Value k, int64_t v) {
        Value at = b.addIndex(base, b.mulIndex(k, columns.perK));
        Value mask = columns.packed ? Value() : tile.maskOf(v);
        return emitLoad(b, columns.buffer, b.addIndex(at, v * lanes), mask);
      },
      /*pairs=*/false, start ? start(tile) : SmallVector<Value>());
  tile.acc = acc;
  sink(tile);
}

/// Calls `body` with each panel of the range and its number of columns.
static void forPanels(KernelBuilder &b, int64_t width, int64_t columnCount, PanelRange range,
                      function_ref<void(Value, int64_t)> body) {
  int64_t whole = columnCount / width, rest = columnCount % width;
  if (whole > 0) {
    b.loop(range.first, b.minIndex(range.end, whole), 1, [&](Value panel) { body(panel, width); });
  }
  if (rest > 0) {
    Value reaches = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, range.end, b.index(whole));
    b.ifThen(reaches, [&] { body(b.index(whole), rest); });
  }
}

void mome::cpu::emitRowProduct(KernelBuilder &b, const Lines &a, Value row, int64_t rows,
                               const Panels &columns, int64_t columnCount, PanelRange range,
                               Value depth, TileSink sink) {
  forPanels(b, columns.width, columnCount, range, [&](Value panel, int64_t count) {
    emitTile(b, a, row, rows, columns, panel, count, depth, sink, nullptr);
  });
}

void mome::cpu::emitBlockProduct(KernelBuilder &b, const Lines &a, const RowRange &range,
                                 const Panels &columns, int64_t columnCount, PanelRange panels,
                                 Value depth, TileSink sink, TileStart start) {
  forPanels(b, columns.width, columnCount, panels, [&](Value panel, int64_t count) {
    forRowBlocks(b, range.from, range.end, range.total, range.tileRows,
                 [&](Value row, int64_t rows) {
                   emitTile(b, a, row, rows, columns, panel, count, depth, sink, start);
                 });
  });
}

void mome::cpu::forRowBlocks(KernelBuilder &b, Value from, Value to, int64_t total,
                             int64_t tileRows, function_ref<void(Value, int64_t)> body) {
  int64_t rest = total % tileRows, whole = total - rest;
  if (whole > 0) {
    b.loop(from, b.minIndex(to, whole), tileRows, [&](Value row) { body(row, tileRows); });
  }
  if (rest > 0) {
    Value reaches = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, to, b.index(whole));
    b.ifThen(reaches, [&] { body(b.index(whole), rest); });
  }
}
