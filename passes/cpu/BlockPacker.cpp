// See BlockPacker.h.
#include "passes/cpu/BlockPacker.h"

#include "passes/cpu/PairDot.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

/// k copied for all blocks before the next ones, where a k is a row of the matrix: as many as the
/// first-level cache has ways, since rows are often a multiple of a page apart.
static constexpr int64_t kPerPass = 8;

BlockPacker::BlockPacker(KernelBuilder &b, const Matrix &matrix, int64_t lineCount, int64_t width,
                         int64_t depth, Reads reads, bool pairs)
    : b(b), matrix(matrix), pairs(pairs), lineCount(lineCount), width(width) {
  depth = ceilDiv(depth, b.getLanes()) * b.getLanes();
  lineMajor = reads == Reads::elements && matrix.perK == 1;
  perLine = lineMajor ? depth : 1;
  perK = lineMajor ? 1 : width;
  // A vector of lines may reach behind a narrow block.
  perBlock = depth * width + (lineMajor || width % b.getLanes() == 0 ? 0 : b.getLanes());
}

void BlockPacker::emit(const Part &part, Value to, int64_t blocks) {
  if (matrix.perK != 1) {
    return emitSideBySide(part, to, blocks);
  }
  forBlocks(part, to, blocks, [&](Value target, Value line) {
    lineMajor ? emitLines(part, target, line) : emitTransposed(part, target, line);
  });
}

Value BlockPacker::startOf(Value block, Value k) {
  Value first = b.addIndex(b.mulIndex(block, perBlock), firstElement);
  return b.addIndex(first, b.mulIndex(k, perK));
}

Value BlockPacker::loadElement(Value start, Value k, int64_t line) {
  Value at = b.addIndex(b.addIndex(start, b.mulIndex(k, perK)), line * perLine);
  return memref::LoadOp::create(b, buffer, at);
}

Value BlockPacker::loadVector(Value start, Value k, int64_t line) {
  assert(!lineMajor && "neighbouring lines lie apart");
  return emitLoad(b, buffer, b.addIndex(b.addIndex(start, b.mulIndex(k, perK)), line));
}

Value BlockPacker::countBlocks(Value firstLine, int64_t blocks) {
  if (lineCount % (blocks * width) == 0) {
    return b.index(blocks);
  }
  Value left = b.createOrFold<arith::SubIOp>(b.index(lineCount + width - 1), firstLine);
  return b.minIndex(b.divIndex(left, width), blocks);
}

void BlockPacker::forBlocks(const Part &part, Value to, int64_t blocks, PackBlock pack) {
  b.loop(b.index(0), countBlocks(part.firstLine, blocks), 1, [&](Value block) {
    pack(startOf(b.addIndex(to, block), b.index(0)),
         b.addIndex(part.firstLine, b.mulIndex(block, width)));
  });
}

void BlockPacker::forVectors(Value count, function_ref<void(Value, Value)> copy) {
  int64_t lanes = b.getLanes();
  std::optional<int64_t> known = getConstantIntValue(count);
  Value whole = b.mulIndex(b.divIndex(count, lanes), lanes);
  b.loop(b.index(0), whole, lanes, [&](Value at) { copy(at, nullptr); });
  if (known && *known % lanes == 0) {
    return;
  }
  Value rest = b.createOrFold<arith::SubIOp>(count, whole);
  Value any = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, rest, b.index(0));
  b.ifThen(any, [&] {
    VectorType type = b.vectorType(b.getI1Type());
    copy(whole, vector::CreateMaskOp::create(b, type, ValueRange{rest}));
  });
}

Value BlockPacker::clampedLine(const Part &part, Value line) {
  Value clamped = b.minIndex(line, lineCount - 1);
  Value first = b.mulIndex(part.k, pairs ? 2 : 1);
  return b.addIndex(b.addIndex(part.origin, b.mulIndex(clamped, matrix.perLine)), first);
}

Value BlockPacker::loadAlong(Value source, Value at, Value mask) {
  return pairs ? loadPairs(b, matrix.buffer, b.addIndex(source, b.mulIndex(at, 2)))
               : emitLoad(b, matrix.buffer, b.addIndex(source, at), mask);
}

