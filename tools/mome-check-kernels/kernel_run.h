// One kernel with buffers and generated data: what is run, and compared with the interpreter.
#ifndef MOME_TOOLS_CHECK_KERNELS_KERNEL_RUN_H
#define MOME_TOOLS_CHECK_KERNELS_KERNEL_RUN_H

#include "dialects/NN/Interpreter.h"

#include "runtime/mapped_memory.h"

#include <algorithm>
#include <functional>
#include <vector>

namespace mome {

/// The ranges of generated inputs: uniform from `low` to `high`, f32 with so many bits of mantissa;
/// integers in [0, intHigh).
struct InputRange {
  double low, high;
  int64_t intHigh;
  int mantissaBits;
};

/// Operands and results, the chunks [lo, hi), scratch.
using KernelFunction = std::function<void(void *const *, int64_t, int64_t, void *)>;

/// Bytes with a 64-byte aligned start and guard bytes on both sides.
class Buffer {
public:
  explicit Buffer(int64_t size) : size(size), memory(size + 3 * guard) {
    std::ranges::fill(memory.bytes(), fill);
  }
  char *data() {
    auto address = reinterpret_cast<uintptr_t>(memory.data()) + guard;
    return reinterpret_cast<char *>((address + 63) / 64 * 64);
  }
  /// True if nobody wrote around the data.
  bool isIntact() {
    auto *from = reinterpret_cast<std::byte *>(data());
    auto isFill = [](std::byte b) { return b == fill; };
    return std::all_of(memory.data(), from, isFill) &&
           std::all_of(from + size, memory.data() + memory.bytes().size(), isFill);
  }
  int64_t size;

private:
  static constexpr int64_t guard = 128;
  static constexpr std::byte fill{0x5a};
  MappedMemory memory;
};

/// How a kernel is run (passes/cpu/KernelEmitter.h).
struct KernelRecord {
  int64_t chunks = 1, scratch = 0, packs = 0, shared = 0;
};

/// One kernel ready to run: code, buffers and scratch.
struct Run {
  nn::KernelOp kernel;
  KernelFunction function;
  KernelRecord record;
  llvm::SmallVector<mlir::RankedTensorType> types; // of the buffers: operands, then results
  std::vector<Buffer> buffers;
  Buffer scratch, shared;
  unsigned numInputs;

  Run(nn::KernelOp kernel, KernelFunction function, const KernelRecord &record,
      const InputRange &range);

  /// Runs all chunks in two calls at most; or one by one, the last first.
  void call();
  void callBackwards();
  /// Runs chunks [lo, hi), of the packs or of the others.
  void call(int64_t lo, int64_t hi);
  /// Fills the results with ones, which are NaN in floats.
  void clearResults();
  std::vector<char> getResultBytes();

  /// The largest difference from the interpreter, relative to 1 + the largest result; of the results,
  /// the worst.
  double compare();
  /// Prints the largest error of every f32 result in units in the last place, where it is normal.
  void printUlp();

private:
  void fillInputs(const InputRange &range);
  llvm::SmallVector<nn::HostTensor> readInputs();
};

/// Bytes of a tensor in a buffer; a boolean takes one.
int64_t byteSize(mlir::RankedTensorType type);

} // namespace mome
#endif
