// Convolutions of one channel per group, in steps of one: the source of a channel lies in shared memory,
// with zeros around it, so that a tap is a constant distance.
//
//   forward, for x:  a block per sample and channel, a thread per place in a plane: it has a column of
//                    results along the first axis, and reads every element of the volume once for all
//                    taps and results along that axis
//   for w:           a block per channel, which walks the samples; a thread has the sums of all taps
//                    over its places; trees of shuffles, then warps in order
//
// Threads are numbered along the rows with their zeros: neighbours read neighbours, no bank twice.
#ifndef MOME_PASSES_CUDA_DEPTHWISE_H
#define MOME_PASSES_CUDA_DEPTHWISE_H

#include "passes/ConvolutionEmitter.h"
#include "passes/cuda/Families.h"
#include "passes/cuda/SharedTile.h"

namespace mome::cuda {

/// Whether `emitDepthwise` takes it.
bool isDepthwise(const Convolution &conv);

/// `space`: over the result.
DeviceKernel emitDepthwise(nn::KernelOp kernel, mlir::OpBuilder &builder, const Convolution &conv,
                           const IterationSpace &space);

} // namespace mome::cuda
#endif
