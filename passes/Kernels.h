// What passes ask about kernels.
#ifndef MOME_PASSES_KERNELS_H
#define MOME_PASSES_KERNELS_H

#include "dialects/NN/NN.h"
#include "dialects/RT/RT.h"

namespace mome {

/// `k_` and the XXH3-64, in hexadecimal, of the body as text; locations, value names and printing
/// flags do not count.
std::string contentName(mlir::Region &body);
/// The text whose hash is the name.
std::string contentText(mlir::Region &body);

/// What a value is stored in: the value behind its reshapes.
mlir::Value baseOf(mlir::Value value);

/// True if `result` may be written into the memory of `operand`: the kernel is one elementwise
/// loop, in which element i of this operand is read for element i of the results and for nothing
/// else.
bool isInPlaceOperand(nn::KernelOp kernel, unsigned operand, unsigned result);

/// The part of the operand `slice` that the kernel reads at most (rt::SliceAttr): some of its columns, where
/// every use of it says which elements it takes.
rt::SliceAttr readPart(nn::KernelOp kernel, unsigned operand, rt::SliceAttr slice);

/// On calls that run side by side (`nn-schedule`): the number of their wave.
inline constexpr llvm::StringLiteral waveAttrName = "nn.wave";

/// A kernel that copies one tensor; made in the kernel's module unless it is there.
nn::KernelOp getCopyKernel(mlir::Operation *module, mlir::RankedTensorType type);

} // namespace mome
#endif
