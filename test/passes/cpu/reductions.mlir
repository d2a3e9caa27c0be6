// Reductions over any axes against the interpreter.
// RUN: mome-check-kernels %s | FileCheck %s

// The gradient of a scale: a product summed over the leading axes.
// CHECK: k_columns reduction chunks=2 {{.*}} ok
nn.kernel @k_columns {
^bb0(%dy: tensor<7x41x101xf32>, %x: tensor<7x41x101xf32>, %m: tensor<7x41xf32>):
  %0 = nn.broadcast %m dims [0, 1] : tensor<7x41xf32> -> tensor<7x41x101xf32>
  %1 = nn.sub %x, %0 : tensor<7x41x101xf32>
  %2 = nn.mul %dy, %1 : tensor<7x41x101xf32>
  %3 = nn.reduce_sum %2 axes [0, 1] : tensor<7x41x101xf32> -> tensor<101xf32>
  nn.yield %3 : tensor<101xf32>
}

// CHECK: k_tall reduction chunks=1 {{.*}} ok
nn.kernel @k_tall {
^bb0(%x: tensor<5000x3xf32>):
  %0 = nn.reduce_sum %x axes [0] : tensor<5000x3xf32> -> tensor<3xf32>
  nn.yield %0 : tensor<3xf32>
}

// CHECK: k_middle reduction chunks=6 {{.*}} ok
nn.kernel @k_middle {
^bb0(%x: tensor<6x5x20xf32>, %s: tensor<6x20xf32>):
  %0 = nn.reduce_max %x axes [1] : tensor<6x5x20xf32> -> tensor<6x20xf32>
  %1 = nn.mul %0, %s : tensor<6x20xf32>
  nn.yield %1 : tensor<6x20xf32>
}

// CHECK: k_channels reduction chunks=1 {{.*}} ok
nn.kernel @k_channels {
^bb0(%x: tensor<4x3x50xf32>):
  %0 = nn.reduce_sum %x axes [0, 2] : tensor<4x3x50xf32> -> tensor<3xf32>
  nn.yield %0 : tensor<3xf32>
}

// CHECK: k_all reduction chunks=1 {{.*}} ok
nn.kernel @k_all {
^bb0(%x: tensor<300x331xf32>):
  %0 = nn.square %x : tensor<300x331xf32>
  %1 = nn.reduce_sum %0 axes [0, 1] : tensor<300x331xf32> -> tensor<f32>
  %2 = nn.sqrt %1 : tensor<f32>
  nn.yield %2 : tensor<f32>
}

// CHECK: k_argmax_first reduction chunks=1 error=0.0e+00 ok
nn.kernel @k_argmax_first {
^bb0(%x: tensor<9x11xf32>):
  %0 = nn.argmax %x axis 0 : tensor<9x11xf32> -> tensor<11xi32>
  nn.yield %0 : tensor<11xi32>
}

// CHECK: k_units reduction chunks=1 {{.*}} ok
nn.kernel @k_units {
^bb0(%x: tensor<1x1xf32>):
  %0 = nn.reduce_sum %x axes [0, 1] : tensor<1x1xf32> -> tensor<f32>
  nn.yield %0 : tensor<f32>
}

// CHECK: k_prologue reference: {{.*}}reduction: the epilogue is not elementwise
nn.kernel @k_prologue {
^bb0(%x: tensor<4x4xf32>):
  %0 = nn.reduce_sum %x axes [0] : tensor<4x4xf32> -> tensor<4xf32>
  %1 = nn.roll %0 shift 1 axis 0 : tensor<4xf32>
  nn.yield %1 : tensor<4xf32>
}
