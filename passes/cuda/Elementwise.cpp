// Elementwise kernels: every thread computes one element of each result, or four neighbours.
//
//   nn.kernel @k { (%x: tensor<4x64xf32>, %b: tensor<64xf32>)  y = relu(x + broadcast(b)) }
//   ->  thread t:  y[4t .. 4t+3] = max(x[4t .. 4t+3] + b[4t mod 64 ..], 0)
#include "passes/BodyEmitter.h"
#include "passes/cuda/Families.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

static constexpr int64_t threads = 256;

DeviceKernel mome::cuda::emitElementwise(nn::KernelOp kernel, OpBuilder &builder) {
  Operation *yield = kernel.getBody().front().getTerminator();
  IterationSpace space(cast<ShapedType>(yield->getOperand(0).getType()).getShape(),
                       kernel.getContext());
  Trace trace;
  if (std::string reason = prepareElementwise(kernel, space, trace); !reason.empty()) {
    return refuse(reason);
  }
  ArrayRef<int64_t> extents = space.getLoopExtents();
  int64_t size = ShapedType::getNumElements(extents);
  int64_t lanes = !extents.empty() && extents.back() % 4 == 0 ? 4 : 1;
  LaunchBuilder b(kernel, 0, lanes, builder);
  BodyEmitter emitter(b, space);
  Value number = b.addIndex(b.mulIndex(b.getBlock(), threads), b.getThread());
  Value at = b.mulIndex(number, lanes);
  b.ifThen(b.isLess(at, b.index(size)), [&] {
    Point point{b.delinearize(at, extents), std::nullopt, nullptr};
    if (lanes > 1) {
      point.vectorLoop = extents.size() - 1;
      point.isAligned = true;
    }
    emitter.emitResults(point);
  });
  DeviceKernel result;
  b.finish(result, ceilDiv(size, threads * lanes), threads);
  return result;
}
