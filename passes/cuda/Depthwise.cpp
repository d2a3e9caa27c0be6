// See Depthwise.h.
#include "passes/cuda/Depthwise.h"

#include "passes/cuda/ThreadReduction.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

static constexpr int64_t threads = 256;
/// Results along the first axis that a thread has at a time.
static constexpr int64_t longestColumn = 8;
/// Sums of a thread that are taps of a weight.
static constexpr int64_t mostTaps = 32;
/// Without asking for more (LaunchBuilder.h).
static constexpr int64_t sharedBytes = 48 << 10;

namespace {

/// The volume in shared memory: axes with the zeros around the source.
struct Volume {
  explicit Volume(const ConvGeometry &geometry);

  int64_t rolled;               // results of a thread along the first axis, at a time
  SmallVector<int64_t> extents; // the first has room for whole columns of results
  int64_t plane;                // elements behind one of the first axis
  int64_t places;               // of results in a plane: up to the last
  int64_t size() const { return extents[0] * plane; }
};

class DepthwiseKernel {
public:
  DepthwiseKernel(LaunchBuilder &b, const Convolution &conv, const Volume &volume,
                  const IterationSpace &space);
  /// The number of blocks.
  int64_t emitResults();
  int64_t emitWeights();

private:
  void clear();
  void fill(Value batch, Value group);
  /// Of a plane of the volume at a place, the elements that the taps in it meet.
  SmallVector<Value> loadPlane(Value plane, Value place);
  /// Calls `use` for the products of the results from `first` on: with the result's number, the tap's, and the element
  /// that meets it. Every plane is loaded once.
  void forProducts(Value first, Value place,
                   function_ref<void(int64_t result, int64_t tap, Value element)> use);
  /// The place's indices along all axes but the first, and whether it has results.
  SmallVector<Value> digitsOf(Value place, Value &exists);
  SmallVector<Value> loadWeights();
  void emitColumns(Value batch, Value group, Value place, ArrayRef<Value> weights);
  SmallVector<Value> addColumn(Value batch, Value group, Value first, Value place,
                               ValueRange before);
  void storeWeights(Value group, ArrayRef<Value> sums);
  Value zero() { return arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f)); }

  LaunchBuilder &b;
  const Convolution &conv;
  const ConvGeometry &geometry;
  const Volume &volume;
  Value source, factor;
  Value shared; // the weight's taps, then the volume
  ConvEpilogue epilogue;
  SmallVector<int64_t> offsets; // in a plane, of its taps
};

} // namespace

Volume::Volume(const ConvGeometry &geometry) {
  rolled = std::min(geometry.result[0], longestColumn);
  for (unsigned axis = 0; axis < geometry.rank(); ++axis) {
    int64_t results = geometry.result[axis];
    results = axis == 0 ? ceilDiv(results, rolled) * rolled : results;
    extents.push_back(std::max(results + (geometry.kernel[axis] - 1) * geometry.dilation[axis],
                               geometry.source[axis] + geometry.shift[axis]));
  }
  plane = places = 1;
  for (unsigned axis = 1; axis < geometry.rank(); ++axis) {
    plane *= extents[axis];
    places = (places - 1) * extents[axis] + geometry.result[axis];
  }
}

bool mome::cuda::isDepthwise(const Convolution &conv) {
  const ConvGeometry &geometry = conv.geometry;
  auto isOne = [](int64_t value) { return value == 1; };
  auto isNegative = [](int64_t value) { return value < 0; };
  return geometry.ins == 1 && geometry.outs == 1 && geometry.rank() > 1 &&
         llvm::all_of(geometry.stride, isOne) && llvm::all_of(geometry.spread, isOne) &&
         llvm::none_of(geometry.shift, isNegative) && geometry.kernelSize() <= mostTaps &&
         4 * (Volume(geometry).size() + mostTaps) <= sharedBytes;
}

DepthwiseKernel::DepthwiseKernel(LaunchBuilder &b, const Convolution &conv, const Volume &volume,
                                 const IterationSpace &space)
    : b(b), conv(conv), geometry(conv.geometry), volume(volume),
      source(b.getOperandBuffer(conv.source)), factor(b.getOperandBuffer(conv.factor)),
      epilogue(b, space, b.getKernel().getRoot()->getResult(0)) {
  shared = b.shareMemory(0, mostTaps + ceilDiv(volume.size(), 4) * 4, b.getF32Type());
  offsets = {0};
  for (unsigned axis = 1; axis < geometry.rank(); ++axis) {
    SmallVector<int64_t> longer;
    for (int64_t offset : offsets) {
      for (int64_t tap = 0; tap < geometry.kernel[axis]; ++tap) {
        longer.push_back(offset * volume.extents[axis] + tap * geometry.dilation[axis]);
      }
    }
    offsets = std::move(longer);
  }
}

//===-- The volume ----------------------------------------------------------------------------===//

void DepthwiseKernel::clear() {
  int64_t size = cast<MemRefType>(shared.getType()).getNumElements();
  SmallVector<Value> zeros(4, zero());
  b.loop(b.mulIndex(b.getThread(), 4), b.index(size), 4 * threads,
         [&](Value at) { storeNeighbours(b, zeros, shared, at); });
}

