// The derivative of a convolution for its weights.
//
//   for each chunk (group, block of result channels):
//     for each sample, for each block of rows:  copy the padded input   (ConvolutionSlab)
//       for each input channel and block of taps:
//         acc[channel][tap] = sum over results of dy * slab             in registers, lanes along
//                                                                       the last axis
//         sums[channel][input channel][tap] += the lanes of acc         in scratch
//     epilogue, store
//
// A block is all taps of the last two axes, or of the last one, or one, as registers allow: they share
// the loads of dy.
#include "passes/cpu/ConvolutionKernel.h"
#include "passes/cpu/TileEmitter.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

namespace {
class ConvWeightGradient {
public:
  ConvWeightGradient(KernelBuilder &b, const IterationSpace &space, Value root,
                     const ConvGeometry &geometry, Value source, Value cotangent);
  int64_t emit();

private:
  static int64_t chooseRows(const ConvGeometry &geometry, int64_t lanes);
  void emitChunk(Value group, Value out, int64_t channels);
  /// Adds what the rows from `first` on contribute.
  void emitBlock(ArrayRef<Value> head, Value out, int64_t channels, Value first);
  /// Sums for one input channel and a block of taps, which is at `outer` in the other axes.
  void emitTaps(ArrayRef<Value> head, Value out, int64_t channels, Value first, Value in,
                ArrayRef<Value> outer);
  SmallVector<Value> emitRow(Value line, ArrayRef<Value> addresses, ArrayRef<Value> outs,
                             ValueRange acc);
  Value sumAddress(int64_t channel, Value in, ArrayRef<Value> taps);
  void emitResults(Value group, Value out, int64_t channels);

  KernelBuilder &b;
  const ConvGeometry &geometry;
  Value cotangent;
  int64_t channelBlock, rows;
  ArrayRef<int64_t> tapBlock; // extents of the kernel's last axes
  ConvSlab slab;
  Value sums;
  ConvEpilogue epilogue;
};
} // namespace

/// The most axes of taps of which the accumulators stay in registers.
static ArrayRef<int64_t> chooseTaps(const ConvGeometry &geometry, int64_t channels) {
  constexpr int64_t accumulators = 12;
  ArrayRef<int64_t> kernel = geometry.kernel;
  size_t axes = std::min<size_t>(kernel.size(), 2);
  while (axes > 0 && ShapedType::getNumElements(kernel.take_back(axes)) > accumulators / channels) {
    --axes;
  }
  return kernel.take_back(axes);
}

/// Blocks of rows whose slab stays in the cache.
int64_t ConvWeightGradient::chooseRows(const ConvGeometry &geometry, int64_t lanes) {
  int64_t rows = geometry.result[0];
  while (geometry.rank() > 1 && rows > 1 &&
         ConvSlab::measure(geometry, rows, lanes) * geometry.ins > (1 << 19)) {
    rows = ceilDiv(rows, 2);
  }
  return rows;
}

ConvWeightGradient::ConvWeightGradient(KernelBuilder &b, const IterationSpace &space, Value root,
                                       const ConvGeometry &geometry, Value source, Value cotangent)
    : b(b), geometry(geometry), cotangent(cotangent),
      channelBlock(std::min<int64_t>(geometry.outs, 4)), rows(chooseRows(geometry, b.getLanes())),
      tapBlock(chooseTaps(geometry, channelBlock)), slab(b, geometry, source, rows),
      sums(b.reserveScratch({channelBlock * geometry.ins * geometry.kernelSize()}, b.getF32Type())),
      epilogue(b, space, root) {}

Value ConvWeightGradient::sumAddress(int64_t channel, Value in, ArrayRef<Value> taps) {
  Value at = b.addIndex(in, channel * geometry.ins);
  for (auto [tap, extent] : llvm::zip_equal(taps, geometry.kernel)) {
    at = b.addIndex(b.mulIndex(at, extent), tap);
  }
  return at;
}

/// One row of results: `line` is its offset in a plane of dy, `outs` the planes, `addresses` where
/// the taps read.
SmallVector<Value> ConvWeightGradient::emitRow(Value line, ArrayRef<Value> addresses,
                                               ArrayRef<Value> outs, ValueRange init) {
  int64_t lanes = b.getLanes(), width = geometry.result.back();
  int64_t whole = width / lanes * lanes;
  auto step = [&](Value column, ValueRange acc, Value mask) {
    SmallVector<Value> inputs, next;
    for (Value address : addresses) {
      inputs.push_back(emitLoad(b, slab.getBuffer(), b.addIndex(address, column)));
    }
    for (auto [i, plane] : llvm::enumerate(outs)) {
      Value dy = emitLoad(b, cotangent, b.addIndex(b.addIndex(plane, line), column), mask);
      for (auto [k, input] : llvm::enumerate(inputs)) {
        next.push_back(vector::FMAOp::create(b, dy, input, acc[i * inputs.size() + k]));
      }
    }
    return next;
  };
  SmallVector<Value> acc(init);
  if (whole > 0) {
    acc = llvm::to_vector(
        b.reduceLoop(b.index(0), b.index(whole), lanes, acc,
                     [&](Value column, ValueRange state) { return step(column, state, nullptr); }));
  }
  return whole < width ? step(b.index(whole), acc, b.laneMask(width - whole)) : acc;
}

