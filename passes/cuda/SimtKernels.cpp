// From linalg on buffers to device functions, one per loop nest.
//
//   linalg.generic [parallel, reduction]      func.func @k_0(%x, %y, %scratch) {
//     ins(%x) outs(%y) { add }           ->     %i = global thread number
//                                               scf.for %i to 64 step threads:
//                                                 scf.for %r ...: %y[%i] += %x[%i, %r]
//                                             }
//
// Reductions run in one thread each, in order: slow, the same bits every time, no atomics. What one
// nest writes another reads in a later launch. Ops without a parallel loop run in a single thread.
#include "passes/cuda/SimtKernels.h"

#include "passes/LinalgKernels.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

/// Threads per block; a block of the generic family has no shared memory and no barrier.
static constexpr int64_t blockThreads = 256;
/// Blocks of a launch; more elements than threads are taken in strides.
static constexpr int64_t maxBlocks = 4096;

//===-- Loops -------------------------------------------------------------------------------===//

/// Moves the parallel loops of every linalg op outwards: the outermost ones become threads.
static LogicalResult parallelLoopsFirst(func::FuncOp function) {
  SmallVector<linalg::LinalgOp> ops;
  function.walk([&](linalg::LinalgOp op) { ops.push_back(op); });
  for (linalg::LinalgOp linalgOp : ops) {
    IRRewriter generalizer(linalgOp);
    auto op = dyn_cast<linalg::GenericOp>(linalgOp.getOperation());
    if (!op) {
      FailureOr<linalg::GenericOp> generic = linalg::generalizeNamedOp(generalizer, linalgOp);
      if (failed(generic)) {
        return failure();
      }
      op = *generic;
    }
    SmallVector<unsigned> order;
    for (bool parallel : {true, false}) {
      for (auto [index, type] : llvm::enumerate(op.getIteratorTypesArray())) {
        if (linalg::isParallelIterator(type) == parallel) {
          order.push_back(index);
        }
      }
    }
    if (!llvm::is_sorted(order)) {
      IRRewriter rewriter(op);
      if (failed(linalg::interchangeGenericOp(rewriter, op, order))) {
        return failure();
      }
    }
  }
  return success();
}

static LogicalResult lowerToLoops(ModuleOp module) {
  PassManager manager(module.getContext(), ModuleOp::getOperationName(),
                      PassManager::Nesting::Implicit);
  manager.addNestedPass<func::FuncOp>(createConvertLinalgToParallelLoopsPass());
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createCanonicalizerPass());
  return manager.run(module);
}

//===-- Launches ----------------------------------------------------------------------------===//

namespace {

/// Cuts a function into launches.
class Cutter {
public:
  Cutter(nn::KernelOp kernel, func::FuncOp function, OpBuilder &builder)
      : kernel(kernel), function(function), builder(builder) {}

  SmallVector<Launch> cut();

private:
  bool isSetup(Operation *op);
  void launchLoop(scf::ParallelOp loop);
  void launchSerial(ArrayRef<Operation *> ops);
  /// A new function with the kernel's arguments, and a builder in its body.
  ImplicitLocOpBuilder open(IRMapping &mapping);
  /// Clones what computes a value at the top of the kernel.
  void bringSetup(Operation *user, ImplicitLocOpBuilder &b, IRMapping &mapping);
  void close(ImplicitLocOpBuilder &b, int64_t work);

  nn::KernelOp kernel;
  func::FuncOp function;
  OpBuilder &builder;
  SmallVector<Launch> launches;
};

} // namespace

/// True for views, constants and index arithmetic: cloned into every launch that needs them.
bool Cutter::isSetup(Operation *op) {
  return op->getNumRegions() == 0 && isMemoryEffectFree(op);
}

ImplicitLocOpBuilder Cutter::open(IRMapping &mapping) {
  OpBuilder::InsertionGuard guard(builder);
  std::string name = (kernel.getSymName() + "_" + Twine(launches.size())).str();
  auto launch = func::FuncOp::create(builder, kernel.getLoc(), name, function.getFunctionType());
  Block *entry = launch.addEntryBlock();
  mapping.map(function.getArguments(), entry->getArguments());
  launches.push_back({launch, 1, 1, 0});
  return ImplicitLocOpBuilder(kernel.getLoc(), OpBuilder::atBlockEnd(entry));
}

void Cutter::close(ImplicitLocOpBuilder &b, int64_t work) {
  Launch &launch = launches.back();
  b.setInsertionPointToEnd(&launch.function.getBody().front());
  func::ReturnOp::create(b);
  launch.threads = std::clamp<int64_t>(llvm::alignTo(work, 32), 32, blockThreads);
  launch.blocks = std::clamp<int64_t>(llvm::divideCeil(work, launch.threads), 1, maxBlocks);
  launch.function->setAttr(threadsAttrName, b.getI64IntegerAttr(launch.threads));
}

