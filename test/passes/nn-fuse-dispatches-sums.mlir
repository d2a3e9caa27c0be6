// With `sums` the gradient of a bias joins that of its weight, which reads the same rows.
// RUN: mome-opt %s -pass-pipeline='builtin.module(func.func(nn-fuse-dispatches{sums=true}))' -split-input-file | FileCheck %s
// RUN: mome-opt %s -pass-pipeline='builtin.module(func.func(nn-fuse-dispatches))' -split-input-file | FileCheck %s --check-prefix=APART

// CHECK-LABEL: func.func @bias
// CHECK-NEXT: %[[G:.*]]:2 = nn.dispatch(%arg0, %arg1) : (tensor<6x4xf32>, tensor<6x3xf32>) -> (tensor<4x3xf32>, tensor<4xf32>) {
// CHECK: nn.matmul
// CHECK: nn.reduce_sum
// CHECK-NOT: nn.dispatch
// CHECK: return %[[G]]#0, %[[G]]#1
// APART-LABEL: func.func @bias
// APART-COUNT-2: nn.dispatch
func.func @bias(%dy: tensor<6x4xf32>, %x: tensor<6x3xf32>) -> (tensor<4x3xf32>, tensor<4xf32>) {
  %dw = nn.matmul %dy, %x transpose_a : (tensor<6x4xf32>, tensor<6x3xf32>) -> tensor<4x3xf32>
  %db = nn.reduce_sum %dy axes [0] : tensor<6x4xf32> -> tensor<4xf32>
  return %dw, %db : tensor<4x3xf32>, tensor<4xf32>
}

// -----

// In bf16 the sum widens what it reads.
// CHECK-LABEL: func.func @widened
// CHECK-NEXT: nn.dispatch(%arg0, %arg1) : (tensor<6x4xbf16>, tensor<6x3xbf16>)
// CHECK: nn.cast
// CHECK-NOT: nn.dispatch
func.func @widened(%dy: tensor<6x4xbf16>, %x: tensor<6x3xbf16>) -> (tensor<4x3xf32>, tensor<4xf32>) {
  %0 = nn.cast %dy : tensor<6x4xbf16> -> tensor<6x4xf32>
  %db = nn.reduce_sum %0 axes [0] : tensor<6x4xf32> -> tensor<4xf32>
  %dw = nn.matmul %dy, %x transpose_a : (tensor<6x4xbf16>, tensor<6x3xbf16>) -> tensor<4x3xf32>
  return %dw, %db : tensor<4x3xf32>, tensor<4xf32>
}

// -----

// Of the other operand, over the other axis, a maximum, of more than the operand: no companion.
// CHECK-LABEL: func.func @others
// CHECK-NEXT: nn.dispatch(%arg0, %arg1)
// CHECK-NEXT: ^bb0
// CHECK-NEXT: nn.matmul
// CHECK-NEXT: nn.yield
// CHECK-COUNT-4: nn.dispatch
func.func @others(%dy: tensor<6x4xf32>, %x: tensor<6x3xf32>) -> (tensor<4x3xf32>, tensor<3xf32>, tensor<6xf32>, tensor<4xf32>, tensor<4xf32>) {
  %dw = nn.matmul %dy, %x transpose_a : (tensor<6x4xf32>, tensor<6x3xf32>) -> tensor<4x3xf32>
  %a = nn.reduce_sum %x axes [0] : tensor<6x3xf32> -> tensor<3xf32>
  %b = nn.reduce_sum %dy axes [1] : tensor<6x4xf32> -> tensor<6xf32>
  %c = nn.reduce_max %dy axes [0] : tensor<6x4xf32> -> tensor<4xf32>
  %0 = nn.mul %dy, %dy : tensor<6x4xf32>
  %d = nn.reduce_sum %0 axes [0] : tensor<6x4xf32> -> tensor<4xf32>
  return %dw, %a, %b, %c, %d : tensor<4x3xf32>, tensor<3xf32>, tensor<6xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// The product waits for the sum: together they would wait for themselves.
// CHECK-LABEL: func.func @cycle
// CHECK-COUNT-3: nn.dispatch
func.func @cycle(%dy: tensor<6x4xf32>, %x: tensor<6x4xf32>) -> tensor<4x4xf32> {
  %db = nn.reduce_sum %dy axes [0] : tensor<6x4xf32> -> tensor<4xf32>
  %0 = nn.broadcast %db dims [1] : tensor<4xf32> -> tensor<6x4xf32>
  %1 = nn.mul %x, %0 : tensor<6x4xf32>
  %dw = nn.matmul %dy, %1 transpose_a : (tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<4x4xf32>
  return %dw : tensor<4x4xf32>
}