void ConvWeightGradient::emitTaps(ArrayRef<Value> head, Value out, int64_t channels, Value first,
                                  Value in, ArrayRef<Value> outer) {
  SmallVector<Value> planes;
  Value line = b.addIndex(b.mulIndex(head[0], geometry.groups), head[1]);
  for (int64_t i = 0; i < channels; ++i) {
    Value channel = b.addIndex(b.addIndex(b.mulIndex(line, geometry.outs), out), i);
    planes.push_back(b.mulIndex(channel, geometry.resultSize()));
  }
  SmallVector<SmallVector<Value>> taps;
  int64_t count = ShapedType::getNumElements(tapBlock);
  for (int64_t k = 0; k < count; ++k) {
    taps.push_back(SmallVector<Value>(outer));
    llvm::append_range(taps.back(), b.delinearize(b.index(k), tapBlock));
  }
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(b.vectorType(b.getF32Type())));
  SmallVector<Value> init(channels * count, zero);
  auto row = [&](ArrayRef<Value> local, ValueRange acc) {
    Value offset = b.index(0);
    for (unsigned axis = 0; axis < geometry.last(); ++axis) {
      Value place = axis == 0 ? b.addIndex(local[0], first) : local[axis];
      offset = b.addIndex(b.mulIndex(offset, geometry.result[axis]), place);
    }
    SmallVector<Value> addresses;
    for (const SmallVector<Value> &at : taps) {
      addresses.push_back(slab.address(in, local, at));
    }
    return emitRow(b.mulIndex(offset, geometry.result.back()), addresses, planes, acc);
  };
  SmallVector<Value> acc;
  if (geometry.rank() == 1) {
    acc = row({}, init);
  } else {
    Value end = b.minIndex(b.addIndex(first, rows), geometry.result[0]);
    Value here = b.createOrFold<arith::SubIOp>(end, first);
    ArrayRef<int64_t> inner = ArrayRef(geometry.result).drop_front().drop_back();
    acc =
        llvm::to_vector(b.reduceLoop(b.index(0), here, 1, init, [&](Value place, ValueRange state) {
          return reduceAllPlaces(b, inner, state, [&](ArrayRef<Value> more, ValueRange now) {
            SmallVector<Value> local{place};
            llvm::append_range(local, more);
            return row(local, now);
          });
        }));
  }
  for (int64_t i = 0; i < channels; ++i) {
    for (int64_t k = 0; k < count; ++k) {
      Value at = sumAddress(i, in, taps[k]);
      Value sum = vector::ReductionOp::create(b, vector::CombiningKind::ADD, acc[i * count + k]);
      Value before = memref::LoadOp::create(b, sums, at);
      memref::StoreOp::create(b, arith::AddFOp::create(b, before, sum), sums, at);
    }
  }
}

void ConvWeightGradient::emitBlock(ArrayRef<Value> head, Value out, int64_t channels, Value first) {
  slab.fill(head[0], head[1], first);
  SmallVector<std::pair<Value, Value>> ranges{{b.index(0), b.index(geometry.ins)}};
  for (int64_t extent : ArrayRef(geometry.kernel).drop_back(tapBlock.size())) {
    ranges.push_back({b.index(0), b.index(extent)});
  }
  forAllPlaces(b, ranges, [&](ArrayRef<Value> at) {
    emitTaps(head, out, channels, first, at.front(), at.drop_front());
  });
}

void ConvWeightGradient::emitResults(Value group, Value out, int64_t channels) {
  SmallVector<std::pair<Value, Value>> ranges{{b.index(0), b.index(geometry.ins)}};
  for (int64_t extent : geometry.kernel) {
    ranges.push_back({b.index(0), b.index(extent)});
  }
  for (int64_t i = 0; i < channels; ++i) {
    Value channel = b.addIndex(b.addIndex(b.mulIndex(group, geometry.outs), out), i);
    forAllPlaces(b, ranges, [&](ArrayRef<Value> place) {
      SmallVector<Value> at{channel};
      llvm::append_range(at, place);
      Value sum = memref::LoadOp::create(b, sums, sumAddress(i, place[0], place.drop_front()));
      epilogue.emit(sum, at, nullptr);
    });
  }
}

void ConvWeightGradient::emitChunk(Value group, Value out, int64_t channels) {
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f));
  b.loop(b.index(0), b.index(cast<MemRefType>(sums.getType()).getNumElements()), 1,
         [&](Value at) { memref::StoreOp::create(b, zero, sums, at); });
  b.loop(b.index(0), b.index(geometry.batch), 1, [&](Value batch) {
    SmallVector<Value> head{batch, group};
    if (geometry.rank() == 1) {
      return emitBlock(head, out, channels, b.index(0));
    }
    b.loop(b.index(0), b.index(geometry.result[0]), rows,
           [&](Value first) { emitBlock(head, out, channels, first); });
  });
  emitResults(group, out, channels);
}

int64_t ConvWeightGradient::emit() {
  int64_t whole = geometry.outs / channelBlock, rest = geometry.outs % channelBlock;
  int64_t blocks = whole + (rest ? 1 : 0);
  b.loop(b.getLo(), b.getHi(), 1, [&](Value chunk) {
    SmallVector<Value> place = b.delinearize(chunk, {geometry.groups, blocks});
    Value out = b.mulIndex(place[1], channelBlock);
    auto is = [&](arith::CmpIPredicate predicate) -> Value {
      return arith::CmpIOp::create(b, predicate, place[1], b.index(whole));
    };
    if (whole > 0) {
      b.ifThen(is(arith::CmpIPredicate::ult), [&] { emitChunk(place[0], out, channelBlock); });
    }
    if (rest > 0) {
      b.ifThen(is(arith::CmpIPredicate::uge), [&] { emitChunk(place[0], out, rest); });
    }
  });
  return geometry.groups * blocks;
}

int64_t mome::cpu::emitConvWeightGradient(KernelBuilder &b, const IterationSpace &space, Value root,
                                          const ConvGeometry &geometry, Value source,
                                          Value cotangent) {
  return ConvWeightGradient(b, space, root, geometry, source, cotangent).emit();
}
