// Convolutions as matrix products of matrices that exist nowhere: element (line, k) is found where the
// convolution reads it.
//
//   forward, for x   result[(b, g), o, p] = sum over (c, tap) of W[g, o, (c, tap)] S[(b, g), (c, tap), p]
//   for w            result[g, o, (c, tap)] = sum over (b, p) of dy[g, o, (b, p)] S[g, (c, tap), (b, p)]
//
// Axes that the kernel does not reach along are one with their neighbours. For x, where the elements of
// S stand a stride apart, most taps of a result would meet none: results are sorted into *phases*, which
// meet every stride-th tap from the same one on. Example, stride 2, 3 taps, no padding:
//
//   phase 0: results 0, 2, 4, ...  taps 0, 2        phase 1: results 1, 3, 5, ...  tap 1
#ifndef MOME_PASSES_CUDA_CONVOLUTIONPROBLEM_H
#define MOME_PASSES_CUDA_CONVOLUTIONPROBLEM_H

#include "passes/ConvolutionEmitter.h"
#include "passes/cuda/TiledProduct.h"

namespace mome::cuda {

/// `space`: over the result.
ProductProblem describeProblem(LaunchBuilder &b, const Convolution &conv,
                               const IterationSpace &space);
/// Neighbours that the problem's `store` can take.
int64_t chooseLanes(const Convolution &conv);

} // namespace mome::cuda
#endif
