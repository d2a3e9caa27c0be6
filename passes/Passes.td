// The passes, in the order of the phases. A pass is one name four times: the def here, its file, its test, its flag.
#ifndef MOME_PASSES_TD
#define MOME_PASSES_TD

include "mlir/Pass/PassBase.td"

//===-- elaborate ------------------------------------------------------------------------------===//

def VerifyModelPass : Pass<"mome-verify-model", "::mlir::ModuleOp"> {
  let summary = "Checks the contract of the mome level";
}

def LintLossesPass : Pass<"mome-lint-losses", "::mlir::ModuleOp"> {
  let summary = "Warns of losses that train nothing, or something else than meant";
  let description = [{
    Codes W0601 to W0604; frontend/syntax/codes.def explains them. Changes nothing.
  }];
}

//===-- place ----------------------------------------------------------------------------------===//

def LowerToEntriesPass : Pass<"mome-lower-to-entries", "::mlir::ModuleOp"> {
  let summary = "Turns a model into its entries: predict, eval, metrics, init, and each section's grad, accumulate, apply, step";
  let description = [{
    Graphs are inlined into functions whose arguments and results carry `nn.bind`; gradients stay symbolic. Optimizers, clipping,
    freezing and averages become `nn` ops. The facts that the runtime needs go to the module attribute `rt.package`.
  }];
  let dependentDialects = ["::mome::nn::NNDialect", "::mome::rt::RTDialect", "::mlir::func::FuncDialect"];
}

//===-- place, autodiff, simplify: the nn level ------------------------------------------------===//

def VerifyEntriesPass : Pass<"nn-verify-entries", "::mlir::ModuleOp"> {
  let summary = "Checks the contract of the nn levels before dispatches";
  let options = [
    Option<"stage", "stage", "std::string", /*default=*/"\"simplify\"", "The stage that has just run: place, autodiff or simplify">,
    Option<"provenance", "provenance", "bool", /*default=*/"false", "Require a DSL path on every op">];
}

//===-- autodiff -------------------------------------------------------------------------------===//

def CollapseOneQueryPass : Pass<"nn-collapse-one-query", "::mlir::func::FuncOp"> {
  let summary = "Attention of a single query without projecting the keys and values";
  let description = [{
    Folds the projections of keys and values into the query and the result, which is exact. Not done, with a remark, where
    the keys or values are no linear projection or something else reads them, and where there is a bias.
  }];
  let dependentDialects = ["::mome::nn::NNDialect"];
}

def AutodiffPass : Pass<"nn-autodiff", "::mlir::func::FuncOp"> {
  let summary = "Expands nn.gradient by reverse accumulation through the VJPs of the ops";
  let description = [{
    Differentiates the ops on a path from a `wrt` value to the loss. Parts of a value read several times are added in
    reverse program order; a value that the loss does not depend on gets zeros. An op on the path that is not
    `Differentiable` is an error. Locations: the forward op's scope, phase bwd.
  }];
  let dependentDialects = ["::mome::nn::NNDialect", "::mome::model::MomeDialect"];
}

//===-- simplify -------------------------------------------------------------------------------===//

def EliminateStopGradientPass : Pass<"nn-eliminate-stop-gradient", "::mlir::func::FuncOp"> {
  let summary = "Removes nn.stop_gradient, which has done its work in autodiff";
}

//===-- autocast -------------------------------------------------------------------------------===//

def AutocastPass : Pass<"nn-autocast", "::mlir::func::FuncOp"> {
  let summary = "Lets products and attention read bf16, or tf32, in entries of that precision";
  let description = [{
    Marks products, convolutions and attention with `nn.precision = "tf32"` in entries of that precision. Otherwise
    acts on entries with `nn.precision = "bf16"`. Operands of `Narrowable` ops become bf16, index maps, sums over rows and
    what the backward part keeps of a product follow; everything else stays f32, also all that an entry takes and returns.
  }];
  let dependentDialects = ["::mome::nn::NNDialect"];
}

