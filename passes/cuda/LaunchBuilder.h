// Builds one launch of a kernel: a function that many threads run, in blocks that share memory.
//
// Threads are numbered along one dimension; so are blocks. All shared memory of a block is one
// dynamic array, external in the module: LLVM would give an internal one a static size of its own,
// and lay it over other arrays.
#ifndef MOME_PASSES_CUDA_LAUNCHBUILDER_H
#define MOME_PASSES_CUDA_LAUNCHBUILDER_H

#include "passes/FunctionBuilder.h"
#include "passes/cuda/KernelEmitter.h"
#include "passes/cuda/Machine.h"

namespace mome::cuda {

/// Threads of a warp.
inline constexpr int64_t warpThreads = 32;
/// Blocks that fill an A100: two per multiprocessor.
inline constexpr int64_t wantedBlocks = 216;

class LaunchBuilder : public FunctionBuilder {
public:
  /// Opens launch `number` of `kernel`; code goes into its entry block. `lanes`: elements that a
  /// thread loads at once.
  LaunchBuilder(nn::KernelOp kernel, unsigned number, int64_t lanes, mlir::OpBuilder &builder);

  mlir::Value getThread() { return thread; } // in the block
  mlir::Value getBlock() { return block; }
  /// Emits `body` with the thread's number found anew: what follows from it, addresses above all, is
  /// computed there and not kept in registers throughout a loop around it.
  void withFreshThread(llvm::function_ref<void()> body);

  /// `size` elements of the block's shared memory from byte `offset` on.
  mlir::Value shareMemory(int64_t offset, int64_t size, mlir::Type elementType);
  /// One element; of bf16 as f32.
  mlir::Value loadWide(mlir::Value buffer, mlir::Value at);
  /// All threads of the block wait for each other, and see what all have written.
  void barrier();
  /// All threads of the warp do.
  void warpBarrier();
  /// Starts a copy of `elements` (together 4, 8 or 16 bytes, aligned) from global to shared memory;
  /// zeros if `exists` does not hold.
  void copyAsync(mlir::Value shared, mlir::Value at, mlir::Value global, mlir::Value from,
                 int64_t elements, mlir::Value exists);
  /// Asks for the 128 bytes of global memory around an element, which some thread reads later.
  void prefetch(mlir::Value global, mlir::Value at);
  /// Ends a group of copies.
  void commitCopies();
  /// Waits until at most `pending` of the thread's groups are under way.
  void waitForCopies(int64_t pending);

  /// Four matrices of eight rows of 16 bytes from shared memory, as the warp's operands of `multiplyMatrices`: an
  /// i32 with two neighbours (bf16) or an element (f32) of a row each. `transposed`, of bf16 only:
  /// rows are columns. Lane 8 i + r says where row r of matrix i begins.
  llvm::SmallVector<mlir::Value> loadMatrices(mlir::Value shared, mlir::Value at, bool transposed);
  /// The bits of an f32 rounded to tf32: to nearest, ties away from zero.
  mlir::Value roundToTf32(mlir::Value bits);
  /// By the instruction for it, two at a time.
  mlir::Value roundToBits(mlir::Value f32) override;
  /// Two f32 as an i32 of two neighbours in bf16.
  mlir::Value packPair(mlir::Value left, mlir::Value right);
  std::pair<mlir::Value, mlir::Value> unpackPair(mlir::Value pair);
  /// The warp's sums of 16 x 8 (four per thread: neighbours of row lane / 4 and of the row eight
  /// below) plus `lhs`, 16 rows in four matrices, times `rhs`, 8 columns in two. Both are 32 bytes
  /// deep: 16 elements of bf16, or 8 of tf32.
  llvm::SmallVector<mlir::Value> multiplyMatrices(mlir::ValueRange lhs, mlir::ValueRange rhs,
                                                  mlir::ValueRange sums,
                                                  Multiplier multiplier = Multiplier::bf16);

  /// PTX that no operation stands for: `$0`, `$1`, ... are the f32 that it changes, `$2n`, ... further
  /// operands of 64 bits, n being the number of the former. The new values.
  llvm::SmallVector<mlir::Value> runPtx(const llvm::Twine &text, mlir::ValueRange changed = {},
                                        mlir::ValueRange operands = {});

  /// The larger of two f32, NaN if one is, by the instruction for it.
  mlir::Value maximum(mlir::Value lhs, mlir::Value rhs);
  /// 2^value of f32 by the hardware's approximation: two units in the last place, no subnormals.
  mlir::Value powerOfTwo(mlir::Value value);

  mlir::Value isLess(mlir::Value lhs, mlir::Value rhs);
  mlir::Value isEqual(mlir::Value lhs, mlir::Value rhs);

  /// The value (f32 or i32) of the thread of this warp whose number differs by the bit `distance`.
  /// The whole warp must be there.
  mlir::Value exchange(mlir::Value value, int64_t distance);

  /// Closes the function and appends it to the kernel's launches.
  void finish(DeviceKernel &result, int64_t blocks, int64_t threads);

private:
  /// A pointer to element `at` of a buffer in global or shared memory.
  mlir::Value pointerTo(mlir::Value buffer, mlir::Value at);

  llvm::SmallVector<mlir::Value> splitStruct(mlir::Value all, int64_t count);

  mlir::Value thread, block;
  int64_t sharedBytes = 0;
};

} // namespace mome::cuda
#endif
