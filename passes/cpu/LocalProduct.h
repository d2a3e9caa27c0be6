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

/// Columns of B, `width` per panel: element (panel, k, j) at
/// `origin + (panel - first) * perPanel + k * perK + j`.
struct Panels {
  mlir::Value buffer, origin;
  mlir::Value first; // null: 0
  int64_t width, perPanel, perK;
  bool packed; // else loads stop at the last column
};

/// Panels from `first` to before `end`.
struct PanelRange {
  mlir::Value first, end;
};

/// Packs lines of `depth` elements into panels of `width` in a piece of scratch that holds
/// `capacity` panels. What panels hold behind the last line is never read.
class Packer {
public:
  /// Elements are multiplied by `factor`, a vector (null: 1).
  Packer(KernelBuilder &b, int64_t capacity, int64_t depth, int64_t width, mlir::Value factor = {});
  /// Packs the panels of `range`, of all `lineCount` lines.
  void emit(const Lines &from, int64_t lineCount, PanelRange range);
  /// The panels packed last, which began with `first` (null: 0).
  Panels getPanels(mlir::Value first = {}) const;

private:
  void emitTransposed(const Lines &from, int64_t lineCount, mlir::Value firstLine,
                      mlir::Value endLine);
  void emitCopied(const Lines &from, int64_t lineCount, mlir::Value firstLine, mlir::Value endLine);
  void store(mlir::Value elements, mlir::Value place);
  /// Where element 0 of a line goes.
  mlir::Value placeOf(mlir::Value line, mlir::Value firstLine);

  KernelBuilder &b;
  int64_t depth, width;
  mlir::Value factor, scratch;
};

/// Rows of A as a product reads them best: elements of bf16 are copied to scratch as f32, once for
/// all columns; others are read where they lie, unless they are to be `close`: rows that lie a
/// multiple of some pages apart share few sets of the first-level cache. Copies lie an odd number of lines
/// of the cache apart, so that columns of them share no sets either.
class RowReader {
public:
  /// For up to `rows` rows of `buffer` at a time.
  RowReader(KernelBuilder &b, mlir::Value buffer, int64_t rows, int64_t depth, bool close = false);
  /// Where to read lines [first, end) of `from` now.
  Lines emit(const Lines &from, mlir::Value first, mlir::Value end);
  /// The columns of the copied rows from row `first` on (counted from the first copied), of which a row is a k.
  Panels getColumns(mlir::Value first, int64_t width) const;

private:
  KernelBuilder &b;
  int64_t depth, stride; // a whole number of vectors
  mlir::Value scratch;   // null: not needed
};

/// Columns of a row-major matrix where they lie.
Panels panelsInPlace(KernelBuilder &b, mlir::Value buffer, mlir::Value origin, int64_t width,
                     int64_t perK);

/// A tile of results: `acc[i * vectors + v]` holds row `row + i`, columns `column + v * lanes ...`.
struct TileResult {
  llvm::ArrayRef<mlir::Value> acc;
  mlir::Value row;
  int64_t rows, vectors;
  mlir::Value column;
  mlir::Value lastMask; // lanes of the last vector that exist; null: all

  mlir::Value get(int64_t i, int64_t v) const { return acc[i * vectors + v]; }
  mlir::Value maskOf(int64_t v) const { return v == vectors - 1 ? lastMask : mlir::Value(); }
};
using TileSink = llvm::function_ref<void(const TileResult &)>;
/// What the sums of a tile begin with (whose `acc` is empty).
using TileStart = llvm::function_ref<llvm::SmallVector<mlir::Value>(const TileResult &)>;

/// The product of rows [row, row + rows) of A with the columns of a range of panels, tile by tile.
void emitRowProduct(KernelBuilder &b, const Lines &a, mlir::Value row, int64_t rows,
                    const Panels &columns, int64_t columnCount, PanelRange range, mlir::Value depth,
                    TileSink sink);

/// Rows [from, end) of `total`, in tiles of `tileRows`; the last of all rows may be smaller.
struct RowRange {
  mlir::Value from, end;
  int64_t total, tileRows;
};

/// The same for many rows: all of them meet a panel before the next one, so that it stays in the
/// first-level cache.
void emitBlockProduct(KernelBuilder &b, const Lines &a, const RowRange &rows, const Panels &columns,
                      int64_t columnCount, PanelRange range, mlir::Value depth, TileSink sink,
                      TileStart start = nullptr);

/// All panels of so many columns.
PanelRange allPanels(KernelBuilder &b, int64_t columnCount, int64_t width);

/// Calls `body` for blocks of `tileRows` rows of [from, to); the last block of all `total` rows may
/// be smaller.
void forRowBlocks(KernelBuilder &b, mlir::Value from, mlir::Value to, int64_t total,
                  int64_t tileRows, llvm::function_ref<void(mlir::Value row, int64_t rows)> body);

} // namespace mome::cpu
#endif
