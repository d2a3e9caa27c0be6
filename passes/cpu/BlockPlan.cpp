// The numbers here are the best of searches (`mome-check-kernels bench/gemm.mlir --bench --cold`). Panels come from the second-level
// cache as fast as from the first, so blocks are deep; chunks are small enough that what they read again and again stays there too, also
// when neighbours take half.
#include "passes/cpu/BlockPlan.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

/// k per block; up to `wholeDepth`, sums in scratch cost more than they save, unless chunks pack many columns.
static constexpr int64_t blockDepth = 784, wholeDepth = 1600;
/// Where A is what is packed first, chunks have all of its rows and few columns, so that a column is packed once.
static constexpr int64_t mostSharedRows = 768, columnsBesideSharedRows = 48;
/// The packs of a product, about; and blocks of one at most: a page of each k.
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
static std::pair<int64_t, int64_t> chunkOf(const BlockPlan &plan) {
  if (plan.sharesRows()) {
    return {mostSharedRows, columnsBesideSharedRows};
  }
  return plan.sharesColumns() ? std::pair(24, plan.depth < plan.extent ? 384 : 768)
                              : std::pair(192, 96);
}

/// What takes longest to pack is not worth sharing: packed by the chunk that needs it, it never leaves the cache.
static BlockPlan::Shared chooseShared(const nn::Product &product, bool packsRows, int64_t wanted) {
  if (product.batch > 1 || product.m < 96 || double(product.m) * product.n * product.k < 4e6) {
    return BlockPlan::Shared::none;
  }
  bool packsColumnsOnce = product.m <= std::min(mostSharedRows, product.n - 1) &&
                          product.n >= wanted * columnsBesideSharedRows;
  return packsRows && packsColumnsOnce ? BlockPlan::Shared::rows : BlockPlan::Shared::columns;
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
  plan.shared = chooseShared(product, plan.packsRows, wanted);
  bool whole = plan.extent <= (plan.shared == BlockPlan::Shared::none ? blockDepth : wholeDepth);
  int64_t depths = whole ? 1 : ceilDiv(plan.extent, blockDepth);
  plan.depth = ceilDiv(ceilDiv(plan.extent, depths), target.lanes) * target.lanes;
  int64_t sharedBlocks = plan.sharesRows() ? plan.allRowBlocks : plan.allPanels;
  plan.blocksPerPack = std::min(ceilDiv(sharedBlocks, wantedPacks), mostBlocksPerPack);
  auto [mostRows, mostColumns] = chunkOf(plan);
  plan.panels = ceilDiv(plan.allPanels, ceilDiv(product.n, mostColumns));
  plan.columnGroups = ceilDiv(plan.allPanels, plan.panels);
  int64_t groups = std::max(ceilDiv(product.m, mostRows), ceilDiv(wanted, plan.columnGroups));
  plan.rowBlocks =
      std::max(ceilDiv(plan.allRowBlocks, groups), std::min(fewestBlocks, plan.allRowBlocks));
  plan.rowGroups = ceilDiv(plan.allRowBlocks, plan.rowBlocks);
  return plan;
}
