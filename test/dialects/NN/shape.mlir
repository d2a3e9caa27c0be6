// RUN: mome-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @moves
func.func @moves(%x: tensor<2x6xf32>) -> tensor<6x4xf32> {
  // CHECK: nn.reshape %{{.*}} : tensor<2x6xf32> -> tensor<3x4xf32>
  %0 = nn.reshape %x : tensor<2x6xf32> -> tensor<3x4xf32>
  // CHECK: nn.transpose %{{.*}} permutation [1, 0] : tensor<3x4xf32> -> tensor<4x3xf32>
  %1 = nn.transpose %0 permutation [1, 0] : tensor<3x4xf32> -> tensor<4x3xf32>
  // CHECK: nn.broadcast %{{.*}} dims [1, 2] : tensor<4x3xf32> -> tensor<5x4x3xf32>
  %2 = nn.broadcast %1 dims [1, 2] : tensor<4x3xf32> -> tensor<5x4x3xf32>
  // CHECK: nn.slice %{{.*}} offsets [1, 0, 0] sizes [1, 2, 3] strides [1, 2, 1] : tensor<5x4x3xf32> -> tensor<1x2x3xf32>
  %3 = nn.slice %2 offsets [1, 0, 0] sizes [1, 2, 3] strides [1, 2, 1] : tensor<5x4x3xf32> -> tensor<1x2x3xf32>
  // CHECK: nn.reshape
  %4 = nn.reshape %3 : tensor<1x2x3xf32> -> tensor<2x3xf32>
  // CHECK: nn.pad %{{.*}} low [1, 0] high [0, 1] interior [1, 0] value -1.000000e+00 : tensor<2x3xf32> -> tensor<4x4xf32>
  %5 = nn.pad %4 low [1, 0] high [0, 1] interior [1, 0] value -1.0 : tensor<2x3xf32> -> tensor<4x4xf32>
  // CHECK: nn.roll %{{.*}} shift 1 axis 0 : tensor<4x4xf32>
  %6 = nn.roll %5 shift 1 axis 0 : tensor<4x4xf32>
  // CHECK: nn.shift %{{.*}} by -1 axis 1 : tensor<4x4xf32>
  %7 = nn.shift %6 by -1 axis 1 : tensor<4x4xf32>
  // CHECK: nn.slice
  %8 = nn.slice %7 offsets [0, 0] sizes [2, 4] strides [1, 1] : tensor<4x4xf32> -> tensor<2x4xf32>
  // CHECK: nn.concat %{{.*}}, %{{.*}} axis 0 : (tensor<4x4xf32>, tensor<2x4xf32>) -> tensor<6x4xf32>
  %9 = nn.concat %7, %8 axis 0 : (tensor<4x4xf32>, tensor<2x4xf32>) -> tensor<6x4xf32>
  return %9 : tensor<6x4xf32>
}

// CHECK-LABEL: func.func @gathers
func.func @gathers(%table: tensor<10x4xf32>, %i: tensor<2x3xi32>) -> tensor<10x4xf32> {
  // CHECK: nn.take %{{.*}}, %{{.*}} axis 0 : tensor<10x4xf32>, tensor<2x3xi32> -> tensor<2x3x4xf32>
  %0 = nn.take %table, %i axis 0 : tensor<10x4xf32>, tensor<2x3xi32> -> tensor<2x3x4xf32>
  // CHECK: nn.take_backward %{{.*}}, %{{.*}} axis 0 : tensor<2x3x4xf32>, tensor<2x3xi32> -> tensor<10x4xf32>
  %1 = nn.take_backward %0, %i axis 0 : tensor<2x3x4xf32>, tensor<2x3xi32> -> tensor<10x4xf32>
  // CHECK: nn.one_hot %{{.*}} : tensor<2x3xi32> -> tensor<2x3x5xf32>
  %2 = nn.one_hot %i : tensor<2x3xi32> -> tensor<2x3x5xf32>
  return %1 : tensor<10x4xf32>
}
