// nn-outline-kernels: dispatch bodies become kernels, each distinct body once.
//
//   %y = nn.dispatch(%x) {^bb0(%0): ...}        nn.kernel @k_1f2e3d4c5b6a7988 {^bb0(%0): ...}
//   %z = nn.dispatch(%y) {^bb0(%0): ...}   ->   %y = nn.call @k_1f2e3d4c5b6a7988(%x)
//                                               %z = nn.call @k_1f2e3d4c5b6a7988(%y)
//
// A kernel's name is the XXH3-64 of its printed body, locations left out: the same computation gets
// the same name in every model. Invariant out: no two kernels have equal bodies; kernels stand at
// the top of the module, in order of first use.
#include "passes/Passes.h"

#include "dialects/NN/NN.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

#include <limits>

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_OUTLINEKERNELSPASS
#include "passes/Passes.h.inc"

/// The body as text, independent of locations, surroundings and command-line printing flags.
static std::string printBody(nn::DispatchOp dispatch) {
  constexpr int64_t everything = std::numeric_limits<int64_t>::max();
  OpPrintingFlags flags;
  flags.elideLargeElementsAttrs(everything).elideLargeResourceString(everything);
  flags.enableDebugInfo(false).printGenericOpForm().useLocalScope().printUniqueSSAIDs(false);
  // The operands' names would depend on the entry: print a copy without them.
  OperationState state(UnknownLoc::get(dispatch.getContext()), nn::KernelOp::getOperationName());
  IRMapping mapping;
  dispatch.getBody().cloneInto(state.addRegion(), mapping);
  state.addAttribute("sym_name", StringAttr::get(dispatch.getContext(), "k"));
  Operation *kernel = Operation::create(state);
  std::string text;
  llvm::raw_string_ostream stream(text);
  kernel->print(stream, flags);
  kernel->destroy();
  return text;
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
    std::string text = printBody(dispatch);
    auto [it, fresh] = kernels.try_emplace(text);
    if (!fresh) {
      return it->second;
    }
    std::string name =
        "k_" + llvm::utohexstr(llvm::xxh3_64bits(text), /*LowerCase=*/true, /*Width=*/16);
    if (symbols.lookup(name)) {
      dispatch.emitOpError("two different kernels hash to @") << name;
      return nullptr;
    }
    auto kernel = nn::KernelOp::create(builder, dispatch.getLoc(), name);
    kernel.getBody().takeBody(dispatch.getBody());
    dispatch.getBody().emplaceBlock(); // a region that the erased op may hold
    symbols.insert(kernel, Block::iterator(builder.getInsertionPoint()));
    it->second = kernel;
    return kernel;
  }

  llvm::StringMap<nn::KernelOp> kernels; // by printed body
};
} // namespace
} // namespace mome
