// What code generation knows of the devices of an architecture: enough to choose between ways to cut
// work. The numbers are those of the performance model (runtime/cuda/model/device_data.cpp).
#ifndef MOME_PASSES_CUDA_MACHINE_H
#define MOME_PASSES_CUDA_MACHINE_H

#include "mlir/IR/Operation.h"

namespace mome::cuda {

/// What multiplies: fused multiply-adds on f32; tensor cores on bf16, or on f32 rounded to the ten bits
/// of mantissa of tf32.
enum class Multiplier { fma, tf32, bf16 };

/// Bytes of what a multiplier reads, in memory.
constexpr int64_t elementBytes(Multiplier multiplier) {
  return multiplier == Multiplier::bf16 ? 2 : 4;
}

struct Machine {
  int64_t multiprocessors;
  // Of a multiprocessor: multiply-adds per cycle (tensor cores: of bf16 by mma.sync), bytes of shared
  // memory.
  int64_t fp32Lanes, tensorFmas, sharedBytes;
  int64_t l2Bytes, dramBytes; // per cycle, of the whole chip
  int64_t launchCycles;       // between two launches
  int64_t warpgroupFmas;      // as tensorFmas, by wgmma; 0: there is none

  /// Multiply-adds per cycle and multiprocessor.
  int64_t rateOf(Multiplier multiplier) const {
    return multiplier == Multiplier::fma    ? fp32Lanes
           : multiplier == Multiplier::tf32 ? tensorFmas / 2
                                            : tensorFmas;
  }
};

/// Of a module of device code: "sm_80", or "sm_90a": what only this architecture can, wgmma above all.
inline constexpr llvm::StringLiteral architectureAttrName = "mome.architecture";

/// The machine of an architecture's devices; two may have the same.
const Machine &machineFor(llvm::StringRef architecture);

/// The machine that code around `op` is for; without an architecture, the oldest.
const Machine &machineOf(mlir::Operation *op);

} // namespace mome::cuda
#endif
