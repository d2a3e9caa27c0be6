// RUN: mome-opt %s -pass-pipeline='builtin.module(func.func(nn-sink-reshapes))' | FileCheck %s

// The product moves to the matmul's shape, and with it a chain of other readers, a constant, a bias and a view.
// CHECK-LABEL: func.func @epilogue
// CHECK: %[[M:.*]] = nn.matmul
// CHECK: %[[G:.*]] = nn.reshape %arg2 : tensor<2x3x4xf32> -> tensor<6x4xf32>
// CHECK: %[[E:.*]] = nn.exp %[[G]] : tensor<6x4xf32>
// CHECK: %[[X:.*]] = nn.mul %[[M]], %[[E]] : tensor<6x4xf32>
// CHECK: %[[B:.*]] = nn.broadcast %arg3 dims [1] : tensor<4xf32> -> tensor<6x4xf32>
// CHECK: %[[Y:.*]] = nn.add %[[X]], %[[B]] : tensor<6x4xf32>
// CHECK: %[[C:.*]] = nn.constant dense<2.0{{.*}}> : tensor<6x4xf32>
// CHECK: %[[Z:.*]] = nn.mul %[[Y]], %[[C]] : tensor<6x4xf32>
// CHECK: %[[R:.*]] = nn.reshape %[[Z]] : tensor<6x4xf32> -> tensor<2x3x4xf32>
// CHECK: return %[[R]]
func.func @epilogue(%a: tensor<6x5xf32>, %w: tensor<5x4xf32>, %g: tensor<2x3x4xf32>, %b: tensor<4xf32>) -> tensor<2x3x4xf32> {
  %0 = nn.matmul %a, %w : (tensor<6x5xf32>, tensor<5x4xf32>) -> tensor<6x4xf32>
  %1 = nn.reshape %0 : tensor<6x4xf32> -> tensor<2x3x4xf32>
  %2 = nn.exp %g : tensor<2x3x4xf32>
  %3 = nn.mul %1, %2 : tensor<2x3x4xf32>
  %4 = nn.broadcast %b dims [2] : tensor<4xf32> -> tensor<2x3x4xf32>
  %5 = nn.add %3, %4 : tensor<2x3x4xf32>
  %c = nn.constant dense<2.0> : tensor<2x3x4xf32>
  %6 = nn.mul %5, %c : tensor<2x3x4xf32>
  return %6 : tensor<2x3x4xf32>
}

// A broadcast along half of a merged axis would have to be stored: nothing moves. Neither does an op on views of arguments.
// CHECK-LABEL: func.func @stays
// CHECK: nn.broadcast %arg2 dims [0, 2] : tensor<2x4xf32> -> tensor<2x3x4xf32>
// CHECK: nn.mul %{{.*}} : tensor<2x3x4xf32>
// CHECK: nn.neg %{{.*}} : tensor<2x3x4xf32>
func.func @stays(%a: tensor<6x5xf32>, %w: tensor<5x4xf32>, %g: tensor<2x4xf32>, %f: tensor<24xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %0 = nn.matmul %a, %w : (tensor<6x5xf32>, tensor<5x4xf32>) -> tensor<6x4xf32>
  %1 = nn.reshape %0 : tensor<6x4xf32> -> tensor<2x3x4xf32>
  %2 = nn.broadcast %g dims [0, 2] : tensor<2x4xf32> -> tensor<2x3x4xf32>
  %3 = nn.mul %1, %2 : tensor<2x3x4xf32>
  %4 = nn.reshape %f : tensor<24xf32> -> tensor<2x3x4xf32>
  %5 = nn.neg %4 : tensor<2x3x4xf32>
  return %3, %5 : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// A broadcast of whole leading axes collapses with them.
// CHECK-LABEL: func.func @rows
// CHECK: %[[V:.*]] = nn.reshape %arg2 : tensor<2x3xf32> -> tensor<6xf32>
// CHECK: %[[B:.*]] = nn.broadcast %[[V]] dims [0] : tensor<6xf32> -> tensor<6x4xf32>
// CHECK: nn.mul %{{.*}}, %[[B]] : tensor<6x4xf32>
func.func @rows(%a: tensor<6x5xf32>, %w: tensor<5x4xf32>, %g: tensor<2x3xf32>) -> tensor<2x3x4xf32> {
  %0 = nn.matmul %a, %w : (tensor<6x5xf32>, tensor<5x4xf32>) -> tensor<6x4xf32>
  %1 = nn.reshape %0 : tensor<6x4xf32> -> tensor<2x3x4xf32>
  %2 = nn.broadcast %g dims [0, 1] : tensor<2x3xf32> -> tensor<2x3x4xf32>
  %3 = nn.mul %1, %2 : tensor<2x3x4xf32>
  return %3 : tensor<2x3x4xf32>
}

// Scalars stay scalars: an op of rank 0 gains nothing from the shape [1] of what it reads.
// CHECK-LABEL: func.func @scalar
// CHECK: %[[V:.*]] = nn.reshape %{{.*}} : tensor<1xf32> -> tensor<f32>
// CHECK: nn.add %[[V]], %arg1 : tensor<f32>
func.func @scalar(%a: tensor<1x4xf32>, %b: tensor<f32>) -> tensor<f32> {
  %0 = nn.reduce_sum %a axes [1] : tensor<1x4xf32> -> tensor<1xf32>
  %1 = nn.reshape %0 : tensor<1xf32> -> tensor<f32>
  %2 = nn.add %1, %b : tensor<f32>
  return %2 : tensor<f32>
}

// A widening cast stays with its reader: in front of the view it would join the producer, and be stored.
// CHECK-LABEL: func.func @widening
// CHECK: %[[V:.*]] = nn.reshape %{{.*}} : tensor<2x3x4xbf16> -> tensor<6x4xbf16>
// CHECK-NEXT: %[[W:.*]] = nn.cast %[[V]] : tensor<6x4xbf16> -> tensor<6x4xf32>
// CHECK-NEXT: nn.reduce_sum %[[W]]
func.func @widening(%x: tensor<2x3x4xf32>) -> (tensor<6x4xbf16>, tensor<4xf32>) {
  %0 = nn.exp %x : tensor<2x3x4xf32>
  %1 = nn.cast %0 : tensor<2x3x4xf32> -> tensor<2x3x4xbf16>
  %2 = nn.reshape %1 : tensor<2x3x4xbf16> -> tensor<6x4xbf16>
  %3 = nn.cast %2 : tensor<6x4xbf16> -> tensor<6x4xf32>
  %4 = nn.reduce_sum %3 axes [0] : tensor<6x4xf32> -> tensor<4xf32>
  return %2, %4 : tensor<6x4xbf16>, tensor<4xf32>
}
