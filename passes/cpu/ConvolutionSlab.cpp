// The padded copy of a convolution's input, and loops. See ConvolutionKernel.h.

#include "passes/cpu/ConvolutionKernel.h"
#include "passes/cpu/TileEmitter.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

/// Positions of S that `results` neighbouring results of an axis read.
static int64_t span(const ConvGeometry &geometry, unsigned axis, int64_t results) {
  return (results - 1) * geometry.stride[axis] +
         (geometry.kernel[axis] - 1) * geometry.dilation[axis] + 1;
}
/// Columns of a phase: whole vectors of results can be read through every tap, and every element
/// has a place.
static int64_t countColumns(const ConvGeometry &geometry, int64_t lanes) {
  unsigned last = geometry.last();
  int64_t stride = geometry.stride[last];
  int64_t reach = (geometry.kernel[last] - 1) * geometry.dilation[last] / stride;
  return std::max(reach + ceilDiv(geometry.result[last], lanes) * lanes,
                  ceilDiv(span(geometry, last, geometry.result[last]), stride));
}

int64_t ConvSlab::measure(const ConvGeometry &geometry, int64_t rows, int64_t lanes) {
  int64_t size = geometry.stride.back() * countColumns(geometry, lanes);
  for (unsigned axis = 0; axis < geometry.last(); ++axis) {
    size *= span(geometry, axis, axis == 0 ? rows : geometry.result[axis]);
  }
  return size;
}

ConvSlab::ConvSlab(KernelBuilder &b, const ConvGeometry &geometry, Value source, int64_t rows)
    : b(b), geometry(geometry), source(source) {
  int64_t lanes = b.getLanes();
  columns = countColumns(geometry, lanes);
  perChannel = measure(geometry, rows, lanes);
  int64_t stride = perChannel;
  for (unsigned axis = 0; axis < geometry.last(); ++axis) {
    extents.push_back(span(geometry, axis, axis == 0 ? rows : geometry.result[axis]));
    stride /= extents.back();
    strides.push_back(stride);
  }
  buffer = b.reserveScratch({ceilDiv(perChannel * geometry.ins, lanes) * lanes}, b.getF32Type());
}

void ConvSlab::clear() {
  int64_t size = cast<MemRefType>(buffer.getType()).getNumElements();
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(b.vectorType(b.getF32Type())));
  b.loop(b.index(0), b.index(size), b.getLanes(),
         [&](Value at) { emitStore(b, zero, buffer, at); });
}

/// The source elements [first, second) of an axis that have a place in S.
static std::pair<int64_t, int64_t> getPlaced(const ConvGeometry &geometry, unsigned axis,
                                             int64_t extent) {
  int64_t spread = geometry.spread[axis], shift = geometry.shift[axis];
  int64_t from = shift < 0 ? ceilDiv(-shift, spread) : 0;
  int64_t to = extent > shift ? (extent - 1 - shift) / spread + 1 : 0;
  return {from, std::max(from, std::min(to, geometry.source[axis]))};
}

void ConvSlab::copyRow(Value from, Value to) {
  unsigned last = geometry.last();
  int64_t stride = geometry.stride[last], spread = geometry.spread[last];
  int64_t shift = geometry.shift[last], lanes = b.getLanes();
  auto [begin, end] = getPlaced(geometry, last, span(geometry, last, geometry.result[last]));
  if (stride > 1 || spread > 1) {
    b.loop(b.index(begin), b.index(end), 1, [&](Value j) {
      Value position = b.addIndex(b.mulIndex(j, spread), shift);
      Value column = b.addIndex(b.mulIndex(b.remIndex(position, stride), columns),
                                b.divIndex(position, stride));
      Value element = emitScalarLoad(b, source, b.addIndex(from, j));
      memref::StoreOp::create(b, element, buffer, b.addIndex(to, column));
    });
    return;
  }
  int64_t whole = begin + (end - begin) / lanes * lanes;
  auto copy = [&](Value j, Value mask) {
    Value elements = emitLoad(b, source, b.addIndex(from, j), mask);
    emitStore(b, elements, buffer, b.addIndex(to, b.addIndex(j, shift)), mask);
  };
  if (whole > begin) {
    b.loop(b.index(begin), b.index(whole), lanes, [&](Value j) { copy(j, nullptr); });
  }
  if (whole < end) {
    copy(b.index(whole), b.laneMask(end - whole));
  }
}

