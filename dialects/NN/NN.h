// The `nn` dialect: what a model computes. See NNBase.td.
#ifndef MOME_DIALECTS_NN_NN_H
#define MOME_DIALECTS_NN_NN_H

#include "dialects/NN/Access.h"
#include "dialects/NN/HostTensor.h"
#include "dialects/NN/Traits.h"
#include "dialects/NN/Product.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/DialectImplementation.h" // FieldParser of enum and integer properties
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/NN/NNDialect.h.inc"
#include "dialects/NN/NNEnums.h.inc"
#include "dialects/NN/NNInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/NN/NNAttrs.h.inc"

namespace mome::nn {

/// The op's role in fusion: `elementwise` and `access` by their interfaces, else what Fusible
/// answers, else `opaque`.
FusionRole getFusionRole(mlir::Operation *op);
/// Floating-point operations of one execution: by CostModel, none for access ops, else one per
/// result element.
double getFlops(mlir::Operation *op);

/// A splat constant of `type`; for code that builds `nn`.
mlir::Value buildSplat(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type type, double value);
/// Keeps an arith.addf or arith.subf from becoming part of a multiply-add.
void keepSeparate(mlir::Value sum);

/// A float constant for emitScalar: a scalar or splat vector of `type`.
mlir::Value emitConstant(mlir::ImplicitLocOpBuilder &builder, mlir::Type type, double value);

} // namespace mome::nn

#define GET_OP_CLASSES
#include "dialects/NN/Structure.h.inc"
#define GET_OP_CLASSES
#include "dialects/NN/Elementwise.h.inc"
#define GET_OP_CLASSES
#include "dialects/NN/Shape.h.inc"
#define GET_OP_CLASSES
#include "dialects/NN/Gather.h.inc"
#define GET_OP_CLASSES
#include "dialects/NN/Reduce.h.inc"
#define GET_OP_CLASSES
#include "dialects/NN/Contraction.h.inc"
#define GET_OP_CLASSES
#include "dialects/NN/Norm.h.inc"
#define GET_OP_CLASSES
#include "dialects/NN/Attention.h.inc"
#define GET_OP_CLASSES
#include "dialects/NN/Loss.h.inc"
#define GET_OP_CLASSES
#include "dialects/NN/Optim.h.inc"
#define GET_OP_CLASSES
#include "dialects/NN/Random.h.inc"

#endif
