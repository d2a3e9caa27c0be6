// See LocalProduct.h.
#include "passes/cpu/LocalProduct.h"

using namespace mlir;
using namespace mome::cpu;

Packer::Packer(KernelBuilder &b, int64_t lineCount, int64_t depth, int64_t width)
    : b(b), lineCount(lineCount), depth(depth), width(width) {
  scratch = b.reserveScratch({ceilDiv(lineCount, width) * width * depth}, b.getF32Type());
}

Panels Packer::getPanels() const {
  return {scratch, b.index(0), width, depth * width, width, true};
}

void Packer::emit(const Lines &from) {
  if (from.perLine == 1) {
    emitCopied(from);
  } else {
    emitTransposed(from);
  }
}

/// Lines lie side by side: one k is a row of the panel.
void Packer::emitCopied(const Lines &from) {
  int64_t lanes = b.getTarget().lanes, whole = lineCount / lanes * lanes;
  b.loop(b.index(0), b.index(depth), 1, [&](Value k) {
    Value source = b.addIndex(from.origin, b.mulIndex(k, from.perK));
    auto copy = [&](Value line, Value mask) {
      Value panel = b.divIndex(line, width), within = b.remIndex(line, width);
      Value to =
          b.addIndex(b.addIndex(b.mulIndex(panel, depth * width), b.mulIndex(k, width)), within);
      emitStore(b, emitLoad(b, from.buffer, b.addIndex(source, line), mask), scratch, to);
    };
    b.loop(b.index(0), b.index(whole), lanes, [&](Value line) { copy(line, nullptr); });
    if (whole < lineCount) {
      copy(b.index(whole), b.laneMask(lineCount - whole));
    }
  });
}

/// Elements of a line lie side by side: square blocks are transposed in registers. Lines behind the
/// last repeat it; the last block of k overlaps the one before.
void Packer::emitTransposed(const Lines &from) {
  int64_t lanes = b.getTarget().lanes;
  Value mask = depth < lanes ? b.laneMask(depth) : Value();
  b.loop(b.index(0), b.index(lineCount), lanes, [&](Value first) {
    Value panel = b.divIndex(first, width), within = b.remIndex(first, width);
    Value to = b.addIndex(b.mulIndex(panel, depth * width), within);
    SmallVector<Value> lines;
    for (int64_t j = 0; j < lanes; ++j) {
      Value line = b.minIndex(b.addIndex(first, j), lineCount - 1);
      lines.push_back(b.addIndex(from.origin, b.mulIndex(line, from.perLine)));
    }
    auto packBlock = [&](Value k) {
      SmallVector<Value> block;
      for (Value line : lines) {
        block.push_back(emitLoad(b, from.buffer, b.addIndex(line, k), mask));
      }
      emitTranspose(b, block);
      for (int64_t i = 0; i < std::min(lanes, depth); ++i) {
        Value place = b.addIndex(to, b.mulIndex(b.addIndex(k, i), width));
        emitStore(b, block[i], scratch, place);
      }
    };
    b.loop(b.index(0), b.index(std::max<int64_t>(depth / lanes * lanes, 1)), lanes, packBlock);
    if (depth > lanes && depth % lanes) {
      packBlock(b.index(depth - lanes));
    }
  });
}

Panels mome::cpu::panelsInPlace(KernelBuilder &b, Value buffer, Value origin, int64_t width,
                                int64_t perK) {
  return {buffer, origin, width, width, perK, false};
}

void mome::cpu::emitRowProduct(KernelBuilder &b, const Lines &a, Value row, int64_t rows,
                               const Panels &columns, int64_t columnCount, Value depth,
                               function_ref<void(const TileResult &)> sink) {
  int64_t lanes = b.getTarget().lanes;
  SmallVector<Value> lines;
  for (int64_t i = 0; i < rows; ++i) {
    lines.push_back(b.addIndex(a.origin, b.mulIndex(b.addIndex(row, i), a.perLine)));
  }
  auto emitTile = [&](Value panel, int64_t count) {
    Tile tile{rows, ceilDiv(count, lanes)};
    Value lastMask = count % lanes ? b.laneMask(count % lanes) : Value();
    Value base = b.addIndex(columns.origin, b.mulIndex(panel, columns.perPanel));
    SmallVector<Value> acc = emitProduct(
        b, tile, depth,
        [&](Value k, int64_t i) -> Value {
          return memref::LoadOp::create(b, a.buffer, b.addIndex(lines[i], b.mulIndex(k, a.perK)));
        },
        [&](Value k, int64_t v) {
          Value at = b.addIndex(base, b.mulIndex(k, columns.perK));
          bool stops = !columns.packed && v == tile.vectors - 1;
          return emitLoad(b, columns.buffer, b.addIndex(at, v * lanes), stops ? lastMask : Value());
        });
    sink({acc, rows, tile.vectors, b.mulIndex(panel, columns.width), lastMask});
  };
  int64_t whole = columnCount / columns.width, rest = columnCount % columns.width;
  if (whole > 0) {
    b.loop(b.index(0), b.index(whole), 1, [&](Value panel) { emitTile(panel, columns.width); });
  }
  if (rest > 0) {
    emitTile(b.index(whole), rest);
  }
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
