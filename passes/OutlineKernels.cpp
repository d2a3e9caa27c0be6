// nn-outline-kernels: dispatch bodies become kernels, each distinct body once.
//
//   %y = nn.dispatch(%x) {^bb0(%0): ...}        nn.kernel @k_1f2e3d4c5b6a7988 {^bb0(%0): ...}
//   %z = nn.dispatch(%y) {^bb0(%0): ...}   ->   %y = nn.call @k_1f2e3d4c5b6a7988(%x)
//                                               %z = nn.call @k_1f2e3d4c5b6a7988(%y)
//
// A kernel's name is the XXH3-64 of its printed body, locations left out: the same computation gets
// the same name in every model. Invariant out: no two kernels have equal bodies; kernels stand at
// the top of the module, in order of first use.
#include "passes/Kernels.h"
#include "passes/Passes.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_OUTLINEKERNELSPASS
#include "passes/Passes.h.inc"

/// Equal for equal bodies, whatever their locations. Much faster than to print them.
static size_t hashOf(Region &body) {
  llvm::hash_code hash = 0;
  for (Type type : body.getArgumentTypes()) {
    hash = llvm::hash_combine(hash, type);
  }
  for (Operation &op : body.front()) {
    hash = llvm::hash_combine(
        hash, OperationEquivalence::computeHash(&op, OperationEquivalence::ignoreHashValue,
                                                OperationEquivalence::ignoreHashValue,
                                                OperationEquivalence::IgnoreLocations));
  }
  return hash;
}

namespace {
class OutlineKernels : public impl::OutlineKernelsPassBase<OutlineKernels> {
public:
  void runOnOperation() override {
    kernels.clear();
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    OpBuilder builder(&getContext());
    builder.setInsertionPointToStart(module.getBody());
    SmallVector<nn::DispatchOp> dispatches;
    module.walk([&](nn::DispatchOp dispatch) { dispatches.push_back(dispatch); });
    for (nn::DispatchOp dispatch : dispatches) {
      nn::KernelOp kernel = getKernel(dispatch, symbols, builder);
      if (!kernel) {
        return signalPassFailure();
      }
      OpBuilder calls(dispatch);
      auto call = nn::CallOp::create(calls, dispatch.getLoc(), dispatch.getResultTypes(),
                                     kernel.getSymName(), dispatch.getInputs());
      dispatch->replaceAllUsesWith(call);
      dispatch.erase();
    }
  }

private:
  /// The kernel with the dispatch's body, made at first use. Null after an error.
  nn::KernelOp getKernel(nn::DispatchOp dispatch, SymbolTable &symbols, OpBuilder &builder) {
    SmallVector<nn::KernelOp> &alike = kernels[hashOf(dispatch.getBody())];
    for (nn::KernelOp kernel : alike) {
      if (OperationEquivalence::isRegionEquivalentTo(&kernel.getBody(), &dispatch.getBody(),
                                                     OperationEquivalence::IgnoreLocations)) {
        return kernel;
      }
    }
    std::string name = contentName(dispatch.getBody());
    if (symbols.lookup(name)) {
      dispatch.emitOpError("two different kernels hash to @") << name;
      return nullptr;
    }
    auto kernel = nn::KernelOp::create(builder, dispatch.getLoc(), name);
    kernel.getBody().takeBody(dispatch.getBody());
    dispatch.getBody().emplaceBlock(); // a region that the erased op may hold
    symbols.insert(kernel, Block::iterator(builder.getInsertionPoint()));
    alike.push_back(kernel);
    return kernel;
  }

  llvm::DenseMap<size_t, SmallVector<nn::KernelOp>> kernels; // by hash of the body
};
} // namespace
} // namespace mome
