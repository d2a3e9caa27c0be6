// See Depthwise.h.
#include "passes/cuda/Depthwise.h"

#include "passes/cuda/ThreadReduction.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

/// Of a block at most; rounds in which these take all places, at most if there is a choice.
static constexpr int64_t mostThreads = 512, mostRounds = 2;
/// Volumes of a block at most.
static constexpr int64_t mostVolumes = 8;
/// Results along the first axis that a thread has at a time; along the last one, if rows are even.
static constexpr int64_t longestColumn = 8, pairLanes = 2;
/// Sums of a thread that are taps of a weight.
static constexpr int64_t mostTaps = 32;
/// Loads of a thread that are under way together.
static constexpr int64_t loadsTogether = 8;
/// Without asking for more (LaunchBuilder.h).
static constexpr int64_t sharedBytes = 48 << 10;

namespace {

/// The source of a channel and sample in shared memory: axes with the zeros around it.
struct Volume {
  explicit Volume(const ConvGeometry &geometry);

  int64_t rolled, lanes;        // results of a thread along the first and the last axis, at a time
  SmallVector<int64_t> extents; // with room for all that the threads read
  int64_t plane = 1;            // elements behind one of the first axis
  SmallVector<int64_t> places;  // of threads in a plane, by axis
  int64_t size() const { return ceilDiv(extents[0] * plane, 8) * 8; }
  int64_t countPlaces() const { return ShapedType::getNumElements(places); }
};

/// Volumes of a block, and its threads: as few of these as possible are idle.
struct Share {
  Share(const Volume &volume, int64_t of, int64_t elementBytes);

  int64_t volumes = 1, threads = mostThreads;
};

class DepthwiseKernel {
public:
  DepthwiseKernel(LaunchBuilder &b, const Convolution &conv, const Volume &volume,
                  const Share &share, const IterationSpace &space);
  /// The number of blocks.
  int64_t emitResults();
  int64_t emitWeights();

private:
  void clear();
  /// The volumes from line `first` on, each `step` lines behind the last: a line is a sample and channel.
  void fill(Value first, int64_t step);
  /// A thread's place: its volume, its indices along all axes but the first, and where in shared memory it begins.
  struct Place {
    Value volume, begin;
    SmallVector<Value> digits;
  };
  Place placeOf(Value number);
  /// Of a plane of the volume, the elements that a thread's taps in it meet: by row of taps, then along it.
  SmallVector<SmallVector<Value>> loadPlane(Value plane, const Place &place);
  /// Calls `use` for the products of the results from `first` on: with the result's number and lane, the tap's number,
  /// and the element that meets it. Every plane is loaded once.
  void
  forProducts(Value first, const Place &place,
              function_ref<void(int64_t result, int64_t lane, int64_t tap, Value element)> use);
  void storeFactors(Value group);
  SmallVector<Value> loadFactors(Value volume);
  void emitColumns(Value batch, Value group, const Place &place);
  SmallVector<Value> addColumn(Value line, Value first, const Place &place, ValueRange before);
  void storeWeights(Value group, ArrayRef<Value> sums);
  Value zero() { return arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f)); }
  Value read(Value buffer, Value at, int64_t count);
  Value laneOf(Value value, int64_t lane);
  SmallVector<Value> readUnit(Value at);
  /// Whether a result along the first axis is there; null if all are.
  Value existsAt(Value result);

  LaunchBuilder &b;
  const Convolution &conv;
  const ConvGeometry &geometry;
  const Volume &volume;
  const Share &share;
  Value source, factor;
  Value factors, shared; // the weights' taps; the volumes
  Value words;           // these as pairs of bf16, if threads read pairs
  ConvEpilogue epilogue;
  SmallVector<int64_t> rows; // of taps in a plane: where they begin
};

} // namespace

