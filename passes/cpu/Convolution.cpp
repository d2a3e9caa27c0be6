// Convolutions and their derivatives, directly: no matrix of patches is built.
//
//   for each chunk (sample, group, rows of the first axis):  copy the padded input   (ConvolutionSlab)
//     for each block of result channels, for each row of results:
//       acc[channel][vector] = sum over input channels and taps of w * slab          in registers
//       epilogue, store
//
// Where channels are few, as in depthwise convolutions, several rows of results share the registers:
// accumulators enough to hide the latency of a multiply-add, and one load of w for all.
//
// The derivative for x is the same over the cotangent (ConvolutionEmitter.h). The derivative for w
// holds the accumulators of a few taps of a few channels while it walks all results.
#include "passes/cpu/ConvolutionKernel.h"
#include "passes/cpu/Families.h"
#include "passes/cpu/TileEmitter.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

//===-- Convolution ---------------------------------------------------------------------------===//

/// Chunks worth having, and floats of scratch a worker should not exceed.
static constexpr int64_t wantedChunks = 32, scratchFloats = 1 << 19;

/// Results of the first axis that a chunk computes.
static int64_t chooseRows(const ConvGeometry &geometry, int64_t chunks, int64_t lanes) {
  if (geometry.rank() == 1) {
    return geometry.result[0];
  }
  int64_t rows = ceilDiv(geometry.result[0], std::min(chunks, geometry.result[0]));
  while (rows > 1 && ConvSlab::measure(geometry, rows, lanes) * geometry.ins > scratchFloats) {
    rows = ceilDiv(rows, 2);
  }
  return rows;
}

namespace {
class DirectConv {
public:
  DirectConv(KernelBuilder &b, const IterationSpace &space, Value root,
             const ConvGeometry &geometry, Value source, Value weight, bool transposed)
      : b(b), geometry(geometry), weight(weight), transposed(transposed),
        rows(chooseRows(geometry, ceilDiv(wantedChunks, geometry.batch * geometry.groups),
                        b.getLanes())),
        slab(b, geometry, source, rows), epilogue(b, space, root) {}
  int64_t emit();

private:
  void emitChunk(Value batch, Value group, Value first);
  /// `channels` result channels from `out` on, at all places of the chunk.
  void emitChannels(Value batch, Value group, Value first, Value out, int64_t channels);
  /// The same for `lines` neighbouring rows of results, of which the first is at `places`.
  void emitLines(ArrayRef<Value> head, Value out, int64_t channels, Value first,
                 ArrayRef<Value> places, int64_t lines, int64_t vectors);
  void emitTile(ArrayRef<Value> head, Value out, int64_t channels, ArrayRef<Value> places,
                int64_t lines, Value first, Value column, int64_t vectors, Value mask);
  int64_t chooseLines(int64_t channels, int64_t vectors) const;
  Value weightAddress(Value group, Value out, Value in, ArrayRef<Value> taps);

  KernelBuilder &b;
  const ConvGeometry &geometry;
  Value weight;
  bool transposed;
  int64_t rows;
  ConvSlab slab;
  ConvEpilogue epilogue;
};
} // namespace

Value DirectConv::weightAddress(Value group, Value out, Value in, ArrayRef<Value> taps) {
  Value tap = b.index(0);
  for (auto [index, extent] : llvm::zip_equal(taps, geometry.kernel)) {
    tap = b.addIndex(b.mulIndex(tap, extent), index);
  }
  int64_t outs = geometry.outs, ins = geometry.ins, size = geometry.kernelSize();
  if (transposed) { // w is [groups ins, outs, kernel], read backwards
    Value line = b.addIndex(b.mulIndex(b.addIndex(b.mulIndex(group, ins), in), outs), out);
    Value end = b.addIndex(b.mulIndex(line, size), size - 1);
    return b.createOrFold<arith::SubIOp>(end, tap);
  }
  Value line = b.addIndex(b.mulIndex(b.addIndex(b.mulIndex(group, outs), out), ins), in);
  return b.addIndex(b.mulIndex(line, size), tap);
}