/// Pairs of neighbours where rows allow it.
void DepthwiseKernel::fill(Value batch, Value group) {
  int64_t lanes = geometry.source.back() % 2 == 0 ? 2 : 1, size = geometry.sourceSize();
  Value line = b.addIndex(b.mulIndex(batch, geometry.groups), group);
  Value origin = b.mulIndex(line, size);
  b.loop(b.mulIndex(b.getThread(), lanes), b.index(size), lanes * threads, [&](Value number) {
    Value at = b.index(0);
    SmallVector<Value> digits = b.delinearize(number, geometry.source);
    for (unsigned axis = 0; axis < geometry.rank(); ++axis) {
      at = b.addIndex(b.mulIndex(at, volume.extents[axis]),
                      b.addIndex(digits[axis], geometry.shift[axis]));
    }
    Value elements = loadNeighbours(b, source, b.addIndex(origin, number), lanes);
    elements = holdsBf16(source) ? b.widenBits(elements) : elements;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      Value element =
          lanes == 1 ? elements
                     : vector::ExtractOp::create(b, elements, ArrayRef<int64_t>{lane}).getResult();
      memref::StoreOp::create(b, element, shared, b.addIndex(at, mostTaps + lane));
    }
  });
}

SmallVector<Value> DepthwiseKernel::loadPlane(Value plane, Value place) {
  Value origin = b.addIndex(b.mulIndex(plane, volume.plane), place);
  return llvm::map_to_vector(offsets, [&](int64_t offset) -> Value {
    return memref::LoadOp::create(b, shared, b.addIndex(origin, mostTaps + offset));
  });
}

SmallVector<Value> DepthwiseKernel::digitsOf(Value place, Value &exists) {
  SmallVector<Value> digits = b.delinearize(place, ArrayRef(volume.extents).drop_front());
  exists = b.isLess(place, b.index(volume.places));
  for (auto [digit, extent] : llvm::zip_equal(digits, ArrayRef(geometry.result).drop_front())) {
    exists = arith::AndIOp::create(b, exists, b.isLess(digit, b.index(extent)));
  }
  return digits;
}

//===-- Results -------------------------------------------------------------------------------===//

/// In the order of taps, through shared memory.
SmallVector<Value> DepthwiseKernel::loadWeights() {
  int64_t taps = geometry.kernelSize();
  SmallVector<Value> weights;
  for (int64_t tap = 0; tap < taps; tap += 4) {
    Value four = loadFour(b, shared, b.index(tap));
    for (int64_t e = 0; e < 4 && tap + e < taps; ++e) {
      weights.push_back(vector::ExtractOp::create(b, four, ArrayRef<int64_t>{e}));
    }
  }
  return weights;
}

void DepthwiseKernel::forProducts(Value first, Value place,
                                  function_ref<void(int64_t, int64_t, Value)> use) {
  int64_t taps = geometry.kernel[0], step = geometry.dilation[0], perPlane = offsets.size();
  for (int64_t plane = 0; plane < volume.rolled + (taps - 1) * step; ++plane) {
    SmallVector<Value> elements = loadPlane(b.addIndex(first, plane), place);
    for (int64_t tap = 0; tap < taps; ++tap) {
      int64_t result = plane - tap * step;
      for (int64_t i = 0; result >= 0 && result < volume.rolled && i < perPlane; ++i) {
        use(result, tap * perPlane + i, elements[i]);
      }
    }
  }
}

/// All results of a place, along the first axis.
void DepthwiseKernel::emitColumns(Value batch, Value group, Value place, ArrayRef<Value> weights) {
  Value exists;
  SmallVector<Value> digits = digitsOf(place, exists);
  b.loop(b.index(0), b.index(geometry.result[0]), volume.rolled, [&](Value first) {
    SmallVector<Value> sums(volume.rolled, zero());
    forProducts(first, place, [&](int64_t result, int64_t tap, Value element) {
      sums[result] = math::FmaOp::create(b, weights[tap], element, sums[result]);
    });
    for (int64_t i = 0; i < volume.rolled; ++i) {
      Value result = b.addIndex(first, i);
      Value stores =
          geometry.result[0] % volume.rolled == 0
              ? exists
              : arith::AndIOp::create(b, exists, b.isLess(result, b.index(geometry.result[0])))
                    .getResult();
      b.ifThen(stores, [&] {
        SmallVector<Value> at{batch, group, result};
        llvm::append_range(at, digits);
        epilogue.emit(sums[i], at, nullptr);
      });
    }
  });
}

