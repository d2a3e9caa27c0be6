// nn-verify-dispatches: the border checks from `fuse` to `schedule`.
//
//   D1  until `schedule`, an entry holds nn.dispatch, nn.reshape and nn.constant only; from then on
//       nn.call and nn.reshape
//   D2  bodies hold what is computed: no nn.stop_gradient, and no nn.reshape of an argument or to a
//       result (a view outside)
//   D3  from `schedule` on, a kernel's name is its content, so that no two are equal; and something
//       calls it
//   D4  with `provenance`: every dispatch or call says which DSL path it computes for
//   D5  as many dispatches or calls compute something again as `nn.recomputed` says: nothing has
//       merged them with what they repeat
#include "dialects/Mome/Scope.h"
#include "passes/Kernels.h"
#include "passes/Passes.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_VERIFYDISPATCHESPASS
#include "passes/Passes.h.inc"

namespace {
class VerifyDispatches : public impl::VerifyDispatchesPassBase<VerifyDispatches> {
public:
  using Base::Base;

  void runOnOperation() override {
    markAllAnalysesPreserved();
    called.clear();
    ModuleOp module = getOperation();
    for (auto entry : module.getOps<func::FuncOp>()) {
      for (Operation &op : entry.getBody().front().without_terminator()) {
        if (failed(verifyTop(op))) {
          return signalPassFailure();
        }
      }
      if (failed(verifyRecomputed(entry))) {
        return signalPassFailure();
      }
    }
    for (auto kernel : module.getOps<nn::KernelOp>()) {
      if (failed(verifyKernel(kernel))) {
        return signalPassFailure();
      }
    }
  }

private:
  LogicalResult verifyTop(Operation &op);
  LogicalResult verifyRecomputed(func::FuncOp entry);
  LogicalResult verifyBody(Block &body);
  LogicalResult verifyKernel(nn::KernelOp kernel);

  llvm::DenseSet<StringAttr> called;
};
} // namespace

LogicalResult VerifyDispatches::verifyTop(Operation &op) {
  bool isScheduled = stage == "schedule";
  bool fits = isScheduled ? isa<nn::CallOp, nn::ReshapeOp>(op)
                          : isa<nn::DispatchOp, nn::ReshapeOp, nn::ConstantOp>(op);
  if (!fits) {
    return op.emitOpError("D1: cannot stand at the top of an entry after stage '") << stage << "'";
  }
  if (provenance && isa<nn::CallOp, nn::DispatchOp>(op) && model::getScopes(op.getLoc()).empty()) {
    return op.emitOpError("D4: has lost its DSL path");
  }
  if (auto call = dyn_cast<nn::CallOp>(op)) {
    called.insert(call.getKernelAttr().getAttr());
  }
  auto dispatch = dyn_cast<nn::DispatchOp>(op);
  return dispatch ? verifyBody(dispatch.getBody().front()) : success();
}

LogicalResult VerifyDispatches::verifyRecomputed(func::FuncOp entry) {
  auto expected = entry->getAttrOfType<IntegerAttr>(nn::NNDialect::recomputedAttrName);
  int64_t count = llvm::count_if(entry.getBody().front(), [](Operation &op) {
    return isa<nn::CallOp, nn::DispatchOp>(op) &&
           model::isAllIn(op.getLoc(), model::Phase::remat);
  });
  if (expected && count != expected.getInt()) {
    return entry.emitOpError("D5: computes ")
           << expected.getInt() << " dispatches again, but " << count << " are left";
  }
  return success();
}

LogicalResult VerifyDispatches::verifyBody(Block &body) {
  for (Operation &op : body) {
    if (isa<nn::StopGradientOp>(op)) {
      return op.emitOpError("D2: computes nothing");
    }
    auto reshape = dyn_cast<nn::ReshapeOp>(op);
    if (reshape && (isa<BlockArgument>(reshape.getOperand()) ||
                    llvm::is_contained(body.getTerminator()->getOperands(), reshape.getResult()))) {
      return op.emitOpError("D2: is a view that belongs outside of the kernel");
    }
  }
  return success();
}

LogicalResult VerifyDispatches::verifyKernel(nn::KernelOp kernel) {
  std::string name = contentName(kernel.getBody());
  if (kernel.getSymName() != name) {
    return kernel.emitOpError("D3: is not named by its content, @") << name;
  }
  if (!called.contains(kernel.getSymNameAttr())) {
    return kernel.emitOpError("D3: is never called");
  }
  return verifyBody(kernel.getBody().front());
}
} // namespace mome
