// See ArenaColoring.h.
#include "passes/ArenaColoring.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

using namespace mome;
using llvm::ArrayRef;
using llvm::SmallVector;

namespace {
struct Interval {
  int64_t begin, end;
};
} // namespace

/// The offset of the smallest hole between `taken` (sorted by begin) that holds `size` bytes; the
/// end of all of them if there is none.
static int64_t findHole(ArrayRef<Interval> taken, int64_t size) {
  std::optional<int64_t> best;
  int64_t bestSize = 0, end = 0;
  for (const Interval &interval : taken) {
    int64_t hole = interval.begin - end;
    if (hole >= size && (!best || hole < bestSize)) {
      best = end;
      bestSize = hole;
    }
    end = std::max(end, interval.end);
  }
  return best.value_or(end);
}

Packing mome::packArena(ArrayRef<Lifetime> lifetimes, int64_t alignment) {
  SmallVector<size_t> order = llvm::to_vector(llvm::seq<size_t>(0, lifetimes.size()));
  llvm::sort(order, [&](size_t a, size_t b) {
    return std::tuple(-lifetimes[a].size, lifetimes[a].first, a) <
           std::tuple(-lifetimes[b].size, lifetimes[b].first, b);
  });
  Packing packing;
  packing.offsets.assign(lifetimes.size(), 0);
  SmallVector<size_t> placed;
  for (size_t i : order) {
    const Lifetime &life = lifetimes[i];
    int64_t size = llvm::alignTo(life.size, alignment);
    SmallVector<Interval> taken;
    for (size_t other : placed) {
      if (lifetimes[other].first <= life.last && life.first <= lifetimes[other].last) {
        int64_t begin = packing.offsets[other];
        taken.push_back({begin, begin + int64_t(llvm::alignTo(lifetimes[other].size, alignment))});
      }
    }
    llvm::sort(taken, [](const Interval &a, const Interval &b) { return a.begin < b.begin; });
    packing.offsets[i] = findHole(taken, size);
    packing.peak = std::max(packing.peak, packing.offsets[i] + size);
    placed.push_back(i);
  }
  return packing;
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
