// See TileShape.h.
#include "passes/cuda/TileShape.h"

#include "passes/cuda/LaunchBuilder.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

/// A part of a sum is worth a block of its own from here on, in tile depths.
static constexpr int64_t leastSteps = 8;
static constexpr int64_t mostSplits = 32;
/// So many should fit on a multiprocessor: one loads while another multiplies. Warpgroups do both at a time.
static constexpr int64_t residentBlocks = 2;
/// Tiles of fewer rows are for products of fewer.
static constexpr int64_t leastRows = 64;
/// Cycles of a block that nothing hides: its first copies, and the loads of its epilogue.
static constexpr double waitCycles = 1500;
/// Of shared memory, that every block takes for the system.
static constexpr int64_t reservedBytes = 1024;
/// Bytes of shared memory that one access moves, and a request for global memory covers.
static constexpr double lineBytes = 128;

/// For bf16. Of tf32, which takes twice the bytes, a tile has half the depth.
static constexpr TileShape tensorShapes[] = {
    {128, 128, 128, 2, 64, 2}, {128, 128, 128, 2, 32, 3}, {64, 128, 128, 2, 64, 2},
    {64, 64, 128, 2, 32, 3},   {32, 64, 128, 2, 32, 3},   {16, 64, 128, 1, 32, 3},
};
/// Of sm_90a, for bf16. Products of a step read shared memory while copies for the next but one fill it.
static constexpr TileShape warpgroupShapes[] = {
    {192, 256, 384, 0, 64, 4, true}, {192, 192, 384, 0, 64, 4, true},
    {128, 256, 256, 0, 64, 4, true}, {128, 192, 256, 0, 64, 4, true},
    {128, 128, 256, 0, 64, 3, true}, {64, 128, 128, 0, 64, 4, true},
};
static constexpr TileShape simtShapes[] = {
    {128, 128, 256, 0, 16, 3}, {64, 64, 256, 0, 16, 3}, {32, 64, 128, 0, 16, 3}, {16, 64, 64, 0, 16, 3},
};

static SmallVector<TileShape> shapesFor(const ProductExtents &extents, const Machine &machine) {
  if (extents.multiplier == Multiplier::fma) {
    return SmallVector<TileShape>(ArrayRef(simtShapes));
  }
  SmallVector<TileShape> shapes;
  if (machine.warpgroupFmas && extents.multiplier == Multiplier::bf16 && extents.inUnits) {
    llvm::append_range(shapes, warpgroupShapes);
  }
  for (TileShape shape : tensorShapes) {
    shape.depth /= extents.multiplier == Multiplier::tf32 ? 2 : 1;
    shapes.push_back(shape);
  }
  return shapes;
}

static int64_t bytesOf(const TileShape &shape, Multiplier multiplier) {
  return (shape.rows + shape.columns) * shape.depth * elementBytes(multiplier);
}

/// How many blocks of this shape a multiprocessor holds, or counts on.
static int64_t residentOf(const TileShape &shape, Multiplier multiplier, const Machine &machine) {
  int64_t bytes = shape.stages * bytesOf(shape, multiplier);
  return std::min(residentBlocks, machine.sharedBytes / (bytes + reservedBytes));
}

/// Elements of shared memory that multiplying a tile reads, per depth.
static double readPerDepth(const TileShape &shape) {
  if (shape.warpgroups) {
    return double(shape.rows + shape.columns * (shape.rows / 64));
  }
  int64_t warpColumns = shape.threads / warpThreads / shape.warpRows;
  return double(shape.rows * warpColumns + shape.columns * shape.warpRows);
}

