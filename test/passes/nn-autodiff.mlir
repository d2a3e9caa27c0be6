// RUN: mome-opt %s -split-input-file -verify-diagnostics -pass-pipeline='builtin.module(func.func(nn-autodiff))' | FileCheck %s

// The derivative of one op; what it would build for %y, which nobody asked about, is not kept.
// CHECK-LABEL: func.func @one_op
// CHECK-NEXT: nn.mul %arg0, %arg1
// CHECK-NEXT: %[[L:.*]] = nn.reduce_sum
// CHECK-NEXT: %[[ONE:.*]] = nn.constant dense<1.0
// CHECK-NEXT: %[[DY:.*]] = nn.broadcast %[[ONE]]
// CHECK-NEXT: %[[DX:.*]] = nn.mul %[[DY]], %arg1
// CHECK-NEXT: return %[[L]], %[[DX]]
func.func @one_op(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<f32>, tensor<4xf32>) {
  %0 = nn.mul %x, %y : tensor<4xf32>
  %l = nn.reduce_sum %0 axes [0] : tensor<4xf32> -> tensor<f32>
  %dx = nn.gradient %l wrt %x : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  return %l, %dx : tensor<f32>, tensor<4xf32>
}

// A value read twice: its parts are added, the later reader's first.
// CHECK-LABEL: func.func @two_readers
// CHECK: %[[E:.*]] = nn.exp %arg0
// CHECK: %[[DY:.*]] = nn.broadcast
// CHECK: %[[FIRST:.*]] = nn.mul %[[DY]], %[[E]]
// CHECK: %[[SECOND:.*]] = nn.mul %{{.*}}, %[[E]]
// CHECK: nn.add %[[FIRST]], %[[SECOND]]
func.func @two_readers(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = nn.exp %x : tensor<4xf32>
  %1 = nn.mul %0, %x : tensor<4xf32>
  %l = nn.reduce_sum %1 axes [0] : tensor<4xf32> -> tensor<f32>
  %dx = nn.gradient %l wrt %x : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  return %dx : tensor<4xf32>
}

// Zeros where the loss does not depend on the value; the loss itself has the gradient 1.
// CHECK-LABEL: func.func @unreached
// CHECK-DAG: %[[ZERO:.*]] = nn.constant dense<0.0{{.*}}> : tensor<2xf32>
// CHECK-DAG: %[[ONE:.*]] = nn.constant dense<1.0{{.*}}> : tensor<f32>
// CHECK: return %[[ONE]], %[[ZERO]]
func.func @unreached(%x: tensor<f32>, %y: tensor<2xf32>) -> (tensor<f32>, tensor<2xf32>) {
  %d:2 = nn.gradient %x wrt %x, %y : (tensor<f32>, tensor<f32>, tensor<2xf32>) -> (tensor<f32>, tensor<2xf32>)
  return %d#0, %d#1 : tensor<f32>, tensor<2xf32>
}

// stop_gradient ends a path, and nothing behind it needs a derivative.
// CHECK-LABEL: func.func @stopped
// CHECK: nn.take_backward
// CHECK: %[[ZERO:.*]] = nn.constant dense<0.0
// CHECK-NEXT: return %[[ZERO]]
func.func @stopped(%x: tensor<2xf32>, %i: tensor<2xi32>) -> tensor<2xf32> {
  %0 = nn.stop_gradient %x : tensor<2xf32>
  %1 = nn.take_backward %0, %i axis 0 : tensor<2xf32>, tensor<2xi32> -> tensor<2xf32>
  %l = nn.reduce_sum %1 axes [0] : tensor<2xf32> -> tensor<f32>
  %dx = nn.gradient %l wrt %x : (tensor<f32>, tensor<2xf32>) -> tensor<2xf32>
  return %dx : tensor<2xf32>
}

// Two gradients in one block, one by a value in the middle.
// CHECK-LABEL: func.func @two_gradients
// CHECK-NOT: nn.gradient
func.func @two_gradients(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %y = nn.exp %x : tensor<f32>
  %l = nn.square %y : tensor<f32>
  %dy = nn.gradient %l wrt %y : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %k = nn.sin %y : tensor<f32>
  %dx = nn.gradient %k wrt %x : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %dy, %dx : tensor<f32>, tensor<f32>
}

// Nothing to do.
// CHECK-LABEL: func.func @no_gradient
// CHECK-NEXT: nn.exp
// CHECK-NEXT: return
func.func @no_gradient(%x: tensor<f32>) -> tensor<f32> {
  %y = nn.exp %x : tensor<f32>
  return %y : tensor<f32>
}

// -----

func.func @not_differentiable(%x: tensor<2xf32>, %i: tensor<2xi32>) -> tensor<2xf32> {
  // expected-error @below {{'nn.take_backward' op is not differentiable, but the loss depends on a trained value through it}}
  %1 = nn.take_backward %x, %i axis 0 : tensor<2xf32>, tensor<2xi32> -> tensor<2xf32>
  %l = nn.reduce_sum %1 axes [0] : tensor<2xf32> -> tensor<f32>
  // expected-error @below {{in the gradient taken here}}
  %dx = nn.gradient %l wrt %x : (tensor<f32>, tensor<2xf32>) -> tensor<2xf32>
  return %dx : tensor<2xf32>
}