//===-- fuse -----------------------------------------------------------------------------------===//

def SplitWideKlPass : Pass<"nn-split-wide-kl", "::mlir::func::FuncOp"> {
  let summary = "Divergences over very wide rows as many shorter rows";
  let description = [{
    A few rows of 65,536 values or more become parts of at most 32,768, each with its own divergence and lse, from which those
    of the row follow exactly. Not done where the width has no fitting divisor.
  }];
  let dependentDialects = ["::mome::nn::NNDialect"];
}

def SinkReshapesPass : Pass<"nn-sink-reshapes", "::mlir::func::FuncOp"> {
  let summary = "Lets elementwise ops work in the shape in which a root computes";
  let dependentDialects = ["::mome::nn::NNDialect"];
}

def FuseDispatchesPass : Pass<"nn-fuse-dispatches", "::mlir::func::FuncOp"> {
  let summary = "Groups an entry's ops into dispatches";
  let description = [{
    Every op but `nn.constant` and `nn.reshape` moves into an `nn.dispatch`: a root with its elementwise epilogue, a row
    program, or an elementwise group. What was not fused, and why, is said by remarks of category `nn-fuse-dispatches`.
  }];
  let options = [
    Option<"sums", "sums", "bool", /*default=*/"false",
           "Whether the gradient of a bias joins that of its weight">,
  ];
  let dependentDialects = ["::mome::nn::NNDialect"];
}

def VerifyDispatchesPass : Pass<"nn-verify-dispatches", "::mlir::ModuleOp"> {
  let summary = "Checks the contract of the levels with dispatches and kernels";
  let options = [
    Option<"stage", "stage", "std::string", /*default=*/"\"fuse\"", "The stage that has just run: fuse or schedule">,
    Option<"provenance", "provenance", "bool", /*default=*/"false", "Require a DSL path on every dispatch and call">];
}

//===-- remat ----------------------------------------------------------------------------------===//

def RematerializePass : Pass<"nn-rematerialize", "::mlir::ModuleOp"> {
  let summary = "Computes forward values again where keeping them would break the byte budget, or where that costs little";
  let description = [{
    For each entry that needs more than the budget, the first of a fixed list of plans of increasing work whose packed peak
    fits; if none does, the one with the lowest peak. Without a budget, what adds at most `share` to the time of an entry, as far as
    it lowers the peak. Updates of state and what an entry returns are never computed again.
    Clones have the phase `remat`. A remark of category `nn-rematerialize` says what was done, or why nothing was.
  }];
  let options = [
    Option<"budget", "budget", "int64_t", /*default=*/"0", "Bytes that a session may allocate: named tensors and work memory; 0: no budget">,
    Option<"share", "share", "double", /*default=*/"0.015", "Without a budget: of an entry's time on a processor, how much may be added">,
    Option<"small", "small", "int64_t", /*default=*/"64 << 20", "Without a budget: entries with less work memory stay as they are">,
    Option<"groups", "groups", "bool", /*default=*/"false", "How calls will be scheduled (`nn-schedule`)">,
  ];
  let dependentDialects = ["::mome::nn::NNDialect", "::mome::rt::RTDialect"];
}

//===-- schedule -------------------------------------------------------------------------------===//

def OutlineKernelsPass : Pass<"nn-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Turns dispatch bodies into kernels named by content, each kept once";
  let dependentDialects = ["::mome::nn::NNDialect"];
}

def SchedulePass : Pass<"nn-schedule", "::mlir::func::FuncOp"> {
  let summary = "Orders an entry's calls for a low memory peak and updates in place";
  let options = [
    Option<"groups", "groups", "bool", /*default=*/"false",
           "Whether experts of one structure go in step, so that a device runs their equal calls in one launch">,
  ];
  let dependentDialects = ["::mome::nn::NNDialect"];
}

