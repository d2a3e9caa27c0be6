// The numbers here are the best of searches (`mome-check-kernels bench/gemm.mlir --bench --cold`). Panels come from the second-level
// cache as fast as from the first, so blocks are deep; chunks are small enough that what they read again and again stays there too, also
// when neighbours take half.
#include "passes/cpu/BlockPlan.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

/// k per block; up to `wholeDepth`, sums in scratch cost more than they save, unless chunks pack many columns.
static constexpr int64_t blockDepth = 784, wholeDepth = 1600;
/// Where only A is packed first, chunks have all of its rows and few columns, so that a column is packed once.
static constexpr int64_t mostSharedRows = 768, columnsBesideSharedRows = 48;
/// The packs of an operand, about; and blocks of one at most: a page of each k.
static constexpr int64_t wantedPacks = 16, mostBlocksPerPack = 64;

bool mome::cpu::prefersBlocks(const Target &target, const nn::Product &product) {
  if (product.n < target.lanes || product.k < 64) {
    return false;
  }
  bool strided = product.transposeLhs && !product.transposeRhs; // A cannot be read in place
  return strided ? product.m >= 2 * target.tileRows
                 : product.m >= 96 && product.n >= 64 && product.k >= 128 && product.batch == 1;
}

/// The most rows and columns of a chunk: few of what it packs, and many of what is shared, so that the former is seldom packed again.
/// If both are shared, enough of both that the third-level cache, or memory, keeps up.
static std::pair<int64_t, int64_t> chunkOf(const Target &target, const BlockPlan &plan) {
  if (plan.sharesRows) {
    return plan.sharesColumns ? std::pair<int64_t, int64_t>(48, 384)
                              : std::pair(mostSharedRows, columnsBesideSharedRows);
  }
  if (plan.sharesColumns) {
    return {target.chunkRows, plan.depth < plan.extent ? 384 : target.chunkColumns};
  }
  return {192, 96};
}

/// What a chunk alone needs is better packed by it, since it never leaves the cache: the wider operand. But where one that lies across
/// is long, each k of a chunk is in a page of its own, and finding all of them for each chunk takes longer than to pack it at once.
static void chooseShared(BlockPlan &plan, const nn::Product &product, int64_t wanted) {
  bool few = product.batch > 1 || product.m < 96 || double(product.m) * product.n * product.k < 4e6;
  bool packsColumnsOnce = product.m <= std::min(mostSharedRows, product.n - 1) &&
                          product.n >= wanted * columnsBesideSharedRows;
  bool isLong = product.transposeLhs && plan.extent > wholeDepth;
  plan.sharesRows = !few && plan.packsRows && (packsColumnsOnce || isLong);
  plan.sharesColumns = !few && (!plan.sharesRows || isLong);
}

BlockPlan mome::cpu::planBlocks(const Target &target, const nn::Product &product, bool pairs,
                                int64_t wanted) {
  constexpr int64_t fewestBlocks = 4;
  BlockPlan plan;
  plan.tile = {target.tileRows, target.tileVectors};
  plan.pairs = pairs;
  plan.extent = pairs ? product.k / 2 : product.k;
  plan.tileColumns = target.tileColumns();
  plan.allPanels = ceilDiv(product.n, plan.tileColumns);
  plan.allRowBlocks = ceilDiv(product.m, plan.tile.rows);
  plan.packsRows =
      product.transposeLhs || cast<ShapedType>(product.lhs.getType()).getElementType().isBF16();
  chooseShared(plan, product, wanted);
  bool shares = plan.sharesRows || plan.sharesColumns;
  bool whole = plan.extent <= (shares ? wholeDepth : blockDepth);
  int64_t depths = whole ? 1 : ceilDiv(plan.extent, blockDepth);
  plan.depth = ceilDiv(ceilDiv(plan.extent, depths), target.lanes) * target.lanes;
  plan.rowBlocksPerPack = std::min(ceilDiv(plan.allRowBlocks, wantedPacks), mostBlocksPerPack);
  plan.panelsPerPack = std::min(ceilDiv(plan.allPanels, wantedPacks), mostBlocksPerPack);
  auto [mostRows, mostColumns] = chunkOf(target, plan);
  plan.panels = ceilDiv(plan.allPanels, ceilDiv(product.n, mostColumns));
  plan.columnGroups = ceilDiv(plan.allPanels, plan.panels);
  int64_t groups = std::max(ceilDiv(product.m, mostRows), ceilDiv(wanted, plan.columnGroups));
  plan.rowBlocks =
      std::max(ceilDiv(plan.allRowBlocks, groups), std::min(fewestBlocks, plan.allRowBlocks));
  plan.rowGroups = ceilDiv(plan.allRowBlocks, plan.rowBlocks);
  return plan;
}
