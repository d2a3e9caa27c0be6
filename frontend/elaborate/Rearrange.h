// The pattern language of `rearrange`: "b c t h w -> b (t h w) c".
#ifndef MOME_FRONTEND_ELABORATE_REARRANGE_H
#define MOME_FRONTEND_ELABORATE_REARRANGE_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mome::elaborate {

/// A rearrangement as three steps: split axes (reshape), permute, merge axes (reshape).
struct Rearrangement {
  llvm::SmallVector<int64_t> split;       ///< shape with one axis per name
  llvm::SmallVector<int64_t> permutation; ///< result axis i of the permutation is split axis permutation[i]
  llvm::SmallVector<int64_t> merged;      ///< final shape
};

/// Reads `pattern` for an operand of `shape`; `sizes` gives names their extents where a group leaves several open.
/// Returns nullopt and a message if the pattern is malformed or does not fit.
std::optional<Rearrangement> parseRearrangement(llvm::StringRef pattern, llvm::ArrayRef<int64_t> shape,
                                                const std::map<std::string, int64_t> &sizes, std::string &message);

} // namespace mome::elaborate
#endif