int64_t DepthwiseKernel::emitResults() {
  int64_t taps = geometry.kernelSize();
  SmallVector<Value> block = b.delinearize(b.getBlock(), {geometry.batch, geometry.groups});
  clear();
  b.barrier(); // zeros are there
  b.ifThen(b.isLess(b.getThread(), b.index(taps)), [&] {
    Value tap = b.getThread();
    if (conv.kind == Convolution::Kind::forInput) {
      tap = b.createOrFold<arith::SubIOp>(b.index(taps - 1), tap);
    }
    Value weight = b.loadWide(factor, b.addIndex(b.mulIndex(block[1], taps), tap));
    memref::StoreOp::create(b, weight, shared, b.getThread());
  });
  fill(block[0], block[1]);
  b.barrier(); // the volume and the weights are there
  SmallVector<Value> weights = loadWeights();
  b.loop(b.getThread(), b.index(volume.places), threads,
         [&](Value place) { emitColumns(block[0], block[1], place, weights); });
  return geometry.batch * geometry.groups;
}

//===-- Weights -------------------------------------------------------------------------------===//

/// The sums of all taps plus the products of a column of cotangents from `first` on.
SmallVector<Value> DepthwiseKernel::addColumn(Value batch, Value group, Value first, Value place,
                                              ValueRange before) {
  Value exists;
  SmallVector<Value> digits = digitsOf(place, exists), sums = llvm::to_vector(before);
  SmallVector<Value> cotangents;
  Value line = b.addIndex(b.mulIndex(batch, geometry.groups), group);
  for (int64_t i = 0; i < volume.rolled; ++i) {
    Value result = b.addIndex(first, i), at = b.mulIndex(line, geometry.result[0]);
    Value inside = arith::AndIOp::create(b, exists, b.isLess(result, b.index(geometry.result[0])));
    at = b.addIndex(at, result);
    for (auto [digit, extent] : llvm::zip_equal(digits, ArrayRef(geometry.result).drop_front())) {
      at = b.addIndex(b.mulIndex(at, extent), digit);
    }
    at = arith::SelectOp::create(b, inside, at, b.index(0));
    cotangents.push_back(arith::SelectOp::create(b, inside, b.loadWide(factor, at), zero()));
  }
  forProducts(first, place, [&](int64_t result, int64_t tap, Value element) {
    sums[tap] = math::FmaOp::create(b, cotangents[result], element, sums[tap]);
  });
  return sums;
}

/// Adds the threads' sums: over warps by shuffles, then the warps in order.
void DepthwiseKernel::storeWeights(Value group, ArrayRef<Value> sums) {
  int64_t taps = sums.size(), warps = threads / warpThreads;
  Value lane = b.remIndex(b.getThread(), warpThreads);
  Value warp = b.divIndex(b.getThread(), warpThreads);
  ThreadReduction add(b, nn::ReductionKind::sum);
  SmallVector<Value> totals =
      llvm::map_to_vector(sums, [&](Value sum) { return add.overWarp(sum).front(); });
  Value perWarp = b.shareMemory(0, warps * taps, b.getF32Type());
  b.barrier(); // the volume has been read
  b.ifThen(b.isEqual(lane, b.index(0)), [&] {
    for (int64_t tap = 0; tap < taps; ++tap) {
      memref::StoreOp::create(b, totals[tap], perWarp, b.addIndex(b.mulIndex(warp, taps), tap));
    }
  });
  b.barrier();
  b.ifThen(b.isLess(b.getThread(), b.index(taps)), [&] {
    Value total = memref::LoadOp::create(b, perWarp, b.getThread());
    for (int64_t i = 1; i < warps; ++i) {
      Value next = memref::LoadOp::create(b, perWarp, b.addIndex(b.getThread(), i * taps));
      total = arith::AddFOp::create(b, total, next);
    }
    SmallVector<Value> at{group, b.index(0)};
    llvm::append_range(at, b.delinearize(b.getThread(), geometry.kernel));
    epilogue.emit(total, at, nullptr);
  });
}

int64_t DepthwiseKernel::emitWeights() {
  Value group = b.getBlock();
  SmallVector<Value> sums(geometry.kernelSize(), zero());
  clear();
  b.barrier(); // zeros are there
  sums = llvm::to_vector(b.reduceLoop(
      b.index(0), b.index(geometry.batch), 1, sums, [&](Value batch, ValueRange before) {
        fill(batch, group);
        b.barrier(); // the volume is there
        SmallVector<Value> after = llvm::to_vector(
            b.reduceLoop(b.getThread(), b.index(volume.places), threads, before,
                         [&](Value place, ValueRange outer) {
                           return llvm::to_vector(
                               b.reduceLoop(b.index(0), b.index(geometry.result[0]), volume.rolled,
                                            outer, [&](Value first, ValueRange inner) {
                                              return addColumn(batch, group, first, place, inner);
                                            }));
                         }));
        b.barrier(); // the volume is free
        return after;
      }));
  storeWeights(group, sums);
  return geometry.groups;
}

DeviceKernel mome::cuda::emitDepthwise(nn::KernelOp kernel, OpBuilder &builder,
                                       const Convolution &conv, const IterationSpace &space) {
  LaunchBuilder b(kernel, 0, /*lanes=*/1, builder);
  Volume volume(conv.geometry);
  DepthwiseKernel depthwise(b, conv, volume, space);
  int64_t blocks =
      conv.kind == Convolution::Kind::forWeight ? depthwise.emitWeights() : depthwise.emitResults();
  DeviceKernel result;
  b.finish(result, blocks, threads);
  return result;
}
