// What the compiler asks an op. Passes use these interfaces and never a list of op names: a new op brings its own answers.
#ifndef MOME_NN_INTERFACES_TD
#define MOME_NN_INTERFACES_TD

include "mlir/IR/OpBase.td"

def Differentiable : OpInterface<"Differentiable"> {
  let cppNamespace = "::mome::nn";
  let description = [{The op's vector-Jacobian product, written in `nn`. Backward ops do not implement it.}];
  let methods = [
    InterfaceMethod<[{
        Builds the cotangents of the operands from those of the results.
        `cotangents` has one value per result, null where the result does not influence the loss (never all null).
        Appends one value per operand to `operandCotangents`, null where the operand has no gradient (integers, or
        mathematically zero).
      }],
      "::llvm::LogicalResult", "buildVjp",
      (ins "::mlir::OpBuilder &":$builder, "::llvm::ArrayRef<::mlir::Value>":$cotangents,
           "::llvm::SmallVectorImpl<::mlir::Value> &":$operandCotangents)>
  ];
}

def Interpretable : OpInterface<"Interpretable"> {
  let cppNamespace = "::mome::nn";
  let description = [{
    The meaning of the op, written for reading: every faster path is tested against it. All element types compute in
    f64; integers and booleans are held exactly as f64 too. Results of type bf16 are rounded by the caller.
  }];
  let methods = [
    InterfaceMethod<[{
        Computes the results. `results` arrive with the right shapes, filled with zeros.
      }],
      "::llvm::LogicalResult", "interpret",
      (ins "::llvm::ArrayRef<::mome::nn::HostTensor>":$operands,
           "::llvm::MutableArrayRef<::mome::nn::HostTensor>":$results)>
  ];
}

def ElementwiseOpInterface : OpInterface<"ElementwiseOpInterface"> {
  let cppNamespace = "::mome::nn";
  let description = [{
    Result element i depends on element i of the operands (all of one shape; rank-0 operands are allowed and apply to every
    element), and perhaps on i itself. One result.
  }];
  let methods = [
    InterfaceMethod<[{
        Emits the scalar computation with arith and math ops. `args` are scalars or equally long vectors, one per operand.
        `linearIndex` is the row-major index of the element as i64 (or a vector of i64); null unless `usesIndex()`.
      }],
      "::mlir::Value", "emitScalar",
      (ins "::mlir::ImplicitLocOpBuilder &":$builder, "::mlir::ValueRange":$args, "::mlir::Value":$linearIndex)>,
    InterfaceMethod<"True if the result depends on the element's index (random masks, iota).",
      "bool", "usesIndex", (ins), "", "return false;">
  ];
}

def AccessOpInterface : OpInterface<"AccessOpInterface"> {
  let cppNamespace = "::mome::nn";
  let description = [{
    The op computes nothing: every result element is some element of an operand, or a fill value. One result. Code
    generators compose the index maps instead of moving data; an access map in a kernel costs a load, not a pass.
  }];
  let methods = [
    InterfaceMethod<[{
        The pieces of the result. Their guards never hold together; where none holds, the result is `getFill()`.
      }],
      "::llvm::SmallVector<::mome::nn::AccessPiece>", "getAccessPieces">,
    InterfaceMethod<"The value outside all pieces.", "double", "getFill", (ins), "", "return 0.0;">
  ];
}

def ProductOpInterface : OpInterface<"ProductOpInterface"> {
  let cppNamespace = "::mome::nn";
  let description = [{The op is a (batched) matrix product. One result.}];
  let methods = [
    InterfaceMethod<"Operands, layouts and extents.", "::mome::nn::Product", "getProduct">
  ];
}

def ReductionOpInterface : OpInterface<"ReductionOpInterface"> {
  let cppNamespace = "::mome::nn";
  let description = [{
    The op combines the elements along some axes of its first operand, which disappear. One result.
  }];
  let methods = [
    InterfaceMethod<"The axes, in increasing order.", "::llvm::SmallVector<int64_t>", "getReducedAxes">,
    InterfaceMethod<"How two elements combine.", "::mome::nn::ReductionKind", "getReductionKind">
  ];
}

def Decomposable : OpInterface<"Decomposable"> {
  let cppNamespace = "::mome::nn";
  let description = [{
    The op as a *row program*: elementwise ops, `nn.broadcast`, reductions along the last axis, and sums over all rows
    for column results. Code generators fuse these into one kernel; the interpreter does not use it, so that each checks
    the other.
  }];
  let methods = [
    InterfaceMethod<"Builds the equivalent ops and appends one value per result.",
      "::llvm::LogicalResult", "decompose",
      (ins "::mlir::OpBuilder &":$builder, "::llvm::SmallVectorImpl<::mlir::Value> &":$results)>,
    InterfaceMethod<"True if the result has a value per column, known when all rows are: nothing else in a kernel reads it.",
      "bool", "isColumnResult", (ins "unsigned":$result), "", "return false;">
  ];
}

def LinalgLowering : OpInterface<"LinalgLowering"> {
  let cppNamespace = "::mome::nn";
  let description = [{
    The naive lowering to linalg on tensors: the generic kernel family and `--codegen=reference`. Elementwise and
    decomposable ops need none.
  }];
  let methods = [
    InterfaceMethod<"Builds linalg/tensor ops that compute the results from `operands` (the lowered operands).",
      "::llvm::LogicalResult", "lowerToLinalg",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$operands,
           "::llvm::SmallVectorImpl<::mlir::Value> &":$results)>
  ];
}

def Narrowable : OpInterface<"Narrowable"> {
  let cppNamespace = "::mome::nn";
  let description = [{
    The op multiplies its operands and adds the products in f32, so that the operands may be bf16 where speed and memory
    count (`nn-autocast`). Every other op keeps f32.
  }];
  let methods = [
    InterfaceMethod<"The operands that may be bf16, all of them or none.",
      "::llvm::SmallVector<unsigned>", "getNarrowOperands">,
    InterfaceMethod<"The results that are bf16 if the operands are; the others stay f32.",
      "::llvm::SmallVector<unsigned>", "getNarrowResults", (ins), "", "return {};">
  ];
}

def CostModel : OpInterface<"CostModel"> {
  let cppNamespace = "::mome::nn";
  let description = [{What one execution costs. Ops without it count one flop per result element, access ops none.}];
  let methods = [
    InterfaceMethod<"Floating-point operations (a multiply-add is two).", "double", "getFlops">
  ];
}

def Distillation : OpInterface<"Distillation"> {
  let cppNamespace = "::mome::nn";
  let description = [{A loss that pulls a student towards a teacher, which is usually held still.}];
  let methods = [
    InterfaceMethod<"The value that teaches.", "::mlir::Value", "getTeacherValue">,
    InterfaceMethod<"The value that learns.", "::mlir::Value", "getStudentValue">
  ];
}

def Fusible : OpInterface<"Fusible"> {
  let cppNamespace = "::mome::nn";
  let description = [{
    The part an op may play in a dispatch. Ops without the interface are `opaque`; `ElementwiseOpInterface` ops are
    `elementwise` and `AccessOpInterface` ops `access` without asking.
  }];
  let methods = [
    InterfaceMethod<"The op's role.", "::mome::nn::FusionRole", "getFusionRole">
  ];
}

#endif
