// The kinds of matrix product kernels.
#ifndef MOME_PASSES_CPU_PRODUCTKERNEL_H
#define MOME_PASSES_CPU_PRODUCTKERNEL_H

#include "passes/ProductEmitter.h"
#include "passes/cpu/TileEmitter.h"

namespace mome::cpu {

class ProductKernel : protected ProductEmitter {
public:
  ProductKernel(KernelBuilder &builder, const IterationSpace &space, nn::ProductOpInterface op)
      : ProductEmitter(builder, space, op), b(builder) {}

protected:
  int64_t lanes() const { return b.getLanes(); }
  /// The number of chunks worth having: enough to balance threads, each worth claiming.
  int64_t wantedChunks() const;

  KernelBuilder &b;
};

/// Emit all chunks of the product; the number of chunks.
int64_t emitPanelProduct(KernelBuilder &b, const IterationSpace &space, nn::ProductOpInterface op);
int64_t emitBlockedProduct(KernelBuilder &b, const IterationSpace &space,
                           nn::ProductOpInterface op);

} // namespace mome::cpu
#endif
