// RUN: mome-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @gradient
func.func @gradient(%w: tensor<4xf32> {nn.bind = #nn.bind<param, "w">}, %loss: tensor<f32>) -> tensor<4xf32> {
  // CHECK: nn.gradient %{{.*}} wrt %{{.*}} : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %dw = nn.gradient %loss wrt %w : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  return %dw : tensor<4xf32>
}

// CHECK-LABEL: func.func @dispatch
func.func @dispatch(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: nn.dispatch(%{{.*}}) : (tensor<4xf32>) -> tensor<4xf32>
  %y = nn.dispatch(%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%0: tensor<4xf32>):
    %1 = nn.exp %0 : tensor<4xf32>
    %c = nn.constant dense<2.0> : tensor<4xf32>
    %2 = nn.mul %1, %c : tensor<4xf32>
    nn.yield %2 : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}

nn.kernel @k_0 {
^bb0(%0: tensor<4xf32>):
  %1 = nn.exp %0 : tensor<4xf32>
  nn.yield %1 : tensor<4xf32>
}

// CHECK-LABEL: func.func @call
func.func @call(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: nn.call @k_0(%{{.*}}) : (tensor<4xf32>) -> tensor<4xf32>
  %y = nn.call @k_0(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
