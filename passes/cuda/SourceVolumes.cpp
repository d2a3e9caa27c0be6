// See SourceVolumes.h.
#include "passes/cuda/SourceVolumes.h"

#include "passes/cuda/SharedTile.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

/// Rounds in which the threads of a block take all places, at most if there is a choice.
static constexpr int64_t mostRounds = 2;
/// Volumes of a block at most.
static constexpr int64_t mostVolumes = 8;
/// Results along the first axis that a thread has at a time; along the last one, if rows are even.
static constexpr int64_t longestColumn = 8, pairLanes = 2;
/// Loads of a thread that are under way together.
static constexpr int64_t loadsTogether = 8;

Value mome::cuda::laneOf(LaunchBuilder &b, Value value, int64_t lane) {
  return isa<VectorType>(value.getType())
             ? vector::ExtractOp::create(b, value, ArrayRef<int64_t>{lane}).getResult()
             : value;
}

Value mome::cuda::readWide(LaunchBuilder &b, Value buffer, Value at, int64_t count) {
  Value value = loadNeighbours(b, buffer, at, count);
  return holdsBf16(buffer) ? b.widenBits(value) : value;
}

//===-- Shapes --------------------------------------------------------------------------------===//

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

VolumeShare::VolumeShare(const Volume &volume, int64_t of, int64_t elementBytes, int64_t own) {
  double best = 0;
  for (int64_t count = 1; count <= std::min(of, mostVolumes); ++count) {
    if (of % count || count * (own + elementBytes * volume.size()) > mostBytes) {
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

//===-- Filling -------------------------------------------------------------------------------===//

SourceVolumes::SourceVolumes(LaunchBuilder &b, const Convolution &conv, const Volume &volume,
                             const VolumeShare &share, int64_t offset)
    : b(b), geometry(conv.geometry), volume(volume), share(share),
      source(b.getOperandBuffer(conv.source)) {
  int64_t size = share.volumes * volume.size();
  shared = b.shareMemory(offset, size, cast<MemRefType>(source.getType()).getElementType());
  if (holdsBf16(shared) && volume.lanes == pairLanes) {
    words = b.shareMemory(offset, size / pairLanes, b.getI32Type());
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

void SourceVolumes::clear() {
  int64_t size = share.volumes * volume.size(), lanes = elementsPerUnit(shared);
  Type element = cast<MemRefType>(shared.getType()).getElementType();
  Value zeros = arith::ConstantOp::create(b, b.getZeroAttr(VectorType::get(lanes, element)));
  b.loop(b.mulIndex(b.getThread(), lanes), b.index(size), lanes * share.threads,
         [&](Value at) { storeVector(b, zeros, shared, at); });
}

/// A thread has the same pairs of neighbours, or elements if rows are odd, of some planes; several planes at a time.
void SourceVolumes::fill(Value first, int64_t step) {
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
          memref::StoreOp::create(b, laneOf(b, elements, lane), shared, place);
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

//===-- Reading -------------------------------------------------------------------------------===//

SourceVolumes::Place SourceVolumes::placeOf(Value number) {
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
SmallVector<Value> SourceVolumes::readUnit(Value at) {
  if (words) {
    Value pair = memref::LoadOp::create(b, words, b.divIndex(at, pairLanes));
    auto [left, right] = b.unpackPair(pair);
    return {left, right};
  }
  Value several = readWide(b, shared, at, volume.lanes);
  return llvm::map_to_vector(llvm::seq(volume.lanes),
                             [&](int64_t lane) { return laneOf(b, several, lane); });
}

SmallVector<SmallVector<Value>> SourceVolumes::loadPlane(Value plane, const Place &place) {
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

void SourceVolumes::forProducts(
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
