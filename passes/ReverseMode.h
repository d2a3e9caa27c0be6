// Reverse-mode differentiation of straight-line `nn` code, as a library; the pass is nn-autodiff.
//
// Closure under VJP. A program is a sequence of ops y = f(x), and its loss L one of the values.
// Call dL/dv the *cotangent* of v: a tensor of v's type. If the cotangents of an op's results are
// known, those of its operands follow by the chain rule, x̄ = ȳ · ∂f/∂x, the op's vector-Jacobian
// product. Every `Differentiable` op writes this product down in `nn` itself (`buildVjp`), so the
// derivative of an `nn` program is an `nn` program: simplification, fusion, scheduling and code
// generation see no difference between forward and backward. Walking the ops in reverse program
// order, every reader of a value has added its part before the value's own op is reached:
//
//   forward                       backward, built in this order
//   a = exp(x)                    L̄ = 1
//   b = mul(a, x)                 b̄ = broadcast(L̄)
//   L = reduce_sum(b)             ā = b̄ * x        x̄ = b̄ * a
//                                 x̄ += ā * a       (a is exp(x): the op reuses its result)
//
// The same works for any set of losses, taps, shared parameters and learnable weights: all are
// values of one block, and a value read twice gets a sum of two parts. The order of these sums is
// the reverse program order of the readers: fixed, so the bits are fixed. What a backward form
// needs besides the operands (log-sum-exp, mean, argmax) is an extra result of the forward op;
// random masks are drawn again from their counters. Backward ops are not Differentiable: one level
// is all that training needs, and it keeps the set of ops closed and small.
//
// Null cotangents. `buildVjp` gets null for a result that does not influence the loss, and answers
// null for an operand without derivative; zeros are never materialised in between, only at the very
// end for a `wrt` value that the loss does not depend on.
#ifndef MOME_PASSES_REVERSEMODE_H
#define MOME_PASSES_REVERSEMODE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace mome {

using CotangentMap = llvm::DenseMap<mlir::Value, mlir::Value>;

/// Walks `forward` (ops of one block, in program order) backwards and adds to `cotangents`, which
/// holds the cotangents of some results, those of every value for which `isActive` holds. The ops
/// are built at the builder's insertion point; their locations have phase bwd and the scope of the
/// forward op. Fails with an error at the first op on an active path without a derivative.
mlir::LogicalResult accumulateCotangents(mlir::OpBuilder &builder,
                                         llvm::ArrayRef<mlir::Operation *> forward,
                                         llvm::function_ref<bool(mlir::Value)> isActive,
                                         CotangentMap &cotangents);

/// Replaces every `nn.gradient` of the function.
mlir::LogicalResult expandGradients(mlir::func::FuncOp function);

/// True for floats: only they have cotangents.
bool hasCotangent(mlir::Value value);

} // namespace mome
#endif
