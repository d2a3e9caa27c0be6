// What a launch executes and moves, counted by the simulator on some of its blocks.
//
// Blocks of one launch do the same but at the edges, so the whole is affine in their number: the
// first, the last, and as many times a mean one as there are between them. Buffers hold zeros: what a
// kernel does must not depend on its data, and that of ours does not but for gathers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace mome::ptxsim {
struct Module;
}

namespace mome::cuda {

/// A pointer parameter with a buffer of this many bytes, or a value.
struct Buffer {
  uint64_t bytes = 0;
};
using Argument = std::variant<Buffer, uint32_t, float>;

struct LaunchShape {
  std::string function;
  uint32_t grid[2] = {1, 1}, block[2] = {1, 1}, shared = 0;

  uint64_t blocks() const { return uint64_t{grid[0]} * grid[1]; }
  uint32_t threads() const { return block[0] * block[1]; }
};

/// What a launch does with one of its buffers.
struct BufferUse {
  double bytes = 0;   // that memory must give or take once
  double sectors = 0; // of 32 bytes, each once per block
};

/// Of all blocks together; instructions are those of warps.
struct Work {
  double instructions = 0; // that take an issue slot: all but moves
  double fp32 = 0, fp64 = 0, integer = 0, special = 0;
  double flops = 0, tensor_flops = 0;
  double tf32_flops = 0, wgmma_flops = 0;         // some of the tensor cores'
  double shared_wavefronts = 0, shared_ideal = 0; // ideal: without conflicts on banks
  double global_requests = 0, lines = 0;          // a line: 128 bytes that one request touches
  double sectors = 0;                             // of 32 bytes, each once per block
  double waited_loads = 0;                        // global loads into registers
  double barriers = 0;
  std::vector<BufferUse> buffers; // of one row of a table of arguments
  double rows = 1;                // of that table
};

/// Throws nothing: the compiler uses it too.
class WorkCounter {
public:
  /// Reads PTX. Where it cannot be read, `problem` says why and nothing can be counted.
  WorkCounter(std::string ptx, std::string &problem);

  /// The arguments of a function that takes a table are those of all its rows. Nullopt, with a reason, when the function is
  /// not there or its blocks fail.
  std::optional<Work> count(const LaunchShape &launch, const std::vector<Argument> &arguments,
                            std::string &problem) const;

private:
  std::shared_ptr<const ptxsim::Module> module; // null: not readable
};

} // namespace mome::cuda
