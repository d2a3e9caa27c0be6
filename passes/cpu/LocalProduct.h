// Matrix products inside a kernel: between operands, parts of operands and scratch.
#ifndef MOME_PASSES_CPU_LOCALPRODUCT_H
#define MOME_PASSES_CPU_LOCALPRODUCT_H

#include "passes/cpu/TileEmitter.h"

namespace mome::cpu {

/// Lines of a matrix in a flat buffer: element (line, k) at `origin + line * perLine + k * perK`.
struct Lines {
  mlir::Value buffer, origin;
  int64_t perLine, perK;
};

/// Columns of B, `width` per panel: element (panel, k, j) at `origin + panel * perPanel + k * perK
/// + j`.
struct Panels {
  mlir::Value buffer, origin;
  int64_t width, perPanel, perK;
  bool packed; // else loads stop at the last column
};

/// Packs `lineCount` lines of `depth` elements into panels of `width` in a new piece of scratch;
/// what the pieces hold behind the last line is unspecified but finite if the lines are.
class Packer {
public:
  Packer(KernelBuilder &b, int64_t lineCount, int64_t depth, int64_t width);
  void emit(const Lines &from);
  Panels getPanels() const;

private:
  void emitTransposed(const Lines &from);
  void emitCopied(const Lines &from);

  KernelBuilder &b;
  int64_t lineCount, depth, width;
  mlir::Value scratch;
};

/// Columns of a row-major matrix where they lie.
Panels panelsInPlace(KernelBuilder &b, mlir::Value buffer, mlir::Value origin, int64_t width,
                     int64_t perK);

/// A tile of results: `acc[i * vectors + v]` holds row `row + i`, columns `column + v * lanes ...`.
struct TileResult {
  llvm::ArrayRef<mlir::Value> acc;
  int64_t rows, vectors;
  mlir::Value column;
  mlir::Value lastMask; // lanes of the last vector that exist; null: all

  mlir::Value get(int64_t i, int64_t v) const { return acc[i * vectors + v]; }
  mlir::Value maskOf(int64_t v) const { return v == vectors - 1 ? lastMask : mlir::Value(); }
};

/// The product of rows [row, row + rows) of A with `columns` columns, tile by tile.
void emitRowProduct(KernelBuilder &b, const Lines &a, mlir::Value row, int64_t rows,
                    const Panels &columns, int64_t columnCount, mlir::Value depth,
                    llvm::function_ref<void(const TileResult &)> sink);

/// Calls `body` for blocks of `tileRows` rows of [from, to); the last block of all `total` rows may
/// be smaller.
void forRowBlocks(KernelBuilder &b, mlir::Value from, mlir::Value to, int64_t total,
                  int64_t tileRows, llvm::function_ref<void(mlir::Value row, int64_t rows)> body);

} // namespace mome::cpu
#endif