/// Rows of results that a tile of so many channels and vectors has registers for.
int64_t DirectConv::chooseLines(int64_t channels, int64_t vectors) const {
  if (geometry.rank() == 1) {
    return 1;
  }
  // An input is loaded once, and multiplied at once if there is one channel.
  int64_t others = 1 + (channels == 1 ? 1 : vectors);
  int64_t limit =
      std::max<int64_t>(1, (b.getTarget().registers - others) / (channels * vectors));
  int64_t extent = geometry.rank() == 2 ? rows : geometry.result[geometry.last() - 1];
  return ceilDiv(extent, ceilDiv(extent, limit));
}

void DirectConv::emitTile(ArrayRef<Value> head, Value out, int64_t channels, ArrayRef<Value> places,
                          int64_t lines, Value first, Value column, int64_t vectors, Value mask) {
  int64_t lanes = b.getLanes();
  Value group = head[1];
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(b.vectorType(b.getF32Type())));
  SmallVector<int64_t> terms{geometry.ins};
  llvm::append_range(terms, geometry.kernel);
  auto placesOf = [&](int64_t line) {
    SmallVector<Value> moved(places);
    if (!moved.empty()) {
      moved.back() = b.addIndex(moved.back(), line);
    }
    return moved;
  };
  auto term = [&](ArrayRef<Value> at, ValueRange acc) {
    ArrayRef<Value> taps = at.drop_front();
    SmallVector<Value> weights, next;
    for (int64_t i = 0; i < channels; ++i) {
      Value address = weightAddress(group, b.addIndex(out, i), at[0], taps);
      weights.push_back(b.splat(emitScalarLoad(b, weight, address)));
    }
    for (int64_t line = 0; line < lines; ++line) {
      SmallVector<Value> local = placesOf(line);
      if (!local.empty()) {
        local[0] = b.createOrFold<arith::SubIOp>(local[0], first);
      }
      Value base = b.addIndex(slab.address(at[0], local, taps), column);
      SmallVector<Value> inputs;
      for (int64_t v = 0; v < vectors; ++v) {
        inputs.push_back(emitLoad(b, slab.getBuffer(), b.addIndex(base, v * lanes)));
      }
      for (Value w : weights) {
        for (Value input : inputs) {
          next.push_back(vector::FMAOp::create(b, w, input, acc[next.size()]));
        }
      }
    }
    return next;
  };
  SmallVector<Value> acc =
      reduceAllPlaces(b, terms, SmallVector<Value>(lines * channels * vectors, zero), term);
  for (auto [index, sum] : llvm::enumerate(acc)) {
    int64_t v = index % vectors, i = index / vectors % channels;
    Value channel = b.addIndex(b.addIndex(b.mulIndex(group, geometry.outs), out), i);
    SmallVector<Value> at{head[0], channel};
    llvm::append_range(at, placesOf(index / vectors / channels));
    at.push_back(b.addIndex(column, v * lanes));
    epilogue.emit(sum, at, v == vectors - 1 ? mask : Value());
  }
}

void DirectConv::emitLines(ArrayRef<Value> head, Value out, int64_t channels, Value first,
                           ArrayRef<Value> places, int64_t lines, int64_t vectors) {
  int64_t lanes = b.getLanes(), width = geometry.result.back();
  int64_t whole = width / (vectors * lanes) * vectors * lanes, rest = width - whole;
  if (whole > 0) {
    b.loop(b.index(0), b.index(whole), vectors * lanes, [&](Value column) {
      emitTile(head, out, channels, places, lines, first, column, vectors, nullptr);
    });
  }
  if (rest > 0) {
    Value mask = rest % lanes ? b.laneMask(rest % lanes) : Value();
    emitTile(head, out, channels, places, lines, first, b.index(whole), ceilDiv(rest, lanes), mask);
  }
}