Value BlockPacker::loadAcross(Value at, Value mask) {
  Value elements = emitLoad(b, matrix.buffer, at, mask);
  return pairs
             ? joinPairs(b, elements, emitLoad(b, matrix.buffer, b.addIndex(at, matrix.perK), mask))
             : elements;
}

//===-- A k is a row of the matrix ------------------------------------------------------------===//

void BlockPacker::copyLines(Value source, Value target, Value from, Value end,
                            ArrayRef<Value> masks) {
  int64_t lanes = b.getLanes(), stride = (pairs ? 2 : 1) * matrix.perK;
  auto copy = [&](Value k) {
    Value at = b.addIndex(source, b.mulIndex(k, stride));
    Value place = b.addIndex(target, b.mulIndex(k, width));
    // What reaches behind a narrow block is overwritten by the next k, or falls between blocks.
    for (int64_t v = 0; v < width; v += lanes) {
      Value mask = masks.empty() ? Value() : masks[v / lanes];
      emitStore(b, loadAcross(b.addIndex(at, v), mask), buffer, b.addIndex(place, v));
    }
  };
  if (end) {
    b.loop(from, end, 1, copy);
  }
  for (int64_t k = 0; !end && k < kPerPass; ++k) {
    copy(b.addIndex(from, k));
  }
}

void BlockPacker::emitSideBySide(const Part &part, Value to, int64_t blocks) {
  int64_t lanes = b.getLanes(), reach = ceilDiv(width, lanes) * lanes;
  b.loop(b.index(0), part.count, kPerPass, [&](Value from) {
    std::optional<int64_t> count = getConstantIntValue(part.count);
    Value end = count && *count % kPerPass == 0
                    ? Value()
                    : b.createOrFold<arith::MinSIOp>(b.addIndex(from, kPerPass), part.count);
    forBlocks(part, to, blocks, [&](Value target, Value line) {
      Value first = b.mulIndex(part.k, (pairs ? 2 : 1) * matrix.perK);
      Value source = b.addIndex(b.addIndex(part.origin, line), first);
      Value left = b.createOrFold<arith::SubIOp>(b.index(lineCount), line);
      Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, left, b.index(reach));
      auto branch = scf::IfOp::create(b, inside, /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(branch.thenBlock());
      copyLines(source, target, from, end, {});
      b.setInsertionPointToStart(branch.elseBlock());
      SmallVector<Value> masks;
      for (int64_t v = 0; v < width; v += lanes) {
        Value rest = b.createOrFold<arith::SubIOp>(left, b.index(v));
        masks.push_back(
            vector::CreateMaskOp::create(b, b.vectorType(b.getI1Type()), ValueRange{rest}));
      }
      copyLines(source, target, from, end, masks);
    });
  });
}

//===-- A line is a row of the matrix ---------------------------------------------------------===//

/// All lines side by side: what one waits for from memory, the others wait for at the same time.
void BlockPacker::emitLines(const Part &part, Value target, Value line) {
  SmallVector<Value> sources;
  for (int64_t i = 0; i < width; ++i) {
    sources.push_back(clampedLine(part, b.addIndex(line, i)));
  }
  forVectors(part.count, [&](Value at, Value mask) {
    for (auto [i, source] : llvm::enumerate(sources)) {
      Value place = b.addIndex(b.addIndex(target, at), i * perLine);
      emitStore(b, loadAlong(source, at, mask), buffer, place);
    }
  });
}

/// Square blocks are transposed in registers.
void BlockPacker::emitTransposed(const Part &part, Value target, Value line) {
  int64_t lanes = b.getLanes();
  assert(width % lanes == 0 && "rows of A are read by element");
  for (int64_t group = 0; group < width; group += lanes) {
    SmallVector<Value> sources;
    for (int64_t j = 0; j < lanes; ++j) {
      sources.push_back(clampedLine(part, b.addIndex(line, group + j)));
    }
    forVectors(part.count, [&](Value at, Value mask) {
      SmallVector<Value> square;
      for (Value source : sources) {
        square.push_back(loadAlong(source, at, mask));
      }
      emitTranspose(b, square);
      for (int64_t i = 0; i < lanes; ++i) {
        Value place = b.addIndex(target, b.mulIndex(b.addIndex(at, i), width));
        emitStore(b, square[i], buffer, b.addIndex(place, group));
      }
    });
  }
}
