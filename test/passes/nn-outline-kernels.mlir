// RUN: mome-opt %s -nn-outline-kernels -split-input-file | FileCheck %s

// Equal bodies give one kernel, whatever the names of their values and their locations.
// CHECK: nn.kernel @[[K:k_[0-9a-f]{16}]] {
// CHECK-NOT: nn.kernel
// CHECK: func.func @twice
// CHECK: %[[Y:.*]] = nn.call @[[K]](%arg0)
// CHECK: %[[Z:.*]] = nn.call @[[K]](%[[Y]])
// CHECK: return %[[Z]]
func.func @twice(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = nn.dispatch(%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>):
    %1 = nn.exp %a : tensor<4xf32>
    nn.yield %1 : tensor<4xf32>
  }
  %z = nn.dispatch(%y) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%b: tensor<4xf32>):
    %other_name = nn.exp %b : tensor<4xf32>
    nn.yield %other_name : tensor<4xf32>
  }
  return %z : tensor<4xf32>
}

// -----

// Bodies that differ in a constant do not merge.
// CHECK: nn.kernel @k_
// CHECK: nn.kernel @k_
func.func @constants(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = nn.dispatch(%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>):
    %c = nn.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
    %1 = nn.mul %a, %c : tensor<4xf32>
    nn.yield %1 : tensor<4xf32>
  }
  %z = nn.dispatch(%y) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>):
    %c = nn.constant dense<[1.0, 2.0, 3.0, 5.0]> : tensor<4xf32>
    %1 = nn.mul %a, %c : tensor<4xf32>
    nn.yield %1 : tensor<4xf32>
  }
  return %z : tensor<4xf32>
}