void ConvSlab::copyRows(Value from, Value to, unsigned axis, Value first) {
  if (axis == geometry.last()) {
    return copyRow(from, to);
  }
  int64_t perRow = ShapedType::getNumElements(ArrayRef(geometry.source).drop_front(axis + 1));
  int64_t spread = geometry.spread[axis], shift = geometry.shift[axis];
  if (axis > 0) {
    auto [begin, end] = getPlaced(geometry, axis, extents[axis]);
    b.loop(b.index(begin), b.index(end), 1, [&](Value j) {
      Value position = b.addIndex(b.mulIndex(j, spread), shift);
      copyRows(b.addIndex(from, b.mulIndex(j, perRow)),
               b.addIndex(to, b.mulIndex(position, strides[axis])), axis + 1, first);
    });
    return;
  }
  Value base = b.addIndex(b.mulIndex(first, geometry.stride[0]), -shift);
  b.loop(b.index(0), b.index(extents[0]), 1, [&](Value row) {
    Value offset = b.addIndex(base, row);
    auto holds = [&](arith::CmpIPredicate predicate, Value lhs, int64_t rhs) -> Value {
      return arith::CmpIOp::create(b, predicate, lhs, b.index(rhs));
    };
    Value exists = arith::AndIOp::create(
        b, holds(arith::CmpIPredicate::sge, offset, 0),
        holds(arith::CmpIPredicate::slt, offset, geometry.source[0] * spread));
    if (spread > 1) {
      exists = arith::AndIOp::create(
          b, exists, holds(arith::CmpIPredicate::eq, b.remIndex(offset, spread), 0));
    }
    b.ifThen(exists, [&] {
      Value j = b.divIndex(offset, spread);
      copyRows(b.addIndex(from, b.mulIndex(j, perRow)), b.addIndex(to, b.mulIndex(row, strides[0])),
               1, first);
    });
  });
}

void ConvSlab::fill(Value batch, Value group, Value first) {
  clear();
  Value line = b.addIndex(b.mulIndex(batch, geometry.groups), group);
  b.loop(b.index(0), b.index(geometry.ins), 1, [&](Value channel) {
    Value from =
        b.mulIndex(b.addIndex(b.mulIndex(line, geometry.ins), channel), geometry.sourceSize());
    copyRows(from, b.mulIndex(channel, perChannel), 0, first);
  });
}

Value ConvSlab::address(Value channel, ArrayRef<Value> places, ArrayRef<Value> taps) {
  Value at = b.mulIndex(channel, perChannel);
  for (unsigned axis = 0; axis < geometry.last(); ++axis) {
    Value position = b.addIndex(b.mulIndex(places[axis], geometry.stride[axis]),
                                b.mulIndex(taps[axis], geometry.dilation[axis]));
    at = b.addIndex(at, b.mulIndex(position, strides[axis]));
  }
  int64_t stride = geometry.stride.back();
  Value reach = b.mulIndex(taps.back(), geometry.dilation.back());
  Value phase = b.mulIndex(b.remIndex(reach, stride), columns);
  return b.addIndex(at, b.addIndex(phase, b.divIndex(reach, stride)));
}

//===-- Loops ---------------------------------------------------------------------------------===//

static void forPlaces(KernelBuilder &b, ArrayRef<std::pair<Value, Value>> ranges,
                      SmallVector<Value> &places, function_ref<void(ArrayRef<Value>)> body) {
  if (ranges.empty()) {
    return body(places);
  }
  b.loop(ranges.front().first, ranges.front().second, 1, [&](Value place) {
    places.push_back(place);
    forPlaces(b, ranges.drop_front(), places, body);
    places.pop_back();
  });
}
void mome::cpu::forAllPlaces(KernelBuilder &b, ArrayRef<std::pair<Value, Value>> ranges,
                             function_ref<void(ArrayRef<Value>)> body) {
  SmallVector<Value> places;
  forPlaces(b, ranges, places, body);
}

using PlaceReducer = function_ref<SmallVector<Value>(ArrayRef<Value>, ValueRange)>;

static SmallVector<Value> reducePlaces(KernelBuilder &b, ArrayRef<int64_t> extents, ValueRange init,
                                       SmallVector<Value> &places, PlaceReducer body) {
  if (extents.empty()) {
    return body(places, init);
  }
  auto inside = [&](Value place, ValueRange state) {
    places.push_back(place);
    SmallVector<Value> next = reducePlaces(b, extents.drop_front(), state, places, body);
    places.pop_back();
    return next;
  };
  if (extents.front() == 1) {
    return inside(b.index(0), init);
  }
  return llvm::to_vector(b.reduceLoop(b.index(0), b.index(extents.front()), 1, init, inside));
}
SmallVector<Value> mome::cpu::reduceAllPlaces(KernelBuilder &b, ArrayRef<int64_t> extents,
                                              ValueRange init, PlaceReducer body) {
  SmallVector<Value> places;
  return reducePlaces(b, extents, init, places, body);
}
