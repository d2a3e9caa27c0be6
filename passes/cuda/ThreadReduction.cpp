// See ThreadReduction.h.
#include "passes/cuda/ThreadReduction.h"

#include "passes/cuda/SharedTile.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

SmallVector<Value> ThreadReduction::overWarp(ValueRange state, int64_t width) {
  SmallVector<Value> all = llvm::to_vector(state);
  for (int64_t distance = width / 2; distance > 0; distance /= 2) {
    all = reduction.combine(all, exchange(all, distance));
  }
  return all;
}

SmallVector<Value> ThreadReduction::reserve(ValueRange state, int64_t count, int64_t &offset) {
  SmallVector<Value> buffers;
  for (Value value : state) {
    buffers.push_back(b.shareMemory(offset, count, value.getType()));
    offset += 4 * count;
  }
  return buffers;
}

SmallVector<Value> ThreadReduction::load(ArrayRef<Value> buffers, Value at) {
  return llvm::map_to_vector(
      buffers, [&](Value buffer) -> Value { return memref::LoadOp::create(b, buffer, at); });
}

void ThreadReduction::store(ValueRange state, ArrayRef<Value> buffers, Value at) {
  for (auto [value, buffer] : llvm::zip_equal(state, buffers)) {
    memref::StoreOp::create(b, value, buffer, at);
  }
}

SmallVector<Value> ThreadReduction::overBlock(ValueRange state, int64_t threads, int64_t &offset) {
  SmallVector<Value> all = overWarp(state);
  int64_t warps = threads / warpThreads;
  SmallVector<Value> buffers = reserve(state, warps, offset);
  Value lane = b.remIndex(b.getThread(), warpThreads);
  b.ifThen(b.isEqual(lane, b.index(0)),
           [&] { store(all, buffers, b.divIndex(b.getThread(), warpThreads)); });
  b.barrier();
  all = load(buffers, b.index(0));
  for (int64_t warp = 1; warp < warps; ++warp) {
    all = reduction.combine(all, load(buffers, b.index(warp)));
  }
  return all;
}

SmallVector<Value> ThreadReduction::exchange(ValueRange state, int64_t distance) {
  return llvm::map_to_vector(state, [&](Value value) -> Value {
    auto type = dyn_cast<VectorType>(value.getType());
    if (!type) {
      return b.exchange(value, distance);
    }
    SmallVector<Value> lanes;
    for (int64_t lane = 0; lane < type.getNumElements(); ++lane) {
      lanes.push_back(b.exchange(vector::ExtractOp::create(b, value, lane), distance));
    }
    return vector::FromElementsOp::create(b, type, lanes);
  });
}

SmallVector<Value> ThreadReduction::overColumns(ValueRange state, int64_t threads, int64_t width) {
  SmallVector<Value> all = llvm::to_vector(state);
  for (int64_t distance = warpThreads / 2; distance >= width; distance /= 2) {
    all = reduction.combine(all, exchange(all, distance));
  }
  int64_t warps = threads / warpThreads;
  if (warps == 1) {
    return all;
  }
  int64_t lanes = isa<VectorType>(all.front().getType()) ? b.getLanes() : 1;
  SmallVector<Value> buffers;
  for (auto [number, value] : llvm::enumerate(all)) {
    int64_t size = lanes * warps * width;
    buffers.push_back(
        b.shareMemory(int64_t(number) * 4 * size, size, getElementTypeOrSelf(value.getType())));
  }
  auto loadAt = [&](Value place) {
    Value at = b.mulIndex(place, lanes);
    return llvm::map_to_vector(buffers,
                               [&](Value buffer) { return loadNeighbours(b, buffer, at, lanes); });
  };
  auto storeAt = [&](Value place, ValueRange values) {
    for (auto [value, buffer] : llvm::zip_equal(values, buffers)) {
      storeVector(b, value, buffer, b.mulIndex(place, lanes));
    }
  };
  Value lane = b.remIndex(b.getThread(), warpThreads);
  b.ifThen(b.isLess(lane, b.index(width)), [&] {
    Value warp = b.divIndex(b.getThread(), warpThreads);
    storeAt(b.addIndex(b.mulIndex(warp, width), lane), all);
  });
  for (int64_t half = warps / 2; half > 1; half /= 2) {
    b.barrier();
    b.ifThen(b.isLess(b.getThread(), b.index(half * width)), [&] {
      SmallVector<Value> mine = loadAt(b.getThread());
      storeAt(b.getThread(),
              reduction.combine(mine, loadAt(b.addIndex(b.getThread(), half * width))));
    });
  }
  b.barrier();
  Value column = b.remIndex(b.getThread(), width);
  return reduction.combine(loadAt(column), loadAt(b.addIndex(column, width)));
}
