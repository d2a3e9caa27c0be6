// Copies blocks of a matrix to where and how the inner loop of a product reads them best.
#ifndef MOME_PASSES_CPU_BLOCKPACKER_H
#define MOME_PASSES_CPU_BLOCKPACKER_H

#include "passes/ProductEmitter.h"
#include "passes/cpu/TileEmitter.h"

namespace mome::cpu {

/// Blocks of `width` lines (rows of A, columns of B) by up to `depth` k, as f32. A block lies
/// [k][line], so that vectors of neighbouring lines can be loaded; or [line][k] where single elements
/// are read and the matrix lies that way as well: then packing is copying. With `pairs`, what is said
/// of elements is said of pairs of bf16 (PairDot.h): every k is two of the matrix.
class BlockPacker {
public:
  enum class Reads { elements, vectors };
  /// Part of a matrix: the batch's `origin`, lines from `firstLine` on, `count` k from `k` on.
  struct Part {
    mlir::Value origin, firstLine, k, count;
  };

  BlockPacker(KernelBuilder &b, const Matrix &matrix, int64_t lineCount, int64_t width,
              int64_t depth, Reads reads, bool pairs = false);

  /// Elements of room for so many blocks, and where the blocks lie.
  int64_t sizeOf(int64_t blocks) const { return blocks * perBlock; }
  /// The blocks lie `first` elements behind the beginning of `memory`.
  void setBuffer(mlir::Value memory, int64_t first = 0) {
    buffer = memory;
    firstElement = first;
  }

  /// Packs `part` from block `to` on. What blocks hold behind the last line is finite.
  void emit(const Part &part, mlir::Value to, int64_t blocks);
  /// Of the next `blocks` blocks from `firstLine` on, the number that have lines.
  mlir::Value countBlocks(mlir::Value firstLine, int64_t blocks);

  /// Where k of `block` begins, and an element or a vector of lines behind there.
  mlir::Value startOf(mlir::Value block, mlir::Value k);
  mlir::Value loadElement(mlir::Value start, mlir::Value k, int64_t line);
  mlir::Value loadVector(mlir::Value start, mlir::Value k, int64_t line);

private:
  /// Packs one block that begins with `line`: its first element goes to `target`.
  using PackBlock = llvm::function_ref<void(mlir::Value target, mlir::Value line)>;
  void forBlocks(const Part &part, mlir::Value to, int64_t blocks, PackBlock pack);
  void emitSideBySide(const Part &part, mlir::Value to, int64_t blocks);
  void emitTransposed(const Part &part, mlir::Value target, mlir::Value line);
  void emitLines(const Part &part, mlir::Value target, mlir::Value line);
  /// Copies k from `from` to before `end` of neighbouring lines; null: a pass of them.
  void copyLines(mlir::Value source, mlir::Value target, mlir::Value from, mlir::Value end,
                 llvm::ArrayRef<mlir::Value> masks);
  /// A vector along k of one line, where k is `at` behind `source`.
  mlir::Value loadAlong(mlir::Value source, mlir::Value at, mlir::Value mask);
  /// A vector of neighbouring lines, of one k.
  mlir::Value loadAcross(mlir::Value at, mlir::Value mask);
  /// The address of the part's first k of a line, or of the last line if there is none.
  mlir::Value clampedLine(const Part &part, mlir::Value line);
  /// Calls `copy` for vectors of [0, count), with a mask for what is left.
  void forVectors(mlir::Value count,
                  llvm::function_ref<void(mlir::Value at, mlir::Value mask)> copy);

  KernelBuilder &b;
  Matrix matrix;
  bool pairs;
  int64_t lineCount, width;
  bool lineMajor; // [line][k]
  int64_t perLine, perK, perBlock;
  mlir::Value buffer;
  int64_t firstElement = 0;
};

} // namespace mome::cpu
#endif
