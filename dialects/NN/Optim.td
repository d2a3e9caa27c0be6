// Optimizer updates: elementwise over a parameter and its moments; all hyperparameters are rank-0 operands.
#ifndef MOME_NN_OPTIM_TD
#define MOME_NN_OPTIM_TD

include "dialects/NN/NNAttrs.td"

class NN_UpdateOp<string mnemonic> : NN_Op<mnemonic, [InferTypeOpAdaptor, Fusible, CostModel,
    DeclareOpInterfaceMethods<Decomposable>]> {
  let extraClassDeclaration = [{
    ::mome::nn::FusionRole getFusionRole() { return ::mome::nn::FusionRole::elementwise; }
    double getFlops() { return 16.0 * ::llvm::cast<::mlir::ShapedType>(getParam().getType()).getNumElements(); }
  }];
}

def NN_AdamWOp : NN_UpdateOp<"adamw"> {
  let summary = "One step of AdamW";
  let description = [{
    With `g = grad_scale grad`: `p = (1 - lr weight_decay) param`; `m' = beta1 m + (1 - beta1) g`;
    `v' = beta2 v + (1 - beta2) g^2`; `p' = p - lr (m' / bias1) / (sqrt(v' / bias2) + eps)`. This is torch.optim.AdamW
    with `bias1 = 1 - beta1^step`, `bias2 = 1 - beta2^step`. `grad_scale` is 1, or the factor of global-norm clipping
    and of micro-batches.

    ```mlir
    %p1, %m1, %v1 = nn.adamw %p, %g, %m, %v, %lr, %beta1, %beta2, %eps, %weight_decay, %bias1, %bias2, %grad_scale
        : (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<f32>, tensor<f32>, tensor<f32>,
           tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>)
        -> (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>)
    ```
    C1: param, grad, m and v have one type. C2: the scalars have its element type.
  }];
  let arguments = (ins FloatTensor:$param, FloatTensor:$grad, FloatTensor:$m, FloatTensor:$v, FloatScalar:$lr,
                       FloatScalar:$beta1, FloatScalar:$beta2, FloatScalar:$eps, FloatScalar:$weight_decay,
                       FloatScalar:$bias1, FloatScalar:$bias2, FloatScalar:$grad_scale);
  let results = (outs FloatTensor:$new_param, FloatTensor:$new_m, FloatTensor:$new_v);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

def NN_SgdOp : NN_UpdateOp<"sgd"> {
  let summary = "One step of gradient descent with momentum";
  let description = [{
    With `g = grad_scale grad + weight_decay param`: `buffer' = momentum buffer + g`;
    `param' = param - lr buffer'`, or with `nesterov` `param - lr (g + momentum buffer')`. This is torch.optim.SGD
    without dampening, whose buffer starts at zero.

    ```mlir
    %p1, %b1 = nn.sgd %p, %g, %b, %lr, %momentum, %weight_decay, %grad_scale nesterov : (tensor<8xf32>, tensor<8xf32>,
        tensor<8xf32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) -> (tensor<8xf32>, tensor<8xf32>)
    ```
    C1: param, grad and buffer have one type. C2: the scalars have its element type.
  }];
  let arguments = (ins FloatTensor:$param, FloatTensor:$grad, FloatTensor:$buffer, FloatScalar:$lr,
                       FloatScalar:$momentum, FloatScalar:$weight_decay, FloatScalar:$grad_scale, UnitProp:$nesterov);
  let results = (outs FloatTensor:$new_param, FloatTensor:$new_buffer);
  let assemblyFormat = [{
    $param `,` $grad `,` $buffer `,` $lr `,` $momentum `,` $weight_decay `,` $grad_scale (`nesterov` $nesterov^)?
    attr-dict `:` functional-type(operands, results)
  }];
}

#endif
