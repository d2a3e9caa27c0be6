// Products of bf16 two at a time, as AVX512-BF16 has them. A pair, elements 2p and 2p + 1 of a line,
// is moved about as the f32 of the same 32 bits.
#ifndef MOME_PASSES_CPU_PAIRDOT_H
#define MOME_PASSES_CPU_PAIRDOT_H

#include "passes/cpu/KernelBuilder.h"

namespace mome::cpu {

/// True if products of pairs are faster here than widening, and both buffers hold bf16. A line must
/// be whole vectors of pairs, so that none is cut.
bool multipliesPairs(const Target &target, mlir::Value a, mlir::Value b, int64_t k);

/// A vector of neighbouring pairs of one line; `at` is where the first one's first element is.
mlir::Value loadPairs(KernelBuilder &b, mlir::Value buffer, mlir::Value at);
/// The pairs of elements of two neighbouring k, each loaded as f32.
mlir::Value joinPairs(KernelBuilder &b, mlir::Value even, mlir::Value odd);
/// acc + row.odd * column.odd + row.even * column.even, lane by lane, in this order: `vdpbf16ps`,
/// which takes denormals as zero, or the same in other instructions.
mlir::Value emitPairDot(KernelBuilder &b, mlir::Value row, mlir::Value column, mlir::Value acc);
/// acc + pairs.odd + pairs.even
mlir::Value addPairs(KernelBuilder &b, mlir::Value pairs, mlir::Value acc);

} // namespace mome::cpu
#endif
