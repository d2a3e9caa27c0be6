// The `rt` dialect: what a machine does. See RT.td.
#ifndef MOME_DIALECTS_RT_RT_H
#define MOME_DIALECTS_RT_RT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"

#include "dialects/RT/RTDialect.h.inc"
#include "dialects/RT/RTEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/RT/RTAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/RT/RTOps.h.inc"

namespace mome::rt {

/// Bytes of a tensor in memory: row-major, i1 takes a byte.
int64_t getBytes(mlir::RankedTensorType type);
/// True if both slices hold a common byte.
bool overlap(SliceAttr a, SliceAttr b);

} // namespace mome::rt
#endif
