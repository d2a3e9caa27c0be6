// Elementwise kernels with operands that lie across. See CrossedElementwise.cpp.
#ifndef MOME_PASSES_CPU_CROSSEDELEMENTWISE_H
#define MOME_PASSES_CPU_CROSSEDELEMENTWISE_H

#include "passes/BodyEmitter.h"
#include "passes/cpu/KernelBuilder.h"

namespace mome::cpu {

/// Elements per chunk of any elementwise kernel: small enough to balance threads, large enough that
/// claiming a chunk costs nothing.
inline constexpr int64_t chunkElements = 16384;

class CrossedElementwise {
public:
  CrossedElementwise(KernelBuilder &builder, const IterationSpace &space, const Trace &trace);

  /// Whether any operand lies across.
  explicit operator bool() const { return !crossed.empty(); }
  /// Emits the whole function; the number of chunks.
  int64_t emit();

private:
  /// All columns of `rows` rows, which start at `loops` along the crossing loop.
  void emitStrip(llvm::SmallVector<mlir::Value> loops, int64_t rows);
  /// A square that starts at `loops`, or as much of it as exists.
  void emitSquare(llvm::SmallVector<mlir::Value> loops, int64_t rows, int64_t columns);

  KernelBuilder &b;
  const IterationSpace &space;
  BodyEmitter emitter;
  std::optional<unsigned> crossing; // the loop that crossed operands lie along
  llvm::SmallVector<std::pair<mlir::Value, View>> crossed;
};

} // namespace mome::cpu
#endif
