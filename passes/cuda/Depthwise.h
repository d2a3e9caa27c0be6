// Convolutions of one channel per group, in steps of one: the source of a channel lies in shared memory,
// with zeros around it, so that a tap is a constant distance.
//
//   forward, for x:  a block for some channels of a sample, a thread per pair of neighbours in a plane: it has two
//                    columns of results along the first axis, and reads every element of the volume once for all
//                    taps and results along that axis; of bf16 pairs, as they are in memory
//   for w:           a block per channel, which walks the samples, some at a time; a thread has the sums of all taps
//                    over its places; trees of shuffles, then warps in order
//
// Channels and threads of a block are as many as leave few threads idle (SourceVolumes.h).
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
