// How a large product is cut into blocks: the choices that BlockedProduct.cpp carries out.
#ifndef MOME_PASSES_CPU_BLOCKPLAN_H
#define MOME_PASSES_CPU_BLOCKPLAN_H

#include "passes/cpu/TileEmitter.h"

namespace mome::cpu {

struct BlockPlan {
  Tile tile;
  bool pairs;     // of bf16 are multiplied: k counts pairs
  int64_t extent; // k in all
  int64_t tileColumns, allPanels, allRowBlocks;
  int64_t rowBlocks, panels; // per chunk
  int64_t rowGroups, columnGroups;
  int64_t depth;                  // k per block
  bool packsRows;                 // A; else it is read where it lies
  bool sharesRows, sharesColumns; // of A, of B: packed first, for all chunks
  int64_t rowBlocksPerPack, panelsPerPack;
};

/// `wanted`: chunks, at least.
BlockPlan planBlocks(const Target &target, const nn::Product &product, bool pairs, int64_t wanted);
/// True if the product is large enough for blocks.
bool prefersBlocks(const Target &target, const nn::Product &product);

} // namespace mome::cpu
#endif