void DirectConv::emitChannels(Value batch, Value group, Value first, Value out, int64_t channels) {
  int64_t vectors = chooseTile(b.getTarget(), channels, geometry.result.back()).vectors;
  int64_t lines = chooseLines(channels, vectors);
  SmallVector<Value> head{batch, group};
  SmallVector<std::pair<Value, Value>> ranges;
  for (unsigned axis = 0; axis < geometry.last(); ++axis) {
    Value to = axis == 0 ? b.minIndex(b.addIndex(first, rows), geometry.result[0])
                         : b.index(geometry.result[axis]);
    ranges.push_back({axis == 0 ? first : b.index(0), to});
  }
  if (lines == 1) {
    return forAllPlaces(b, ranges, [&](ArrayRef<Value> places) {
      emitLines(head, out, channels, first, places, 1, vectors);
    });
  }
  auto [from, to] = ranges.pop_back_val();
  forAllPlaces(b, ranges, [&](ArrayRef<Value> outer) {
    auto emitAt = [&](Value place, int64_t count) {
      SmallVector<Value> places(outer);
      places.push_back(place);
      emitLines(head, out, channels, first, places, count, vectors);
    };
    Value count = b.createOrFold<arith::SubIOp>(to, from);
    Value whole = b.addIndex(from, b.mulIndex(b.divIndex(count, lines), lines));
    b.loop(from, whole, lines, [&](Value place) { emitAt(place, lines); });
    b.loop(whole, to, 1, [&](Value place) { emitAt(place, 1); });
  });
}

void DirectConv::emitChunk(Value batch, Value group, Value first) {
  slab.fill(batch, group, first);
  int64_t channels = chooseTile(b.getTarget(), geometry.outs, geometry.result.back()).rows;
  int64_t whole = geometry.outs / channels * channels;
  b.loop(b.index(0), b.index(whole), channels,
         [&](Value out) { emitChannels(batch, group, first, out, channels); });
  if (whole < geometry.outs) {
    emitChannels(batch, group, first, b.index(whole), geometry.outs - whole);
  }
}

int64_t DirectConv::emit() {
  int64_t blocks = ceilDiv(geometry.result[0], rows);
  b.loop(b.getLo(), b.getHi(), 1, [&](Value chunk) {
    SmallVector<Value> place = b.delinearize(chunk, {geometry.batch, geometry.groups, blocks});
    emitChunk(place[0], place[1], b.mulIndex(place[2], rows));
  });
  return geometry.batch * geometry.groups * blocks;
}

int64_t mome::cpu::emitDirectConv(KernelBuilder &b, const IterationSpace &space, Value root,
                                  const ConvGeometry &geometry, Value source, Value weight,
                                  bool transposed) {
  return DirectConv(b, space, root, geometry, source, weight, transposed).emit();
}

//===-- The family ----------------------------------------------------------------------------===//

EmitResult mome::cpu::emitConvolution(nn::KernelOp kernel, const Target &target,
                                      OpBuilder &builder) {
  std::optional<Convolution> conv = describeConvolution(kernel.getRoot());
  if (!conv) {
    return refuse("");
  }
  Value result = kernel.getRoot()->getResult(0);
  IterationSpace space(cast<ShapedType>(result.getType()).getShape(), kernel.getContext());
  if (std::string reason = refuseConvolution(kernel, space); !reason.empty()) {
    return refuse(reason);
  }
  KernelBuilder b(kernel, target, builder);
  Value source = b.getOperandBuffer(conv->source), factor = b.getOperandBuffer(conv->factor);
  bool forWeight = conv->kind == Convolution::Kind::forWeight;
  int64_t chunks = forWeight
                       ? emitConvWeightGradient(b, space, result, conv->geometry, source, factor)
                       : emitDirectConv(b, space, result, conv->geometry, source, factor,
                                        conv->kind == Convolution::Kind::forInput);
  return b.finish("conv", chunks);
}