/// Cycles of one tile: it fills the multiplying units, or shared memory with copies in, lines that these
/// ask for, and operands out; sums then pass through shared memory once.
static double cyclesOfTile(const Machine &machine, const TileShape &shape, Multiplier multiplier,
                           double depth) {
  double sums = double(shape.rows * shape.columns), lines = double(shape.rows + shape.columns);
  auto rate = double(shape.warpgroups ? machine.warpgroupFmas : machine.rateOf(multiplier));
  double staged = 3 * sums * 4 / lineBytes, multiplied = sums / rate;
  if (multiplier == Multiplier::fma) {
    return depth * multiplied + staged;
  }
  auto bytes = double(elementBytes(multiplier));
  double asked = lines * bytes / std::min(bytes * double(shape.depth), lineBytes);
  double shared = (readPerDepth(shape) + lines) * bytes / lineBytes + asked;
  return depth * std::max(multiplied, shared) + staged;
}

ProductPlan::ProductPlan(const ProductExtents &extents, const TileShape &shape, int64_t parts)
    : shape(shape) {
  rowTiles = ceilDiv(extents.m, shape.rows);
  columnTiles = ceilDiv(extents.n, shape.columns);
  splitDepth = ceilDiv(ceilDiv(extents.k, parts), shape.depth) * shape.depth;
  splits = ceilDiv(extents.k, splitDepth);
  blocks = extents.batch * rowTiles * columnTiles * splits;
}

/// Blocks that run together share what they read from memory as the rows and columns of a square of them.
double ProductPlan::memoryCycles(const Machine &machine, const ProductExtents &extents) const {
  int64_t resident = residentOf(shape, extents.multiplier, machine);
  double together = double(std::min(blocks * extents.group, resident * machine.multiprocessors));
  double depth = double(splitDepth * elementBytes(extents.multiplier));
  double fromL2 = 0, fromDram = 4.0 * double(extents.batch * extents.m * extents.n);
  for (auto [lines, tileLines] :
       {std::pair(extents.m, shape.rows), std::pair(extents.n, shape.columns)}) {
    double once = double(extents.batch * lines * extents.k * elementBytes(extents.multiplier));
    double read = double(blocks * tileLines) * depth;
    fromL2 += read;
    fromDram += std::max(once, read / std::sqrt(together));
  }
  return double(extents.group) *
         std::max(fromL2 / double(machine.l2Bytes), fromDram / double(machine.dramBytes));
}

double ProductPlan::cyclesOn(const Machine &machine, const ProductExtents &extents) const {
  double rounds = double(ceilDiv(blocks * extents.group, machine.multiprocessors));
  double cycles = rounds * cyclesOfTile(machine, shape, extents.multiplier, double(splitDepth));
  bool alone = residentOf(shape, extents.multiplier, machine) == 1;
  cycles = std::max(cycles + (alone ? rounds : 1) * waitCycles, memoryCycles(machine, extents));
  if (splits == 1) {
    return cycles;
  }
  double parts = 4.0 * double(extents.group * extents.batch * extents.m * extents.n * splits);
  return cycles + double(machine.launchCycles) + waitCycles + 2 * parts / double(machine.l2Bytes);
}

ProductPlan::ProductPlan(const ProductExtents &extents, const Machine &machine)
    : ProductPlan(extents, shapesFor(extents, machine).front(), 1) {
  double least = std::numeric_limits<double>::infinity();
  for (const TileShape &shape : shapesFor(extents, machine)) {
    int64_t resident = residentOf(shape, extents.multiplier, machine);
    bool fits = resident >= (shape.warpgroups ? 1 : residentBlocks);
    bool wanted = extents.tile.empty() || extents.tile == ArrayRef({shape.rows, shape.columns});
    if (!fits || !wanted || (shape.rows < leastRows && extents.m > shape.rows)) {
      continue;
    }
    int64_t most = std::clamp<int64_t>(extents.k / (leastSteps * shape.depth), 1, mostSplits);
    for (int64_t parts = 1; parts <= most; ++parts) {
      ProductPlan plan(extents, shape, parts);
      double cycles = plan.cyclesOn(machine, extents);
      if (cycles < least) {
        least = cycles;
        *this = plan;
      }
    }
  }
}
