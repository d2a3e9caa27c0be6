// Convolutions and their derivatives, directly: no matrix of patches is built.
//
//   for each chunk (sample, group, rows of the first axis):  copy the padded input   (ConvolutionSlab)
//     for each block of result channels, for each row of results:
//       acc[channel][vector] = sum over input channels and taps of w * slab          in registers
//       epilogue, store
//
// The derivative for x is the same over the cotangent (getTransposedGeometry). The derivative for w
// holds the accumulators of a few taps of a few channels while it walks all results.
#include "dialects/NN/Conv.h"

#include "passes/cpu/ConvolutionKernel.h"
#include "passes/cpu/Families.h"
#include "passes/cpu/TileEmitter.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

//===-- Epilogue ------------------------------------------------------------------------------===//

std::string ConvEpilogue::refuse(nn::KernelOp kernel, const IterationSpace &space, Value root) {
  Trace trace;
  for (Value yielded : kernel.getBody().front().getTerminator()->getOperands()) {
    if (cast<ShapedType>(yielded.getType()).getShape() != space.getExtents()) {
      return "a result without the shape of the convolution";
    }
    traceValue(yielded, space.getIdentityView(), trace);
  }
  for (auto &[leaf, view] : trace.leaves) {
    if (leaf != root || view.index != space.getIdentityView().index) {
      return "the epilogue is not elementwise";
    }
  }
  return trace.refusal;
}

void ConvEpilogue::emit(Value value, ArrayRef<Value> at, Value mask) {
  Point point{SmallVector<Value>(space.getNumLoops()), std::nullopt, mask};
  for (auto [axis, index] : llvm::enumerate(at)) {
    if (auto loop = space.getLoop(axis)) {
      point.loops[*loop] = index;
    }
  }
  if (isa<VectorType>(value.getType())) {
    point.vectorLoop = space.getLoop(at.size() - 1);
    if (!point.vectorLoop) { // one column
      value = vector::ExtractOp::create(b, value, ArrayRef<int64_t>{0});
      point.mask = nullptr;
    }
  }
  emitter.bind(root, space.getIdentityView(), value);
  SmallVector<Value> values;
  for (Value yielded : b.getYielded()) {
    values.push_back(emitter.emit(yielded, point));
  }
  for (auto [number, result] : llvm::enumerate(values)) {
    emitter.store(result, b.getResultBuffer(number), space.getLinear(), point);
  }
}

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
  void emitTile(ArrayRef<Value> head, Value out, int64_t channels, ArrayRef<Value> places,
                Value first, Value column, int64_t vectors, Value mask);
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

void DirectConv::emitTile(ArrayRef<Value> head, Value out, int64_t channels, ArrayRef<Value> places,
                          Value first, Value column, int64_t vectors, Value mask) {
  int64_t lanes = b.getLanes();
  Value group = head[1];
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(b.vectorType(b.getF32Type())));
  SmallVector<int64_t> terms{geometry.ins};
  llvm::append_range(terms, geometry.kernel);
  SmallVector<Value> local(places);
  if (!local.empty()) {
    local[0] = b.createOrFold<arith::SubIOp>(local[0], first);
  }
  auto term = [&](ArrayRef<Value> at, ValueRange acc) {
    ArrayRef<Value> taps = at.drop_front();
    Value base = b.addIndex(slab.address(at[0], local, taps), column);
    SmallVector<Value> inputs, next;
    for (int64_t v = 0; v < vectors; ++v) {
      inputs.push_back(emitLoad(b, slab.getBuffer(), b.addIndex(base, v * lanes)));
    }
    for (int64_t i = 0; i < channels; ++i) {
      Value address = weightAddress(group, b.addIndex(out, i), at[0], taps);
      Value w = b.splat(emitScalarLoad(b, weight, address));
      for (int64_t v = 0; v < vectors; ++v) {
        next.push_back(vector::FMAOp::create(b, w, inputs[v], acc[i * vectors + v]));
      }
    }
    return next;
  };
  SmallVector<Value> acc =
      reduceAllPlaces(b, terms, SmallVector<Value>(channels * vectors, zero), term);
  for (int64_t i = 0; i < channels; ++i) {
    Value channel = b.addIndex(b.addIndex(b.mulIndex(group, geometry.outs), out), i);
    for (int64_t v = 0; v < vectors; ++v) {
      SmallVector<Value> at{head[0], channel};
      llvm::append_range(at, places);
      at.push_back(b.addIndex(column, v * lanes));
      epilogue.emit(acc[i * vectors + v], at, v == vectors - 1 ? mask : Value());
    }
  }
}

