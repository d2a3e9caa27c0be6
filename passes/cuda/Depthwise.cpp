// See Depthwise.h.
#include "passes/cuda/Depthwise.h"

#include "passes/cuda/SourceVolumes.h"
#include "passes/cuda/ThreadReduction.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

/// Taps of a weight at most; the bytes of a channel's.
static constexpr int64_t mostTaps = 32, factorBytes = 4 * mostTaps;

namespace {

class DepthwiseKernel {
public:
  DepthwiseKernel(LaunchBuilder &b, const Convolution &conv, const Volume &volume,
                  const VolumeShare &share, const IterationSpace &space);
  /// The number of blocks.
  int64_t emitResults();
  int64_t emitWeights();

private:
  using Place = SourceVolumes::Place;

  void storeFactors(Value group);
  SmallVector<Value> loadFactors(Value volume);
  void emitColumns(Value batch, Value group, const Place &place);
  SmallVector<Value> addColumn(Value line, Value first, const Place &place, ValueRange before);
  void storeWeights(Value group, ArrayRef<Value> sums);
  Value zero() { return arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f)); }
  /// Whether a result along the first axis is there; null if all are.
  Value existsAt(Value result);

  LaunchBuilder &b;
  const Convolution &conv;
  const ConvGeometry &geometry;
  const Volume &volume;
  const VolumeShare &share;
  Value factor;
  Value factors; // the weights' taps in shared memory; behind them the volumes
  SourceVolumes sources;
  ConvEpilogue epilogue;
};

} // namespace

bool mome::cuda::isDepthwise(const Convolution &conv) {
  const ConvGeometry &geometry = conv.geometry;
  auto isOne = [](int64_t value) { return value == 1; };
  auto isNegative = [](int64_t value) { return value < 0; };
  return geometry.ins == 1 && geometry.outs == 1 && geometry.rank() > 1 &&
         llvm::all_of(geometry.stride, isOne) && llvm::all_of(geometry.spread, isOne) &&
         llvm::none_of(geometry.shift, isNegative) && geometry.kernelSize() <= mostTaps &&
         4 * Volume(geometry).size() + factorBytes <= VolumeShare::mostBytes;
}

DepthwiseKernel::DepthwiseKernel(LaunchBuilder &b, const Convolution &conv, const Volume &volume,
                                 const VolumeShare &share, const IterationSpace &space)
    : b(b), conv(conv), geometry(conv.geometry), volume(volume), share(share),
      factor(b.getOperandBuffer(conv.factor)),
      factors(b.shareMemory(0, share.volumes * mostTaps, b.getF32Type())),
      sources(b, conv, volume, share, share.volumes * factorBytes),
      epilogue(b, space, b.getKernel().getRoot()->getResult(0)) {}

Value DepthwiseKernel::existsAt(Value result) {
  return geometry.result[0] % volume.rolled == 0 ? Value()
                                                 : b.isLess(result, b.index(geometry.result[0]));
}

//===-- Results -------------------------------------------------------------------------------===//

/// In the order in which taps meet the volume, of the block's channels.
void DepthwiseKernel::storeFactors(Value group) {
  int64_t taps = geometry.kernelSize();
  b.loop(b.getThread(), b.index(share.volumes * taps), share.threads, [&](Value number) {
    SmallVector<Value> digits = b.delinearize(number, {share.volumes, taps});
    Value tap = digits[1];
    if (conv.kind == Convolution::Kind::forInput) {
      tap = b.createOrFold<arith::SubIOp>(b.index(taps - 1), tap);
    }
    Value channel = b.addIndex(group, digits[0]);
    Value weight = b.loadWide(factor, b.addIndex(b.mulIndex(channel, taps), tap));
    memref::StoreOp::create(b, weight, factors,
                            b.addIndex(b.mulIndex(digits[0], mostTaps), digits[1]));
  });
}

SmallVector<Value> DepthwiseKernel::loadFactors(Value number) {
  int64_t taps = geometry.kernelSize();
  SmallVector<Value> weights;
  for (int64_t tap = 0; tap < taps; tap += 4) {
    Value four = loadFour(b, factors, b.addIndex(b.mulIndex(number, mostTaps), tap));
    for (int64_t e = 0; e < 4 && tap + e < taps; ++e) {
      weights.push_back(laneOf(b, four, e));
    }
  }
  return weights;
}

/// All results of a place, along the first axis.
void DepthwiseKernel::emitColumns(Value batch, Value group, const Place &place) {
  SmallVector<Value> weights = loadFactors(place.volume);
  Value channel = b.addIndex(group, place.volume);
  b.loop(b.index(0), b.index(geometry.result[0]), volume.rolled, [&](Value first) {
    int64_t lanes = volume.lanes;
    SmallVector<Value> sums(volume.rolled * lanes, zero());
    sources.forProducts(first, place,
                        [&](int64_t result, int64_t lane, int64_t tap, Value element) {
                          Value &sum = sums[result * lanes + lane];
                          sum = math::FmaOp::create(b, weights[tap], element, sum);
                        });
    for (int64_t i = 0; i < volume.rolled; ++i) {
      SmallVector<Value> at{batch, channel, b.addIndex(first, i)};
      llvm::append_range(at, place.digits);
      auto store = [&] {
        Value value = sums[i];
        if (lanes > 1) {
          value = vector::FromElementsOp::create(b, b.vectorType(b.getF32Type()),
                                                 ArrayRef(sums).slice(i * lanes, lanes));
        }
        epilogue.emit(value, at, nullptr);
      };
      if (Value exists = existsAt(at[2])) {
        b.ifThen(exists, store);
      } else {
        store();
      }
    }
  });
}