//===-- memory ---------------------------------------------------------------------------------===//

def PlanMemoryPass : Pass<"nn-plan-memory", "::mlir::ModuleOp"> {
  let summary = "Gives every tensor bytes in an arena; entries become programs";
  let dependentDialects = ["::mome::nn::NNDialect", "::mome::rt::RTDialect"];
}

def FindNeighboursPass : Pass<"rt-find-neighbours", "::mlir::ModuleOp"> {
  let summary = "Counts how many dispatches right before each have no conflict with it";
  let description = [{
    For machines that spread a few dispatches over all their threads at once. Dispatches keep their order: bringing together what
    does not conflict is the work of `nn-schedule`.
  }];
  let dependentDialects = ["::mome::rt::RTDialect"];
}

def GroupLaunchesPass : Pass<"rt-group-launches", "::mlir::ModuleOp"> {
  let summary = "Equal dispatches side by side become one launch";
  let description = [{
    For devices that pay for each launch. Neighbours that run the same kernel without a conflict, as many as a launch has room for in its
    parameters.
  }];
  let dependentDialects = ["::mome::rt::RTDialect"];
}

def AssignStreamsPass : Pass<"rt-assign-streams", "::mlir::ModuleOp"> {
  let summary = "Chains of dispatches that do not depend on each other go to streams of their own";
  let description = [{
    Memory is planned already: chains that were given the same bytes one after the other stay in that order.
  }];
  let options = [Option<"streams", "streams", "unsigned", /*default=*/"8", "At most so many per program">];
  let dependentDialects = ["::mome::rt::RTDialect"];
}

def VerifyPlanPass : Pass<"rt-verify-plan", "::mlir::ModuleOp"> {
  let summary = "Proves that every read of a program finds the value it was planned for";
  let dependentDialects = ["::mome::rt::RTDialect"];
}

//===-- codegen --------------------------------------------------------------------------------===//

def GenerateCodePass : Pass<"nn-generate-code", "::mlir::ModuleOp"> {
  let summary = "Turns kernels into machine code";
  let description = [{
    Kernels that no fast family takes go to the reference lowering, which a remark of category `nn-generate-code` says. So does one
    when device code stays PTX, because there is no CUDA toolkit to assemble it, and one for each kernel that a library was asked for
    and does not run.
  }];
  let options = [
    Option<"codegen", "codegen", "std::string", /*default=*/"\"cpu\"", "cpu: fast kernel families; reference: naive loops">,
    Option<"targetCpu", "target-cpu", "std::string", /*default=*/"\"x86-64-v3\"", "Targets of passes/cpu/Target.cpp, with commas between them; empty: none">,
    Option<"cuda", "cuda", "std::string", /*default=*/"\"\"", "Architectures of CUDA to generate code for too, such as sm_80, with commas between them">,
    ListOption<"libraries", "libraries", "std::string", "Libraries of CUDA that may run products or convolutions: cublaslt, cudnn">,
    Option<"cache", "cache", "std::string", /*default=*/"\"\"", "A folder that keeps the machine code of kernels; empty: none">,
    ListOption<"cubins", "cubins", "std::string", "And assemble it for these">];
  let dependentDialects = [
    "::mome::rt::RTDialect", "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::bufferization::BufferizationDialect", "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect", "::mlir::vector::VectorDialect"];
}

def ApproximateMathPass : Pass<"approximate-math"> {
  let summary = "Replaces transcendental functions by polynomials, and allows multiply-add contraction";
  let description = [{
    Part of every code generator: vectors of `math.exp`, `math.log`, ... would become one libm call per lane, ten times slower, and
    generated code may call nothing. What remains of `math` afterwards has a machine instruction; anything else is an error here.
  }];
  let options = [Option<"forDevice", "for-device", "bool", "false", "Quotients and exp by the instructions of a CUDA device">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

#endif
