// RUN: mome-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @conv
func.func @conv(%x: tensor<1x4x5x6xf32>, %w: tensor<6x2x3x2xf32>) -> tensor<6x2x3x2xf32> {
  // CHECK: nn.conv %{{.*}}, %{{.*}} strides [1, 2] pad_low [0, 1] pad_high [0, 0] dilations [1, 1] groups 2 : (tensor<1x4x5x6xf32>, tensor<6x2x3x2xf32>) -> tensor<1x6x3x3xf32>
  %y = nn.conv %x, %w strides [1, 2] pad_low [0, 1] pad_high [0, 0] dilations [1, 1] groups 2 : (tensor<1x4x5x6xf32>, tensor<6x2x3x2xf32>) -> tensor<1x6x3x3xf32>
  // CHECK: nn.conv_backward_input %{{.*}}, %{{.*}} strides [1, 2] {{.*}} groups 2 :
  %dx = nn.conv_backward_input %y, %w strides [1, 2] pad_low [0, 1] pad_high [0, 0] dilations [1, 1] groups 2 : (tensor<1x6x3x3xf32>, tensor<6x2x3x2xf32>) -> tensor<1x4x5x6xf32>
  // CHECK: nn.conv_backward_weight %{{.*}}, %{{.*}} strides [1, 2] {{.*}} groups 2 :
  %dw = nn.conv_backward_weight %dx, %y strides [1, 2] pad_low [0, 1] pad_high [0, 0] dilations [1, 1] groups 2 : (tensor<1x4x5x6xf32>, tensor<1x6x3x3xf32>) -> tensor<6x2x3x2xf32>
  return %dw : tensor<6x2x3x2xf32>
}

// CHECK-LABEL: func.func @pool
func.func @pool(%x: tensor<1x2x5x6xf32>) -> (tensor<1x2x5x6xf32>, tensor<1x2x4x4xf32>) {
  // CHECK: nn.max_pool %{{.*}} kernel [2, 3] strides [1, 2] pad_low [0, 1] pad_high [0, 2] : (tensor<1x2x5x6xf32>) -> (tensor<1x2x4x4xf32>, tensor<1x2x4x4xi32>)
  %y, %argmax = nn.max_pool %x kernel [2, 3] strides [1, 2] pad_low [0, 1] pad_high [0, 2] : (tensor<1x2x5x6xf32>) -> (tensor<1x2x4x4xf32>, tensor<1x2x4x4xi32>)
  // CHECK: nn.max_pool_backward %{{.*}}, %{{.*}} kernel [2, 3]
  %dx = nn.max_pool_backward %y, %argmax kernel [2, 3] strides [1, 2] pad_low [0, 1] pad_high [0, 2] : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xi32>) -> tensor<1x2x5x6xf32>
  // CHECK: nn.avg_pool %{{.*}} kernel [2, 3] strides [1, 2] pad_low [0, 1] pad_high [0, 2] count_include_pad :
  %z = nn.avg_pool %x kernel [2, 3] strides [1, 2] pad_low [0, 1] pad_high [0, 2] count_include_pad : (tensor<1x2x5x6xf32>) -> tensor<1x2x4x4xf32>
  return %dx, %z : tensor<1x2x5x6xf32>, tensor<1x2x4x4xf32>
}
