// Facts about ops that hold by the kind of op alone.
#ifndef MOME_DIALECTS_NN_TRAITS_H
#define MOME_DIALECTS_NN_TRAITS_H

#include "mlir/IR/OpDefinition.h"

namespace mome::nn {

/// No element of the first result is negative.
template <typename Op> class NonNegative : public mlir::OpTrait::TraitBase<Op, NonNegative> {};

/// The same, if no element of an operand is; booleans never are.
template <typename Op>
class KeepsNonNegative : public mlir::OpTrait::TraitBase<Op, KeepsNonNegative> {};

} // namespace mome::nn
#endif
