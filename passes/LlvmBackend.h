// What the code generators of all machines ask of LLVM: a target machine, and its optimiser.
#ifndef MOME_PASSES_LLVMBACKEND_H
#define MOME_PASSES_LLVMBACKEND_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace mome {

/// A module of the LLVM dialect (and, for devices, NVVM) in LLVM's own form; null after an error.
std::unique_ptr<llvm::Module> translateToLLVM(mlir::ModuleOp module, llvm::LLVMContext &context);

/// Multiply-adds are contracted where the code says so, nothing else is.
std::unique_ptr<llvm::TargetMachine>
createTargetMachine(llvm::StringRef triple, llvm::StringRef cpu, llvm::StringRef features);

/// Sets the module's triple and data layout.
void setTarget(llvm::Module &module, const llvm::TargetMachine &machine);

/// LLVM's passes at -O2.
void optimize(llvm::Module &module, llvm::TargetMachine &machine);

} // namespace mome
#endif
