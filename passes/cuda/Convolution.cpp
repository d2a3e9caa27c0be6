// Convolutions and their derivatives: matrix products (ConvolutionProblem.h), by tiles where a group has
// channels enough to fill them; Depthwise.h; else directly:
//
//   forward, for x:  a thread per result:  sum over channels and taps
//   for w:           a block per tap:      every thread sums every 256th result; a tree over threads
//
// Operands in f32 or bf16, sums in f32, no atomics.
#include "passes/cuda/ConvolutionProblem.h"
#include "passes/cuda/Depthwise.h"
#include "passes/cuda/Families.h"
#include "passes/cuda/ThreadReduction.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

/// Groups of fewer channels do not fill a tile.
static constexpr int64_t leastChannels = 8;
static constexpr int64_t blockThreads = 256;
/// Longer sums are loops.
static constexpr int64_t longestUnrolled = 32;

static Value load(LaunchBuilder &b, Value buffer, const Place &place) {
  if (!place.exists) {
    return b.loadWide(buffer, place.address);
  }
  Value at = arith::SelectOp::create(b, place.exists, place.address, b.index(0));
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f));
  return arith::SelectOp::create(b, place.exists, b.loadWide(buffer, at), zero);
}

/// sum + A[row, k] B[column, k]
static Value addProduct(LaunchBuilder &b, const ProductProblem &problem, ArrayRef<Value> place,
                        Value k, Value sum) {
  const ProductOperand &A = problem.A, &B = problem.B;
  Value lhs = load(b, A.buffer, A.locate(place[0], place[1], k));
  Value rhs = load(b, B.buffer, B.locate(place[0], place[2], k));
  return math::FmaOp::create(b, lhs, rhs, sum);
}

/// A thread per element; the number of blocks.
static int64_t emitElements(LaunchBuilder &b, const ProductProblem &problem) {
  int64_t size = problem.batch * problem.m * problem.n;
  Value number = b.addIndex(b.mulIndex(b.getBlock(), blockThreads), b.getThread());
  b.ifThen(b.isLess(number, b.index(size)), [&] {
    SmallVector<Value> place = b.delinearize(number, {problem.batch, problem.m, problem.n});
    Value sum = arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f));
    if (problem.k <= longestUnrolled) {
      for (int64_t k = 0; k < problem.k; ++k) {
        sum = addProduct(b, problem, place, b.index(k), sum);
      }
    } else {
      sum = b.reduceLoop(b.index(0), b.index(problem.k), 1, sum, [&](Value k, ValueRange before) {
               return SmallVector<Value>{addProduct(b, problem, place, k, before.front())};
             }).front();
    }
    problem.store(sum, place[0], place[1], place[2]);
  });
  return ceilDiv(size, blockThreads);
}

/// A block per element; the number of blocks.
static int64_t emitDots(LaunchBuilder &b, const ProductProblem &problem) {
  SmallVector<Value> place = b.delinearize(b.getBlock(), {problem.batch, problem.m, problem.n});
  ThreadReduction sum(b, nn::ReductionKind::sum);
  SmallVector<Value> mine = llvm::to_vector(
      b.reduceLoop(b.getThread(), b.index(problem.k), blockThreads,
                   sum.getEmitter().init(/*vectors=*/false), [&](Value k, ValueRange before) {
                     return SmallVector<Value>{addProduct(b, problem, place, k, before.front())};
                   }));
  int64_t sharedBytes = 0;
  Value total = sum.overBlock(mine, blockThreads, sharedBytes).front();
  b.ifThen(b.isEqual(b.getThread(), b.index(0)),
           [&] { problem.store(total, place[0], place[1], place[2]); });
  return problem.batch * problem.m * problem.n;
}

DeviceKernel mome::cuda::emitConvolution(nn::KernelOp kernel, OpBuilder &builder) {
  std::optional<Convolution> conv = describeConvolution(kernel.getRoot());
  if (!conv) {
    return refuse("");
  }
  auto resultType = cast<ShapedType>(kernel.getRoot()->getResult(0).getType());
  IterationSpace space(resultType.getShape(), kernel.getContext());
  if (std::string reason = refuseConvolution(kernel, space); !reason.empty()) {
    return refuse(reason);
  }
  const ConvGeometry &geometry = conv->geometry;
  bool forWeight = conv->kind == Convolution::Kind::forWeight;
  int64_t channels = forWeight ? std::max(geometry.outs, geometry.ins) : geometry.outs;
  if (channels >= leastChannels) {
    return emitTiledProduct(kernel, builder, chooseLanes(*conv),
                            [&](LaunchBuilder &b) { return describeProblem(b, *conv, space); });
  }
  if (isDepthwise(*conv)) {
    return emitDepthwise(kernel, builder, *conv, space);
  }
  LaunchBuilder b(kernel, 0, /*lanes=*/1, builder);
  ProductProblem problem = describeProblem(b, *conv, space);
  int64_t blocks = forWeight ? emitDots(b, problem) : emitElements(b, problem);
  DeviceKernel result;
  b.finish(result, blocks, blockThreads);
  return result;
}
