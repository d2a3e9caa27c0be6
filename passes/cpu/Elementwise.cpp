// Elementwise kernels: every result has one shape, and each of its elements is computed from
// operand elements found by index maps. One walk over the results stores all of them.
//
//   nn.kernel @k { (%x: tensor<4x64xf32>, %b: tensor<64xf32>)  y = relu(x + broadcast(b)) }
//   ->
//   for each row of the chunk:
//     for j in 0 .. 64 step 8:  y[64 row + j] = max(x[64 row + j] + b[j], 0)
//
// Axes that all accesses walk as one are merged first, so that plain chains are one flat loop. The
// last loop runs in vectors; what is left of it is one masked vector. Operands that lie across: see
// CrossedElementwise.h.
#include "passes/BodyEmitter.h"
#include "passes/cpu/CrossedElementwise.h"
#include "passes/cpu/Families.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

namespace {
class ElementwiseKernel {
public:
  ElementwiseKernel(KernelBuilder &builder, const IterationSpace &space)
      : b(builder), space(space), emitter(builder, space) {}

  /// Emits the whole function; the number of chunks.
  int64_t emit();

private:
  void emitFlatChunk(Value chunk, int64_t size);
  void emitRow(Value row);
  /// Vectors from `from` to `to` along the last loop; then the elements that fill no vector, if
  /// `tail`.
  void emitVectors(SmallVector<Value> outer, Value from, Value to);
  void emitTail(SmallVector<Value> outer);

  int64_t innerExtent() const { return space.getLoopExtents().back(); }
  int64_t lanes() const { return b.getLanes(); }
  /// Where the last, incomplete vector starts.
  int64_t tailStart() const { return innerExtent() / lanes() * lanes(); }

  KernelBuilder &b;
  const IterationSpace &space;
  BodyEmitter emitter;
};
} // namespace

void ElementwiseKernel::emitVectors(SmallVector<Value> outer, Value from, Value to) {
  auto loop = scf::ForOp::create(b, from, to, b.index(lanes()));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> indices = outer;
  indices.push_back(loop.getInductionVar());
  emitter.emitResults({indices, space.getNumLoops() - 1, nullptr});
}

void ElementwiseKernel::emitTail(SmallVector<Value> outer) {
  outer.push_back(b.index(tailStart()));
  emitter.emitResults({outer, space.getNumLoops() - 1, b.laneMask(innerExtent() - tailStart())});
}

void ElementwiseKernel::emitFlatChunk(Value chunk, int64_t size) {
  Value from = b.mulIndex(chunk, size);
  emitVectors({}, from, b.minIndex(b.addIndex(from, size), tailStart()));
  if (tailStart() == innerExtent()) {
    return;
  }
  Value isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, chunk,
                                       b.index((innerExtent() - 1) / size));
  b.ifThen(isLast, [&] { emitTail({}); });
}

void ElementwiseKernel::emitRow(Value row) {
  SmallVector<Value> outer = b.delinearize(row, space.getLoopExtents().drop_back());
  if (tailStart() > 0) {
    emitVectors(outer, b.index(0), b.index(tailStart()));
  }
  if (tailStart() < innerExtent()) {
    emitTail(outer);
  }
}

int64_t ElementwiseKernel::emit() {
  if (space.getNumLoops() == 0) { // one element
    emitter.emitResults({});
    return 1;
  }
  bool flat = space.getNumLoops() == 1;
  int64_t rows = 1;
  for (int64_t extent : space.getLoopExtents().drop_back()) {
    rows *= extent;
  }
  int64_t perChunk = flat ? chunkElements : std::max<int64_t>(1, chunkElements / innerExtent());
  auto chunks = scf::ForOp::create(b, b.getLo(), b.getHi(), b.index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(chunks.getBody());
  Value chunk = chunks.getInductionVar();
  if (flat) {
    emitFlatChunk(chunk, perChunk);
  } else {
    Value from = b.mulIndex(chunk, perChunk);
    b.loop(from, b.minIndex(b.addIndex(from, perChunk), rows), 1, [&](Value row) { emitRow(row); });
  }
  return ceilDiv(flat ? innerExtent() : rows, perChunk);
}

EmitResult mome::cpu::emitElementwise(nn::KernelOp kernel, const Target &target,
                                      OpBuilder &builder) {
  Operation *yield = kernel.getBody().front().getTerminator();
  IterationSpace space(cast<ShapedType>(yield->getOperand(0).getType()).getShape(),
                       kernel.getContext());
  Trace trace;
  if (std::string reason = prepareElementwise(kernel, space, trace); !reason.empty()) {
    return refuse(reason);
  }
  KernelBuilder b(kernel, target, builder);
  CrossedElementwise crossed(b, space, trace);
  int64_t chunks = crossed ? crossed.emit() : ElementwiseKernel(b, space).emit();
  return b.finish("elementwise", chunks);
}
