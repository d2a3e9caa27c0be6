// RUN: mome-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @attention
func.func @attention(%q: tensor<2x3x8xf32>, %k: tensor<2x5x8xf32>, %v: tensor<2x5x4xf32>, %bias: tensor<2x3x5xf32>, %mask: tensor<2x2x3x5xf32>) -> tensor<2x2x3x5xf32> {
  // CHECK: nn.attention %{{.*}}, %{{.*}}, %{{.*}} heads 2 scale 5.000000e-01 :
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.5 : (tensor<2x3x8xf32>, tensor<2x5x8xf32>, tensor<2x5x4xf32>) -> (tensor<2x3x4xf32>, tensor<2x2x3xf32>)
  // CHECK: nn.attention %{{.*}}, %{{.*}}, %{{.*}} bias %{{.*}} heads 2 scale
  %o1, %lse1 = nn.attention %q, %k, %v bias %bias heads 2 scale 0.5 : (tensor<2x3x8xf32>, tensor<2x5x8xf32>, tensor<2x5x4xf32>, tensor<2x3x5xf32>) -> (tensor<2x3x4xf32>, tensor<2x2x3xf32>)
  // CHECK: nn.attention_backward %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} heads 2 scale 5.000000e-01 :
  %d:3 = nn.attention_backward %o, %q, %k, %v, %o, %lse heads 2 scale 0.5 : (tensor<2x3x4xf32>, tensor<2x3x8xf32>, tensor<2x5x8xf32>, tensor<2x5x4xf32>, tensor<2x3x4xf32>, tensor<2x2x3xf32>) -> (tensor<2x3x8xf32>, tensor<2x5x8xf32>, tensor<2x5x4xf32>)
  // CHECK: nn.attention_backward {{.*}} bias %{{.*}} heads 2 scale 5.000000e-01 bias_gradient :
  %e:4 = nn.attention_backward %o, %q, %k, %v, %o1, %lse1 bias %mask heads 2 scale 0.5 bias_gradient : (tensor<2x3x4xf32>, tensor<2x3x8xf32>, tensor<2x5x8xf32>, tensor<2x5x4xf32>, tensor<2x3x4xf32>, tensor<2x2x3xf32>, tensor<2x2x3x5xf32>) -> (tensor<2x3x8xf32>, tensor<2x5x8xf32>, tensor<2x5x4xf32>, tensor<2x2x3x5xf32>)
  return %e#3 : tensor<2x2x3x5xf32>
}
