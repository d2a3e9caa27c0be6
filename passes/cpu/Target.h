// What the code generator knows about a processor: vector width, registers, and the register tiles
// that follow.
#ifndef MOME_PASSES_CPU_TARGET_H
#define MOME_PASSES_CPU_TARGET_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace mome::cpu {

struct Target {
  llvm::StringRef name;            // as in --target-cpu
  llvm::StringRef llvmCpu;         // -mcpu
  llvm::StringRef features;        // -mattr
  int64_t lanes;                   // f32 per vector register
  int64_t registers;               // vector registers
  int64_t tileRows;                // register tile of a matrix product: rows of scalars,
  int64_t tileVectors;             //   times vectors of columns
  int64_t l1Bytes, l2Bytes;        // cache per core that blocking may count on
  int64_t chunkRows, chunkColumns; // at most, of a product whose B is packed first
  /// Products of two bf16 at a time: by an instruction; or, to check that code on any machine, by
  /// two multiply-adds of f32.
  enum class Pairs { none, widened, instruction } pairs = Pairs::none;

  int64_t tileColumns() const { return tileVectors * lanes; }
  /// True if a product tile keeps its accumulators, its row of B and a broadcast in registers. A
  /// tile that spills runs at less than half speed.
  bool fitsRegisters(int64_t rows, int64_t vectors) const {
    return rows * vectors + vectors + 1 <= registers;
  }
};

/// The target of that name (`x86-64-v3`, `x86-64-v4`, `x86-64-v4+bf16`), or null.
const Target *findTarget(llvm::StringRef name);
/// Names of all targets, for messages.
llvm::StringRef targetNames();

} // namespace mome::cpu
#endif
