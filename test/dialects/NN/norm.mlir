// RUN: mome-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @layer_norm
func.func @layer_norm(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %b: tensor<4xf32>, %h: tensor<4xbf16>) -> tensor<2x3x4xf32> {
  // CHECK: nn.layer_norm %{{.*}} gamma %{{.*}} beta %{{.*}} eps 1.000000e-05 : (tensor<2x3x4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>)
  %y, %mean, %rstd = nn.layer_norm %x gamma %g beta %b eps 1.0e-5 : (tensor<2x3x4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>)
  // CHECK: nn.layer_norm %{{.*}} gamma %{{.*}} eps
  %y1, %mean1, %rstd1 = nn.layer_norm %x gamma %g eps 1.0e-5 : (tensor<2x3x4xf32>, tensor<4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>)
  // CHECK: nn.layer_norm %{{.*}} beta %{{.*}} eps
  %y2, %mean2, %rstd2 = nn.layer_norm %x beta %b eps 1.0e-5 : (tensor<2x3x4xf32>, tensor<4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>)
  // The statistics of bf16 rows are f32.
  // CHECK: nn.layer_norm %{{.*}} eps 0.000000e+00 : (tensor<4xbf16>) -> (tensor<4xbf16>, tensor<f32>, tensor<f32>)
  %y3, %mean3, %rstd3 = nn.layer_norm %h eps 0.0 : (tensor<4xbf16>) -> (tensor<4xbf16>, tensor<f32>, tensor<f32>)
  // CHECK: nn.layer_norm_backward %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} :
  %dx, %dg, %db = nn.layer_norm_backward %y1, %x, %mean, %rstd, %g : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<4xf32>) -> (tensor<2x3x4xf32>, tensor<4xf32>, tensor<4xf32>)
  // CHECK: nn.layer_norm_backward %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} :
  %dx1, %dg1, %db1 = nn.layer_norm_backward %dx, %x, %mean, %rstd : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> (tensor<2x3x4xf32>, tensor<4xf32>, tensor<4xf32>)
  return %dx1 : tensor<2x3x4xf32>
}

// CHECK-LABEL: func.func @softmax
func.func @softmax(%x: tensor<2x4xf32>) -> tensor<2xf32> {
  // CHECK: nn.softmax %{{.*}} : tensor<2x4xf32>
  %0 = nn.softmax %x : tensor<2x4xf32>
  // CHECK: nn.softmax_backward %{{.*}}, %{{.*}} : tensor<2x4xf32>
  %1 = nn.softmax_backward %x, %0 : tensor<2x4xf32>
  // CHECK: nn.log_softmax %{{.*}} : tensor<2x4xf32>
  %2 = nn.log_softmax %1 : tensor<2x4xf32>
  // CHECK: nn.logsumexp %{{.*}} : (tensor<2x4xf32>) -> tensor<2xf32>
  %3 = nn.logsumexp %2 : (tensor<2x4xf32>) -> tensor<2xf32>
  return %3 : tensor<2xf32>
}

// CHECK-LABEL: func.func @batch_norm
func.func @batch_norm(%x: tensor<2x3x4xf32>, %g: tensor<3xf32>, %b: tensor<3xf32>) -> tensor<2x3x4xf32> {
  // CHECK: nn.batch_norm %{{.*}}, %{{.*}}, %{{.*}} eps 1.000000e-03 : (tensor<2x3x4xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<2x3x4xf32>, tensor<3xf32>, tensor<3xf32>)
  %y, %mean, %var = nn.batch_norm %x, %g, %b eps 1.0e-3 : (tensor<2x3x4xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<2x3x4xf32>, tensor<3xf32>, tensor<3xf32>)
  return %y : tensor<2x3x4xf32>
}
