// How ops that only move elements describe themselves: as index maps. See AccessOpInterface.
#ifndef MOME_DIALECTS_NN_ACCESS_H
#define MOME_DIALECTS_NN_ACCESS_H

#include "mlir/IR/AffineMap.h"

namespace mome::nn {

/// "Where `guards` hold, result element d is element `index(d)` of operand number `operand`."
struct AccessPiece {
  unsigned operand;
  /// From the result's axes to the operand's axes; quasi-affine (floordiv and mod by constants
  /// allowed).
  mlir::AffineMap index;
  /// From the result's axes to expressions that must all be >= 0. No results: holds everywhere.
  mlir::AffineMap guards;
};

} // namespace mome::nn
#endif