Volume::Volume(const ConvGeometry &geometry) {
  rolled = std::min(geometry.result[0], longestColumn);
  lanes = geometry.result.back() % pairLanes == 0 ? pairLanes : 1;
  for (unsigned axis = 0; axis < geometry.rank(); ++axis) {
    int64_t results = geometry.result[axis];
    results = axis == 0 ? ceilDiv(results, rolled) * rolled : results;
    extents.push_back(std::max(results + (geometry.kernel[axis] - 1) * geometry.dilation[axis],
                               geometry.source[axis] + geometry.shift[axis]));
  }
  extents.back() = ceilDiv(extents.back(), lanes) * lanes;
  for (unsigned axis = 1; axis < geometry.rank(); ++axis) {
    plane *= extents[axis];
    places.push_back(geometry.result[axis]);
  }
  places.back() /= lanes;
}

Share::Share(const Volume &volume, int64_t of, int64_t elementBytes) {
  double best = 0;
  for (int64_t count = 1; count <= std::min(of, mostVolumes); ++count) {
    if (of % count || count * (4 * mostTaps + elementBytes * volume.size()) > sharedBytes) {
      continue;
    }
    int64_t work = count * volume.countPlaces();
    for (int64_t rounds = 1; rounds <= std::max(mostRounds, ceilDiv(work, mostThreads)); ++rounds) {
      int64_t wanted = ceilDiv(ceilDiv(work, rounds), warpThreads) * warpThreads;
      double busy = double(work) / double(rounds * wanted);
      if (wanted <= mostThreads && busy > best) {
        best = busy, volumes = count, threads = wanted;
      }
    }
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
                                 const Share &share, const IterationSpace &space)
    : b(b), conv(conv), geometry(conv.geometry), volume(volume), share(share),
      source(b.getOperandBuffer(conv.source)), factor(b.getOperandBuffer(conv.factor)),
      epilogue(b, space, b.getKernel().getRoot()->getResult(0)) {
  factors = b.shareMemory(0, share.volumes * mostTaps, b.getF32Type());
  shared = b.shareMemory(4 * share.volumes * mostTaps, share.volumes * volume.size(),
                         cast<MemRefType>(source.getType()).getElementType());
  if (holdsBf16(shared) && volume.lanes == pairLanes) {
    words = b.shareMemory(4 * share.volumes * mostTaps, share.volumes * volume.size() / pairLanes,
                          b.getI32Type());
  }
  rows = {0};
  for (unsigned axis = 1; axis < geometry.rank(); ++axis) {
    SmallVector<int64_t> longer;
    for (int64_t row : rows) {
      for (int64_t tap = 0; tap < (axis == geometry.last() ? 1 : geometry.kernel[axis]); ++tap) {
        longer.push_back(row * volume.extents[axis] + tap * geometry.dilation[axis]);
      }
    }
    rows = std::move(longer);
  }
}

Value DepthwiseKernel::read(Value buffer, Value at, int64_t count) {
  Value value = loadNeighbours(b, buffer, at, count);
  return holdsBf16(buffer) ? b.widenBits(value) : value;
}

Value DepthwiseKernel::laneOf(Value value, int64_t lane) {
  return isa<VectorType>(value.getType())
             ? vector::ExtractOp::create(b, value, ArrayRef<int64_t>{lane}).getResult()
             : value;
}

Value DepthwiseKernel::existsAt(Value result) {
  return geometry.result[0] % volume.rolled == 0 ? Value()
                                                 : b.isLess(result, b.index(geometry.result[0]));
}

//===-- The volumes ---------------------------------------------------------------------------===//

void DepthwiseKernel::clear() {
  int64_t size = share.volumes * volume.size(), lanes = elementsPerUnit(shared);
  Type element = cast<MemRefType>(shared.getType()).getElementType();
  Value zeros = arith::ConstantOp::create(b, b.getZeroAttr(VectorType::get(lanes, element)));
  b.loop(b.mulIndex(b.getThread(), lanes), b.index(size), lanes * share.threads,
         [&](Value at) { storeVector(b, zeros, shared, at); });
}

/// A thread has the same pairs of neighbours, or elements if rows are odd, of some planes; several planes at a time.
void DepthwiseKernel::fill(Value first, int64_t step) {
  int64_t lanes = geometry.source.back() % 2 == 0 ? 2 : 1, planes = geometry.source[0];
  int64_t perPlane = geometry.sourceSize() / planes, units = perPlane / lanes;
  int64_t width = std::min(units, share.threads), apart = share.threads / width;
  Value total = b.index(share.volumes * planes), own = b.divIndex(b.getThread(), width);
  auto prepare = [&](Value plane, Value from, Value to) -> std::function<void()> {
    Value exists = b.isLess(plane, total);
    Value safe = b.minIndex(plane, share.volumes * planes - 1);
    Value line = b.addIndex(first, b.mulIndex(b.divIndex(safe, planes), step));
    Value along = b.remIndex(safe, planes);
    Value at = b.addIndex(b.mulIndex(b.addIndex(b.mulIndex(line, planes), along), perPlane), from);
    Value elements = loadNeighbours(b, source, at, lanes);
    return [=, this] {
      Value begin = b.addIndex(b.mulIndex(b.divIndex(plane, planes), volume.size()),
                               b.mulIndex(b.addIndex(along, geometry.shift[0]), volume.plane));
      b.ifThen(exists, [&] {
        for (int64_t lane = 0; lane < lanes; ++lane) {
          Value place = b.addIndex(b.addIndex(begin, to), lane);
          memref::StoreOp::create(b, laneOf(elements, lane), shared, place);
        }
      });
    };
  };
  auto fillUnit = [&](Value unit) {
    Value from = b.mulIndex(unit, lanes), to = b.index(0);
    SmallVector<Value> digits = b.delinearize(from, ArrayRef(geometry.source).drop_front());
    for (unsigned axis = 1; axis < geometry.rank(); ++axis) {
      to = b.addIndex(b.mulIndex(to, volume.extents[axis]),
                      b.addIndex(digits[axis - 1], geometry.shift[axis]));
    }
    int64_t together = std::min(loadsTogether, ceilDiv(share.volumes * planes, apart));
    b.loop(own, total, together * apart, [&](Value plane) {
      SmallVector<std::function<void()>> stores;
      for (int64_t i = 0; i < together; ++i) {
        stores.push_back(prepare(b.addIndex(plane, i * apart), from, to));
      }
      for (const std::function<void()> &store : stores) {
        store();
      }
    });
  };
  Value mine = b.remIndex(b.getThread(), width);
  b.ifThen(b.isLess(own, b.index(apart)), [&] {
    if (width == units) {
      fillUnit(mine);
    } else {
      b.loop(mine, b.index(units), width, fillUnit);
    }
  });
}

DepthwiseKernel::Place DepthwiseKernel::placeOf(Value number) {
  SmallVector<int64_t> extents{share.volumes};
  llvm::append_range(extents, volume.places);
  SmallVector<Value> digits = b.delinearize(number, extents);
  digits.back() = b.mulIndex(digits.back(), volume.lanes);
  Value at = b.index(0);
  for (unsigned axis = 1; axis < geometry.rank(); ++axis) {
    at = b.addIndex(b.mulIndex(at, volume.extents[axis]), digits[axis]);
  }
  return {digits[0], b.addIndex(b.mulIndex(digits[0], volume.size()), at),
          SmallVector<Value>(ArrayRef(digits).drop_front())};
}

/// What a thread reads of a row at once, from a multiple of its elements.
SmallVector<Value> DepthwiseKernel::readUnit(Value at) {
  if (words) {
    Value pair = memref::LoadOp::create(b, words, b.divIndex(at, pairLanes));
    auto [left, right] = b.unpackPair(pair);
    return {left, right};
  }
  Value several = read(shared, at, volume.lanes);
  return llvm::map_to_vector(llvm::seq(volume.lanes),
                             [&](int64_t lane) { return laneOf(several, lane); });
}

SmallVector<SmallVector<Value>> DepthwiseKernel::loadPlane(Value plane, const Place &place) {
  Value origin = b.addIndex(b.mulIndex(plane, volume.plane), place.begin);
  int64_t lanes = volume.lanes, taps = geometry.kernel.back(), apart = geometry.dilation.back();
  return llvm::map_to_vector(rows, [&](int64_t row) {
    SmallVector<Value> elements(ceilDiv(lanes + (taps - 1) * apart, lanes) * lanes);
    for (int64_t met = 0; met < lanes * taps; ++met) {
      int64_t unit = (met % lanes + met / lanes * apart) / lanes * lanes;
      if (!elements[unit]) {
        SmallVector<Value> several = readUnit(b.addIndex(origin, row + unit));
        llvm::copy(several, elements.begin() + unit);
      }
    }
    return elements;
  });
}

void DepthwiseKernel::forProducts(
    Value first, const Place &place,
    function_ref<void(int64_t result, int64_t lane, int64_t tap, Value element)> use) {
  int64_t taps = geometry.kernel[0], step = geometry.dilation[0], perRow = geometry.kernel.back();
  auto perPlane = int64_t(rows.size());
  for (int64_t plane = 0; plane < volume.rolled + (taps - 1) * step; ++plane) {
    SmallVector<SmallVector<Value>> elements = loadPlane(b.addIndex(first, plane), place);
    for (int64_t number = 0; number < taps * perPlane * perRow * volume.lanes; ++number) {
      int64_t lane = number % volume.lanes, tap = number / volume.lanes;
      int64_t along = tap % perRow, row = tap / perRow % perPlane;
      int64_t result = plane - tap / perRow / perPlane * step;
      if (result >= 0 && result < volume.rolled) {
        use(result, lane, tap, elements[row][lane + along * geometry.dilation.back()]);
      }
    }
  }
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
      weights.push_back(laneOf(four, e));
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
    forProducts(first, place, [&](int64_t result, int64_t lane, int64_t tap, Value element) {
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
  clear();
  b.barrier(); // zeros are there
  storeFactors(group);
  fill(b.addIndex(b.mulIndex(block[0], geometry.groups), group), /*step=*/1);
  b.barrier(); // the volumes and the weights are there
  b.loop(b.getThread(), b.index(share.volumes * volume.countPlaces()), share.threads,
         [&](Value number) { emitColumns(block[0], group, placeOf(number)); });
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
    Value several = read(factor, at, volume.lanes);
    for (int64_t lane = 0; lane < volume.lanes; ++lane) {
      Value cotangent = laneOf(several, lane);
      cotangents.push_back(
          exists ? arith::SelectOp::create(b, exists, cotangent, zero()).getResult() : cotangent);
    }
  }
  forProducts(first, place, [&](int64_t result, int64_t lane, int64_t tap, Value element) {
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
  clear();
  b.barrier(); // zeros are there
  auto addPlace = [&](Value batch, Value number, ValueRange before) {
    Place place = placeOf(number);
    Value sample = b.addIndex(batch, place.volume);
    Value line = b.addIndex(b.mulIndex(sample, geometry.groups), group);
    auto add = [&](Value first, ValueRange state) { return addColumn(line, first, place, state); };
    return llvm::to_vector(
        b.reduceLoop(b.index(0), b.index(geometry.result[0]), volume.rolled, before, add));
  };
  sums = llvm::to_vector(b.reduceLoop(
      b.index(0), b.index(geometry.batch), share.volumes, sums,
      [&](Value batch, ValueRange before) {
        fill(b.addIndex(b.mulIndex(batch, geometry.groups), group), geometry.groups);
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
  Share share(volume, forWeight ? conv.geometry.batch : conv.geometry.groups, bits / 8);
  LaunchBuilder b(kernel, 0, forWeight ? 1 : volume.lanes, builder);
  DepthwiseKernel depthwise(b, conv, volume, share, space);
  int64_t blocks = forWeight ? depthwise.emitWeights() : depthwise.emitResults();
  DeviceKernel result;
  b.finish(result, blocks, share.threads);
  return result;
}
