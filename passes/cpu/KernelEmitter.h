// The border between kernels (nn) and machine code: from the body of an `nn.kernel` to a function
// over buffers.
//
// Every generator (the fast families here, the reference) yields the same form, which one lowering
// turns into `void k_<hash>(void *const *args, int64_t lo, int64_t hi, void *scratch)`:
//
//   func.func @k_<hash>(%x: memref<32xf32>, ..., %y: memref<8xf32>, %lo: index, %hi: index,
//   %scratch: memref<512xi8>)
//       attributes {nn.chunks = 4 : i64, nn.scratch = 512 : i64}
//
// A kernel that reads an operand again and again in an order of its own packs it first, one that sums
// over rows has parts of these sums first: it has `nn.packs` more chunks, which run before the others,
// and `nn.shared` bytes that all workers see, an argument %shared behind the results (in `args` as well).
//
// One static contiguous memref per operand, then per result, in order. Their ranks are the
// generator's choice (here: flat), because only the address crosses the border. A tensor of i1 is a
// buffer of i8 holding 0 or 1; one of bf16 may be a buffer of i16, its bits. `[lo, hi)` is a range of chunks; chunks write disjoint outputs, so
// that any split gives the same bits. The scratch is 64-byte aligned and belongs to the worker.
#ifndef MOME_PASSES_CPU_KERNELEMITTER_H
#define MOME_PASSES_CPU_KERNELEMITTER_H

#include "dialects/NN/NN.h"
#include "passes/cpu/Target.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>

namespace mome::cpu {

/// Names of the function attributes that go into the kernel's record.
inline constexpr llvm::StringLiteral chunksAttrName = "nn.chunks";
inline constexpr llvm::StringLiteral scratchAttrName = "nn.scratch";
inline constexpr llvm::StringLiteral packsAttrName = "nn.packs";
inline constexpr llvm::StringLiteral sharedAttrName = "nn.shared";
inline constexpr llvm::StringLiteral recordAttrNames[] = {chunksAttrName, scratchAttrName,
                                                          packsAttrName, sharedAttrName};

/// One of these numbers; 0 if the function has no such attribute.
int64_t getRecordNumber(mlir::Operation *function, llvm::StringRef name);

/// What a family answers: a function, or in words why the kernel is not one of its own.
struct EmitResult {
  mlir::func::FuncOp function;
  std::string family;
  std::string reason;

  explicit operator bool() const { return function != nullptr; }
};

/// Emits `kernel` with the first family that takes it, at the builder's insertion point (in a
/// module's body). Without a function in the answer nothing was emitted, and `reason` says what no
/// family could do; the caller then uses the reference.
EmitResult emitKernel(nn::KernelOp kernel, const Target &target, mlir::OpBuilder &builder);

} // namespace mome::cpu
#endif
