// The table of targets. Changing a tile is a decision to measure: see bench/gemm.
#include "passes/cpu/Target.h"

using namespace mome::cpu;

// Zen 3 and Haswell-class cores hold 6 x 16 accumulators in 16 registers; with 32 registers 8 rows
// are the largest power of two, and 8 ways of L1 never conflict whatever the row stride.
// A chunk reads each panel of B again for each tile of its rows. Zen 3's third-level cache gives a panel as fast as the second does, so
// its chunks have few rows, and A stays near; on a Xeon with AVX-512 chunks of three tiles of
// rows reached 57 % of the peak, of 24 they reach 85.
static constexpr Target targets[] = {
    {"x86-64-v3", "x86-64-v3", "", 8, 16, 6, 2, 32 << 10, 512 << 10, 24, 768},
    {"x86-64-v4", "x86-64-v4", "-prefer-256-bit", 16, 32, 8, 3, 32 << 10, 1 << 20, 192, 384},
    {"x86-64-v4+bf16", "x86-64-v4", "-prefer-256-bit,+avx512bf16", 16, 32, 8, 3, 32 << 10, 1 << 20,
     192, 384, Target::Pairs::instruction},
    {"x86-64-v3+pairs", "x86-64-v3", "", 8, 16, 6, 2, 32 << 10, 512 << 10, 24, 768,
     Target::Pairs::widened},
};

const Target *mome::cpu::findTarget(llvm::StringRef name) {
  for (const Target &target : targets) {
    if (target.name == name) {
      return &target;
    }
  }
  return nullptr;
}

llvm::StringRef mome::cpu::targetNames() {
  return "x86-64-v3, x86-64-v4, x86-64-v4+bf16"; // what else there is is for tests
}