void Cutter::bringSetup(Operation *user, ImplicitLocOpBuilder &b, IRMapping &mapping) {
  user->walk([&](Operation *op) {
    for (Value operand : op->getOperands()) {
      Operation *definer = operand.getDefiningOp();
      if (definer && definer->getBlock() == &function.getBody().front() &&
          !mapping.contains(operand)) {
        bringSetup(definer, b, mapping);
        b.clone(*definer, mapping);
      }
    }
  });
}

void Cutter::launchLoop(scf::ParallelOp loop) {
  IRMapping mapping;
  ImplicitLocOpBuilder b = open(mapping);
  bringSetup(loop, b, mapping);
  SmallVector<int64_t> extents;
  for (auto [lower, upper, step] :
       llvm::zip_equal(loop.getLowerBound(), loop.getUpperBound(), loop.getStep())) {
    // linalg's loops on static shapes start at 0, in steps of 1
    extents.push_back(*getConstantIntValue(upper));
    assert(getConstantIntValue(lower) == 0 && getConstantIntValue(step) == 1);
  }
  int64_t work = 1;
  for (int64_t extent : extents) {
    work *= extent;
  }
  auto index = [&](Value number) -> Value {
    return arith::IndexCastOp::create(b, b.getIndexType(), number);
  };
  Type i32 = b.getI32Type();
  Value width = index(NVVM::BlockDimXOp::create(b, i32));
  Value block = arith::MulIOp::create(b, index(NVVM::BlockIdXOp::create(b, i32)), width);
  Value first = arith::AddIOp::create(b, block, index(NVVM::ThreadIdXOp::create(b, i32)));
  Value stride = arith::MulIOp::create(b, index(NVVM::GridDimXOp::create(b, i32)), width);
  Value end = arith::ConstantIndexOp::create(b, work);
  auto elements = scf::ForOp::create(b, first, end, stride);
  b.setInsertionPointToStart(elements.getBody());
  Value rest = elements.getInductionVar();
  for (size_t axis = extents.size(); axis-- > 0;) {
    Value extent = arith::ConstantIndexOp::create(b, extents[axis]);
    Value place = axis == 0 ? rest : Value(arith::RemUIOp::create(b, rest, extent));
    mapping.map(loop.getInductionVars()[axis], place);
    rest = axis == 0 ? rest : Value(arith::DivUIOp::create(b, rest, extent));
  }
  for (Operation &op : loop.getBody()->without_terminator()) {
    b.clone(op, mapping);
  }
  close(b, work);
}

void Cutter::launchSerial(ArrayRef<Operation *> ops) {
  IRMapping mapping;
  ImplicitLocOpBuilder b = open(mapping);
  Value thread = NVVM::ThreadIdXOp::create(b, b.getI32Type());
  Value zero = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread, zero);
  auto branch = scf::IfOp::create(b, isFirst, /*withElseRegion=*/false);
  b.setInsertionPointToStart(branch.thenBlock());
  for (Operation *op : ops) {
    bringSetup(op, b, mapping);
    b.clone(*op, mapping);
  }
  close(b, 1);
}

SmallVector<Launch> Cutter::cut() {
  SmallVector<Operation *> serial;
  auto flush = [&] {
    if (!serial.empty()) {
      launchSerial(serial);
      serial.clear();
    }
  };
  for (Operation &op : function.getBody().front().without_terminator()) {
    if (auto loop = dyn_cast<scf::ParallelOp>(op)) {
      flush();
      launchLoop(loop);
    } else if (!isSetup(&op)) {
      serial.push_back(&op);
    }
  }
  flush();
  return std::move(launches);
}

FailureOr<DeviceKernel> mome::cuda::emitSimtKernel(nn::KernelOp kernel, OpBuilder &builder) {
  FailureOr<LinalgKernel> linalg = emitLinalgKernel(kernel, /*fuse=*/true);
  if (failed(linalg)) {
    return failure();
  }
  FailureOr<int64_t> scratch = placeAllocations(linalg->function);
  if (failed(scratch) || failed(parallelLoopsFirst(linalg->function)) ||
      failed(lowerToLoops(*linalg->module))) {
    return failure();
  }
  moveGlobals(*linalg->module, kernel.getSymName(), builder);
  return DeviceKernel{Cutter(kernel, linalg->function, builder).cut(), *scratch, "", ""};
}
