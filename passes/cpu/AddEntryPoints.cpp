// cpu-add-entry-points: `void k(void *const *args, int64_t lo, int64_t hi, void *scratch)` in front
// of each kernel. Before and after: see Passes.td.
#include "passes/cpu/Passes.h"

#include "passes/cpu/KernelEmitter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Pass/Pass.h"

namespace mome::cpu {
#define GEN_PASS_DEF_ADDENTRYPOINTSPASS
#include "passes/cpu/Passes.h.inc"
} // namespace mome::cpu

using namespace mlir;
using namespace mome::cpu;

static void addEntryPoint(LLVM::LLVMFuncOp body) {
  ImplicitLocOpBuilder b(body.getLoc(), body->getContext());
  b.setInsertionPointAfter(body);
  std::string name = body.getSymName().str();
  body.setSymName(name + ".body");
  body.setLinkage(LLVM::Linkage::Internal);
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                          {pointer, b.getI64Type(), b.getI64Type(), pointer});
  auto entry = LLVM::LLVMFuncOp::create(b, name, type);
  for (StringRef name : recordAttrNames) {
    if (Attribute attr = body->removeDiscardableAttr(name)) {
      entry->setAttr(name, attr);
    }
  }
  b.setInsertionPointToStart(entry.addEntryBlock(b));
  SmallVector<Value> args;
  for (int32_t number : llvm::seq<int32_t>(0, body.getNumArguments() - 3)) {
    Value slot = LLVM::GEPOp::create(b, pointer, pointer, entry.getArgument(0),
                                     ArrayRef<LLVM::GEPArg>{number});
    args.push_back(LLVM::LoadOp::create(b, pointer, slot));
  }
  llvm::append_range(args, entry.getArguments().drop_front());
  LLVM::CallOp::create(b, body, args);
  LLVM::ReturnOp::create(b, ValueRange());
}

namespace {
struct AddEntryPoints : mome::cpu::impl::AddEntryPointsPassBase<AddEntryPoints> {
  void runOnOperation() override {
    for (auto body : llvm::make_early_inc_range(getOperation().getOps<LLVM::LLVMFuncOp>())) {
      if (body->hasAttr(chunksAttrName)) {
        addEntryPoint(body);
      }
    }
  }
};
} // namespace
