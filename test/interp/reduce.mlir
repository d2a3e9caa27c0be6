// Reductions against the result written out.
// RUN: mome-interp %s | FileCheck %s

// CHECK: reduce_sum = dense<[6, 15]> : tensor<2xf64>
// CHECK: reduce_sum#1 = dense<[5, 7, 9]> : tensor<3xf64>
// CHECK: reduce_sum#2 = dense<21> : tensor<f64>
func.func @reduce_sum() -> (tensor<2xf64>, tensor<3xf64>, tensor<f64>) {
  %x = nn.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf64>
  %0 = nn.reduce_sum %x axes [1] : tensor<2x3xf64> -> tensor<2xf64>
  %1 = nn.reduce_sum %x axes [0] : tensor<2x3xf64> -> tensor<3xf64>
  %2 = nn.reduce_sum %x axes [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %0, %1, %2 : tensor<2xf64>, tensor<3xf64>, tensor<f64>
}

// CHECK: reduce_max = dense<[3, nan, -4]> : tensor<3xf64>
// CHECK: argmax = dense<[0, 1, 2]> : tensor<3xi32>
// CHECK: argmax#1 = dense<[0, 1, 0]> : tensor<3xi32>
func.func @reduce_max() -> tensor<3xf64> {
  %x = nn.constant dense<[[3.0, 3.0, 2.0], [1.0, 0x7FF8000000000000, 0.0], [-6.0, -5.0, -4.0]]> : tensor<3x3xf64>
  %0 = nn.reduce_max %x axes [1] : tensor<3x3xf64> -> tensor<3xf64>
  return %0 : tensor<3xf64>
}
func.func @argmax() -> (tensor<3xi32>, tensor<3xi32>) {
  %x = nn.constant dense<[[3.0, 3.0, 2.0], [1.0, 0x7FF8000000000000, 0.0], [-6.0, -5.0, -4.0]]> : tensor<3x3xf64>
  %0 = nn.argmax %x axis 1 : tensor<3x3xf64> -> tensor<3xi32>
  %1 = nn.argmax %x axis 0 : tensor<3x3xf64> -> tensor<3xi32>
  return %0, %1 : tensor<3xi32>, tensor<3xi32>
}
