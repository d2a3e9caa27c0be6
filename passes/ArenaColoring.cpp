// See ArenaColoring.h.
#include "passes/ArenaColoring.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

using namespace mome;
using llvm::ArrayRef;
using llvm::SmallVector;

namespace {
/// A lifetime that has its bytes.
struct Placed {
  int64_t begin, end; // bytes
  int64_t first, last;
};
} // namespace

/// Which of the holes that are large enough a value goes into.
enum class Hole { smallest, lowest };

/// The offset of a hole that holds `size` bytes during `life`, between those of `placed` (sorted by
/// begin) that live then; the end of all of them if there is none.
static int64_t findHole(ArrayRef<Placed> placed, const Lifetime &life, int64_t size, Hole which) {
  std::optional<int64_t> best;
  int64_t bestSize = 0, end = 0;
  for (const Placed &other : placed) {
    if (other.first > life.last || life.first > other.last) {
      continue;
    }
    int64_t hole = other.begin - end;
    if (hole >= size && which == Hole::lowest) {
      return end;
    }
    if (hole >= size && (!best || hole < bestSize)) {
      best = end;
      bestSize = hole;
    }
    end = std::max(end, other.end);
  }
  return best.value_or(end);
}

/// Packs the lifetimes in this order.
static Packing pack(ArrayRef<Lifetime> lifetimes, ArrayRef<size_t> order, int64_t alignment,
                    Hole which) {
  Packing packing;
  packing.offsets.assign(lifetimes.size(), 0);
  std::vector<Placed> placed; // by begin
  for (size_t i : order) {
    const Lifetime &life = lifetimes[i];
    int64_t size = llvm::alignTo(life.size, alignment), begin = findHole(placed, life, size, which);
    packing.offsets[i] = begin;
    packing.peak = std::max(packing.peak, begin + size);
    auto place = llvm::partition_point(placed, [&](const Placed &p) { return p.begin < begin; });
    placed.insert(place, {begin, begin + size, life.first, life.last});
  }
  return packing;
}

Packing mome::packArena(ArrayRef<Lifetime> lifetimes, int64_t alignment) {
  SmallVector<size_t> order = llvm::to_vector(llvm::seq<size_t>(0, lifetimes.size()));
  llvm::sort(order, [&](size_t a, size_t b) {
    return std::tuple(-lifetimes[a].size, lifetimes[a].first, a) <
           std::tuple(-lifetimes[b].size, lifetimes[b].first, b);
  });
  Packing smallest = pack(lifetimes, order, alignment, Hole::smallest);
  Packing lowest = pack(lifetimes, order, alignment, Hole::lowest);
  return lowest.peak < smallest.peak ? lowest : smallest;
}

int64_t mome::lowerBound(ArrayRef<Lifetime> lifetimes, int64_t alignment) {
  std::map<int64_t, int64_t> change; // bytes that come to life, or die, at a time
  for (const Lifetime &life : lifetimes) {
    int64_t size = llvm::alignTo(life.size, alignment);
    change[life.first] += size;
    change[life.last + 1] -= size;
  }
  int64_t live = 0, peak = 0;
  for (auto [time, delta] : change) {
    live += delta;
    peak = std::max(peak, live);
  }
  return peak;
}
