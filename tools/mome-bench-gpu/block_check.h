// Kernels of a CUDA variant at their real size, a few blocks of each launch: executed by the simulator with
// every checker on, and what they write compared with the processor's results.
//
//   launch 0 of 216 blocks:  blocks 0, 108, 215       -> parts of sums in scratch
//   launch 1 of 576 blocks:  blocks 0, 288, 575       -> results
//     block 288 reads scratch that no block has written: of launch 0, the blocks that write it run now
//
// So nothing but the blocks that are looked at, and those they need, is ever executed. Blocks that executed
// different numbers of instructions are of different kinds (edges, taps of a convolution): then one between
// them runs as well, until a limit.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/cuda/sim/memory.h"
#include "runtime/cuda/sim/program.h"
#include "tools/mome-bench-gpu/kernel_bench.h"

namespace mome {

struct BlockChoice {
  uint64_t least = 3; // blocks of a launch, where it has so many
  bool perturb =
      false; // approximate instructions off by their error, sums of tensor cores in other orders
};

struct BlockResult {
  std::string problem;   // what the checkers say, or which launch wrote nothing; empty: nothing
  Difference wide, bf16; // of results by type
  uint64_t launches = 0, blocks = 0, all_blocks = 0; // blocks: that ran
};

class BlockCheck {
public:
  /// Reads the variant's PTX; throws Error (mismatch).
  BlockCheck(const Variant &variant, const BlockChoice &choice);

  /// Runs blocks of every launch. Arguments as memory of the host: operands, then what the processor made
  /// of them.
  BlockResult check(const KernelUse &use, const std::vector<std::span<std::byte>> &arguments);

private:
  /// One launch of the kernel under way.
  struct Stage {
    const Launch *launch;
    ptxsim::Program program;
    std::map<uint64_t, uint64_t> ran; // block: instructions
    uint64_t low = 0, high = 0;       // what the sampled blocks wrote of scratch, if anything
  };

  void sample(size_t stage);
  void run_block(size_t stage, uint64_t block);
  void report(size_t stage, const std::string &problem);
  std::vector<uint64_t> missing_scratch() const;
  void produce(size_t before, uint64_t address);
  bool search(size_t stage, uint64_t address);
  void compare_results(const KernelUse &use, const std::vector<std::span<std::byte>> &arguments);

  ptxsim::Memory memory;
  std::shared_ptr<const ptxsim::Module> module;
  ptxsim::Symbols symbols;
  BlockChoice choice;

  std::vector<Stage> stages;
  std::vector<uint64_t> addresses; // of arguments, then of scratch
  uint32_t rows = 1;               // of the table that the kernel takes
  uint64_t scratch = 0;            // 0: none
  BlockResult result;
};

} // namespace mome