int64_t DepthwiseKernel::emitResults() {
  int64_t perBlock = geometry.groups / share.volumes;
  SmallVector<Value> block = b.delinearize(b.getBlock(), {geometry.batch, perBlock});
  Value group = b.mulIndex(block[1], share.volumes);
  sources.clear();
  b.barrier(); // zeros are there
  storeFactors(group);
  sources.fill(b.addIndex(b.mulIndex(block[0], geometry.groups), group), /*step=*/1);
  b.barrier(); // the volumes and the weights are there
  b.loop(b.getThread(), b.index(share.volumes * volume.countPlaces()), share.threads,
         [&](Value number) { emitColumns(block[0], group, sources.placeOf(number)); });
  return geometry.batch * perBlock;
}

//===-- Weights -------------------------------------------------------------------------------===//

/// The sums of all taps plus the products of a column of cotangents from `first` on; `line`: its sample and channel.
SmallVector<Value> DepthwiseKernel::addColumn(Value line, Value first, const Place &place,
                                              ValueRange before) {
  SmallVector<Value> sums = llvm::to_vector(before), cotangents;
  for (int64_t i = 0; i < volume.rolled; ++i) {
    Value result = b.addIndex(first, i), exists = existsAt(result);
    Value at = b.addIndex(b.mulIndex(line, geometry.result[0]), result);
    for (auto [digit, extent] :
         llvm::zip_equal(place.digits, ArrayRef(geometry.result).drop_front())) {
      at = b.addIndex(b.mulIndex(at, extent), digit);
    }
    at = exists ? arith::SelectOp::create(b, exists, at, b.index(0)).getResult() : at;
    Value several = readWide(b, factor, at, volume.lanes);
    for (int64_t lane = 0; lane < volume.lanes; ++lane) {
      Value cotangent = laneOf(b, several, lane);
      cotangents.push_back(
          exists ? arith::SelectOp::create(b, exists, cotangent, zero()).getResult() : cotangent);
    }
  }
  sources.forProducts(first, place, [&](int64_t result, int64_t lane, int64_t tap, Value element) {
    Value cotangent = cotangents[result * volume.lanes + lane];
    sums[tap] = math::FmaOp::create(b, cotangent, element, sums[tap]);
  });
  return sums;
}

/// Adds the threads' sums: over warps by shuffles, then the warps in order.
void DepthwiseKernel::storeWeights(Value group, ArrayRef<Value> sums) {
  int64_t taps = sums.size(), warps = share.threads / warpThreads;
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

/// A channel's samples, as many at a time as the block has volumes.
int64_t DepthwiseKernel::emitWeights() {
  Value group = b.getBlock();
  SmallVector<Value> sums(geometry.kernelSize(), zero());
  sources.clear();
  b.barrier(); // zeros are there
  auto addPlace = [&](Value batch, Value number, ValueRange before) {
    Place place = sources.placeOf(number);
    Value sample = b.addIndex(batch, place.volume);
    Value line = b.addIndex(b.mulIndex(sample, geometry.groups), group);
    auto add = [&](Value first, ValueRange state) { return addColumn(line, first, place, state); };
    return llvm::to_vector(
        b.reduceLoop(b.index(0), b.index(geometry.result[0]), volume.rolled, before, add));
  };
  sums = llvm::to_vector(b.reduceLoop(
      b.index(0), b.index(geometry.batch), share.volumes, sums,
      [&](Value batch, ValueRange before) {
        sources.fill(b.addIndex(b.mulIndex(batch, geometry.groups), group), geometry.groups);
        b.barrier(); // the volumes are there
        SmallVector<Value> after = llvm::to_vector(b.reduceLoop(
            b.getThread(), b.index(share.volumes * volume.countPlaces()), share.threads, before,
            [&](Value number, ValueRange state) { return addPlace(batch, number, state); }));
        b.barrier(); // the volumes are free
        return after;
      }));
  storeWeights(group, sums);
  return geometry.groups;
}

DeviceKernel mome::cuda::emitDepthwise(nn::KernelOp kernel, OpBuilder &builder,
                                       const Convolution &conv, const IterationSpace &space) {
  bool forWeight = conv.kind == Convolution::Kind::forWeight;
  Volume volume(conv.geometry);
  int64_t bits = cast<ShapedType>(conv.source.getType()).getElementTypeBitWidth();
  VolumeShare share(volume, forWeight ? conv.geometry.batch : conv.geometry.groups, bits / 8,
                    factorBytes);
  LaunchBuilder b(kernel, 0, forWeight ? 1 : volume.lanes, builder);
  DepthwiseKernel depthwise(b, conv, volume, share, space);
  int64_t blocks = forWeight ? depthwise.emitWeights() : depthwise.emitResults();
  DeviceKernel result;
  b.finish(result, blocks, share.threads);
  return result;
}
