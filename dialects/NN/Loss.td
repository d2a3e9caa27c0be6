// Losses by rows: one value per sample. Means, weights and masks are separate ops.
#ifndef MOME_NN_LOSS_TD
#define MOME_NN_LOSS_TD

include "dialects/NN/NNAttrs.td"

// `flops`: per element of the first operand.
class NN_LossOp<string mnemonic, int flops, list<Trait> traits = []> : NN_Op<mnemonic, traits # [InferTypeOpAdaptor,
    Fusible, CostModel, DeclareOpInterfaceMethods<Decomposable>]> {
  let extraClassDeclaration = [{
    ::mome::nn::FusionRole getFusionRole() { return ::mome::nn::FusionRole::row; }
    double getFlops() {
      return }] # flops # [{.0 * ::llvm::cast<::mlir::ShapedType>(getOperation()->getOperand(0).getType()).getNumElements();
    }
  }];
}

def NN_CrossEntropyOp : NN_LossOp<"cross_entropy", 7, [NonNegative, DeclareOpInterfaceMethods<Differentiable>]> {
  let summary = "Cross-entropy of softmax(logits) against class indices";
  let description = [{
    With K classes and smoothing s (0 if absent): `lse = ln sum_k e^z[k]`,
    `loss = lse - (1 - s) z[label] - s/K sum_k z[k]`, as torch.nn.functional.cross_entropy with `reduction="none"` and
    `label_smoothing=s`. Where the label is not in [0, K), like the -1 of a sample without one, the loss and its
    derivative are 0. `lse` is a result because the backward form needs it; it has no derivative of its own, nor has s.

    ```mlir
    %loss, %lse = nn.cross_entropy %z, %labels smoothing %s
        : (tensor<8x10xf32>, tensor<8xi32>, tensor<f32>) -> (tensor<8xf32>, tensor<8xf32>)
    ```
    C1: the logits have at least one axis, and the last is not empty. C2: the labels have the other axes. C3: s has the
    element type of the results.
  }];
  let arguments = (ins FloatTensor:$logits, IntTensor:$labels, Optional<FloatScalar>:$smoothing);
  let results = (outs FloatTensor:$loss, FloatTensor:$lse);
  let assemblyFormat = [{
    $logits `,` $labels (`smoothing` $smoothing^)? attr-dict `:` functional-type(operands, results)
  }];
}

def NN_CrossEntropyBackwardOp : NN_LossOp<"cross_entropy_backward", 6> {
  let summary = "The cotangent of the logits in nn.cross_entropy";
  let description = [{
    `dz[k] = dloss (e^(z[k] - lse) - (1 - s) [k = label] - s/K)`, 0 where the label is not in [0, K).

    ```mlir
    %dz = nn.cross_entropy_backward %z, %labels, %lse, %dloss smoothing %s : (tensor<8x10xf32>, tensor<8xi32>,
        tensor<8xf32>, tensor<8xf32>, tensor<f32>) -> tensor<8x10xf32>
    ```
    C1: the logits have at least one axis, and the last is not empty. C2: the labels have the other axes. C3: s has the
    element type of lse. C4: lse and dloss are as nn.cross_entropy gives them.
  }];
  let arguments = (ins FloatTensor:$logits, IntTensor:$labels, FloatTensor:$lse, FloatTensor:$cotangent,
                       Optional<FloatScalar>:$smoothing);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = [{
    $logits `,` $labels `,` $lse `,` $cotangent (`smoothing` $smoothing^)? attr-dict
    `:` functional-type(operands, results)
  }];
}

def NN_SoftCrossEntropyOp : NN_LossOp<"soft_cross_entropy", 7, [DeclareOpInterfaceMethods<Distillation>,
    DeclareOpInterfaceMethods<Differentiable>]> {
  let summary = "Cross-entropy of softmax(logits) against weights of all classes";
  let description = [{
    `loss = -sum_k t[k] log_softmax(z)[k]`, as torch.nn.functional.cross_entropy with class probabilities and
    `reduction="none"`; the targets need not sum to 1. `dz = dloss (softmax(z) sum_k t[k] - t)`,
    `dt = -dloss log_softmax(z)`.

    ```mlir
    %loss = nn.soft_cross_entropy %z, %t : (tensor<8x10xf32>, tensor<8x10xf32>) -> tensor<8xf32>
    ```
    C1: the logits have at least one axis, and the last is not empty. C2: the targets have the type of the logits.
  }];
  let arguments = (ins FloatTensor:$logits, FloatTensor:$target);
  let results = (outs FloatTensor:$loss);
  let assemblyFormat = "$logits `,` $target attr-dict `:` functional-type(operands, results)";
}

def NN_KlOp : NN_LossOp<"kl", 14, [NonNegative, DeclareOpInterfaceMethods<Distillation>,
    DeclareOpInterfaceMethods<Differentiable>]> {
  let summary = "Kullback-Leibler divergence of softmax(student) from softmax(teacher)";
  let description = [{
    With teacher logits a, student logits b and `p = softmax(a)`:
    `div = sum_i p[i] ((a[i] - lse(a)) - (b[i] - lse(b)))`, the terms of L_intra (Eq. 1 of the MoME paper), where a row
    holds all values of a block's output. Differentiable in both; put `nn.stop_gradient` on the teacher to hold it
    still. `db = ddiv (q - p)` with `q = softmax(b)`; `da = ddiv p ((a - lse(a)) - (b - lse(b)) - div)`. The lse are
    results because the backward forms need them; they have no derivative of their own.

    ```mlir
    %div, %lse_a, %lse_b = nn.kl %a, %b
        : (tensor<8x768xf32>, tensor<8x768xf32>) -> (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>)
    ```
    C1: the teacher has at least one axis, and the last is not empty. C2: the student has the type of the teacher.
  }];
  let arguments = (ins FloatTensor:$teacher, FloatTensor:$student);
  let results = (outs FloatTensor:$divergence, FloatTensor:$teacher_lse, FloatTensor:$student_lse);
  let assemblyFormat = "$teacher `,` $student attr-dict `:` functional-type(operands, results)";
}

def NN_KlBackwardOp : NN_LossOp<"kl_backward", 6> {
  let summary = "The cotangent of the student in nn.kl";
  let description = [{
    `db = ddiv (e^(b - lse(b)) - e^(a - lse(a)))`: the difference of the two probabilities, each from its logarithm, so that
    probabilities of 1e-6 keep their digits.

    ```mlir
    %db = nn.kl_backward %a, %b, %lse_a, %lse_b, %ddiv : (tensor<8x768xf32>, tensor<8x768xf32>, tensor<8xf32>,
        tensor<8xf32>, tensor<8xf32>) -> tensor<8x768xf32>
    ```
    C1: the teacher has at least one axis, and the last is not empty. C2: the student has the type of the teacher. C3: the
    lse and ddiv are as nn.kl gives them.
  }];
  let arguments = (ins FloatTensor:$teacher, FloatTensor:$student, FloatTensor:$teacher_lse, FloatTensor:$student_lse,
                       FloatTensor:$cotangent);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = [{
    $teacher `,` $student `,` $teacher_lse `,` $student_lse `,` $cotangent attr-dict
    `:` functional-type(operands, results)
  }];
}

#endif