void DirectConv::emitChannels(Value batch, Value group, Value first, Value out, int64_t channels) {
  int64_t lanes = b.getLanes(), width = geometry.result.back();
  int64_t vectors = chooseTile(b.getTarget(), channels, width).vectors;
  int64_t whole = width / (vectors * lanes) * vectors * lanes, rest = width - whole;
  SmallVector<std::pair<Value, Value>> ranges;
  for (unsigned axis = 0; axis < geometry.last(); ++axis) {
    Value to = axis == 0 ? b.minIndex(b.addIndex(first, rows), geometry.result[0])
                         : b.index(geometry.result[axis]);
    ranges.push_back({axis == 0 ? first : b.index(0), to});
  }
  SmallVector<Value> head{batch, group};
  forAllPlaces(b, ranges, [&](ArrayRef<Value> at) {
    SmallVector<Value> places(at);
    if (whole > 0) {
      b.loop(b.index(0), b.index(whole), vectors * lanes, [&](Value column) {
        emitTile(head, out, channels, places, first, column, vectors, nullptr);
      });
    }
    if (rest > 0) {
      Value mask = rest % lanes ? b.laneMask(rest % lanes) : Value();
      emitTile(head, out, channels, places, first, b.index(whole), ceilDiv(rest, lanes), mask);
    }
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

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<ShapedType>(value.getType()).getShape();
}

static std::string refuseConv(nn::KernelOp kernel, Operation *root, const IterationSpace &space) {
  for (Value operand : root->getOperands()) {
    if (!isa<BlockArgument>(operand)) {
      return "an operand is computed in the kernel";
    }
    Type element = cast<ShapedType>(operand.getType()).getElementType();
    if (!element.isF32() && !element.isBF16()) {
      return "an element type other than f32 and bf16";
    }
  }
  return ConvEpilogue::refuse(kernel, space, root->getResult(0));
}

template <typename Op> static ConvGeometry geometryOf(Op op, Value x, Value weight, Value y) {
  return getConvGeometry(shapeOf(x), shapeOf(weight), shapeOf(y),
                         nn::getConvWindow(op, shapeOf(weight)), op.getGroups());
}

EmitResult mome::cpu::emitConvolution(nn::KernelOp kernel, const Target &target,
                                      OpBuilder &builder) {
  Operation *root = kernel.getRoot();
  if (!isa<nn::ConvOp, nn::ConvBackwardInputOp, nn::ConvBackwardWeightOp>(root)) {
    return refuse("");
  }
  Value result = root->getResult(0);
  IterationSpace space(shapeOf(result), kernel.getContext());
  if (std::string reason = refuseConv(kernel, root, space); !reason.empty()) {
    return refuse(reason);
  }
  KernelBuilder b(kernel, target, builder);
  int64_t chunks = 0;
  auto buffer = [&](Value operand) { return b.getOperandBuffer(operand); };
  if (auto op = dyn_cast<nn::ConvOp>(root)) {
    ConvGeometry geometry = geometryOf(op, op.getX(), op.getWeight(), result);
    chunks = emitDirectConv(b, space, result, geometry, buffer(op.getX()), buffer(op.getWeight()),
                            /*transposed=*/false);
  } else if (auto op = dyn_cast<nn::ConvBackwardInputOp>(root)) {
    ConvGeometry geometry =
        getTransposedGeometry(geometryOf(op, result, op.getWeight(), op.getCotangent()));
    chunks = emitDirectConv(b, space, result, geometry, buffer(op.getCotangent()),
                            buffer(op.getWeight()), /*transposed=*/true);
  } else {
    auto gradient = cast<nn::ConvBackwardWeightOp>(root);
    ConvGeometry geometry = geometryOf(gradient, gradient.getX(), result, gradient.getCotangent());
    chunks = emitConvWeightGradient(b, space, result, geometry, buffer(gradient.getX()),
                                    buffer(gradient.getCotangent()));
  }
  return b.finish("conv", chunks);
}
