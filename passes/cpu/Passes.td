// Passes of the CPU code generator. A pass is one name four times: the def here, its file, its test, its flag.
#ifndef MOME_PASSES_CPU_PASSES_TD
#define MOME_PASSES_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def EmitCpuKernelsPass : Pass<"nn-emit-cpu-kernels", "::mlir::ModuleOp"> {
  let summary = "Replaces kernels by functions over buffers, where a fast kernel family takes them";
  let description = [{
    For tests and reading: the `codegen` stage calls the same emitter kernel by kernel. Kernels that no family takes stay, with
    a remark (category `nn-emit-cpu-kernels`) that says why.
  }];
  let options = [Option<"targetCpu", "target-cpu", "std::string", /*default=*/"\"x86-64-v3\"", "One of the targets of Target.cpp">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def AddEntryPointsPass : Pass<"cpu-add-entry-points", "::mlir::ModuleOp"> {
  let summary = "Gives every kernel function the machine-level signature of kernels";
  let description = [{
    Expects the LLVM dialect with bare pointers:

    ```mlir
    llvm.func @k_0(%x: !llvm.ptr, %y: !llvm.ptr, %lo: i64, %hi: i64, %scratch: !llvm.ptr)
    // becomes
    llvm.func internal @k_0.body(... the same ...)
    llvm.func @k_0(%args: !llvm.ptr, %lo: i64, %hi: i64, %scratch: !llvm.ptr) {
      // loads the pointers from %args and calls the body
    }
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif
