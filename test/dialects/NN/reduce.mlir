// RUN: mome-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @reduce
func.func @reduce(%x: tensor<2x3x4xf32>) -> tensor<3xf32> {
  // CHECK: nn.reduce_sum %{{.*}} axes [0, 2] : tensor<2x3x4xf32> -> tensor<3xf32>
  %0 = nn.reduce_sum %x axes [0, 2] : tensor<2x3x4xf32> -> tensor<3xf32>
  // CHECK: nn.reduce_max %{{.*}} axes [2] : tensor<2x3x4xf32> -> tensor<2x3xf32>
  %1 = nn.reduce_max %x axes [2] : tensor<2x3x4xf32> -> tensor<2x3xf32>
  // CHECK: nn.argmax %{{.*}} axis 1 : tensor<2x3x4xf32> -> tensor<2x4xi32>
  %2 = nn.argmax %x axis 1 : tensor<2x3x4xf32> -> tensor<2x4xi32>
  return %0 : tensor<3xf32>
}
