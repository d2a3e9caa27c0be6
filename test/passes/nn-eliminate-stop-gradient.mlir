// RUN: mome-opt %s -split-input-file -verify-diagnostics -pass-pipeline='builtin.module(func.func(nn-eliminate-stop-gradient))' | FileCheck %s
// Together with the upstream clean-up passes this is the stage `simplify`.
// RUN: mome-opt %s -split-input-file -verify-diagnostics \
// RUN:   -pass-pipeline='builtin.module(func.func(nn-eliminate-stop-gradient,canonicalize,cse))' | FileCheck %s --check-prefix=SIMPLE

// CHECK-LABEL: func.func @chain
// CHECK-NEXT: nn.exp %arg0
// CHECK-NEXT: nn.exp %arg0
// CHECK-NEXT: nn.add
// SIMPLE-LABEL: func.func @chain
// SIMPLE-NEXT: %[[E:.*]] = nn.exp %arg0
// SIMPLE-NEXT: nn.add %[[E]], %[[E]]
func.func @chain(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = nn.stop_gradient %x : tensor<4xf32>
  %1 = nn.stop_gradient %0 : tensor<4xf32>
  %2 = nn.exp %1 : tensor<4xf32>
  %3 = nn.exp %x : tensor<4xf32>
  %4 = nn.add %2, %3 : tensor<4xf32>
  return %4 : tensor<4xf32>
}

// CHECK-LABEL: func.func @returned
// CHECK-NEXT: return %arg0
func.func @returned(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = nn.stop_gradient %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: func.func @nothing_to_do
// CHECK-NEXT: nn.exp %arg0
func.func @nothing_to_do(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = nn.exp %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @too_early(%x: tensor<f32>) -> tensor<f32> {
  %0 = nn.stop_gradient %x : tensor<f32>
  // expected-error @below {{must be expanded by nn-autodiff before stop_gradient can go}}
  %1 = nn.gradient %0 wrt %x : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %1 : tensor<f32>
}
