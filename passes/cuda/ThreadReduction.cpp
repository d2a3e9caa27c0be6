// See ThreadReduction.h.
#include "passes/cuda/ThreadReduction.h"

#include "passes/cuda/SharedTile.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

SmallVector<Value> ThreadReduction::overWarp(ValueRange state, int64_t width) {
  SmallVector<Value> all = llvm::to_vector(state);
  for (int64_t distance = width / 2; distance > 0; distance /= 2) {
    SmallVector<Value> others =
        llvm::map_to_vector(all, [&](Value value) { return b.exchange(value, distance); });
    all = reduction.combine(all, others);
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

SmallVector<Value> ThreadReduction::overColumns(ValueRange state, int64_t threads, int64_t width) {
  Type type = state.front().getType();
  int64_t lanes = isa<VectorType>(type) ? b.getLanes() : 1;
  SmallVector<Value> buffers;
  for (auto [number, value] : llvm::enumerate(state)) {
    buffers.push_back(b.shareMemory(int64_t(number) * 4 * lanes * threads, lanes * threads,
                                    getElementTypeOrSelf(value.getType())));
  }
  auto loadAt = [&](Value thread) {
    Value at = b.mulIndex(thread, lanes);
    return llvm::map_to_vector(buffers,
                               [&](Value buffer) { return loadNeighbours(b, buffer, at, lanes); });
  };
  auto storeAt = [&](ValueRange values) {
    for (auto [value, buffer] : llvm::zip_equal(values, buffers)) {
      storeVector(b, value, buffer, b.mulIndex(b.getThread(), lanes));
    }
  };
  storeAt(state);
  for (int64_t half = threads / 2; half >= width; half /= 2) {
    b.barrier();
    b.ifThen(b.isLess(b.getThread(), b.index(half)), [&] {
      SmallVector<Value> mine = loadAt(b.getThread());
      storeAt(reduction.combine(mine, loadAt(b.addIndex(b.getThread(), half))));
    });
  }
  return loadAt(b.getThread()); // which it wrote itself
}
