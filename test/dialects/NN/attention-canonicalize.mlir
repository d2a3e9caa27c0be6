// RUN: mome-opt %s --canonicalize | FileCheck %s

// A mask needs no cotangent.
// CHECK-LABEL: func.func @unused
// CHECK: nn.attention_backward
// CHECK-NOT: bias_gradient
// CHECK-SAME: -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>)
// CHECK: return
func.func @unused(%x: tensor<2x3x4xf32>, %lse: tensor<2x2x3xf32>, %mask: tensor<2x3x3xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %d:4 = nn.attention_backward %x, %x, %x, %x, %x, %lse bias %mask heads 2 scale 0.5 bias_gradient : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x2x3xf32>, tensor<2x3x3xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x3xf32>)
  return %d#0, %d#1, %d#2 : tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// CHECK-LABEL: func.func @used
// CHECK: nn.attention_backward {{.*}} bias_gradient
func.func @used(%x: tensor<2x3x4xf32>, %lse: tensor<2x2x3xf32>, %bias: tensor<2x3x3xf32>) -> tensor<2x3x3xf32> {
  %d:4 = nn.attention_backward %x, %x, %x, %x, %x, %lse bias %bias heads 2 scale 0.5 bias_gradient : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x2x3xf32>, tensor<2x3x3xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x3xf32>)
  return %d#3 : tensor<2x3x3xf32>
}
