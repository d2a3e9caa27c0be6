// RUN: mome-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @cross_entropy
func.func @cross_entropy(%z: tensor<2x3x5xf32>, %labels: tensor<2x3xi32>, %s: tensor<f32>) -> tensor<2x3x5xf32> {
  // CHECK: nn.cross_entropy %{{.*}}, %{{.*}} : (tensor<2x3x5xf32>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
  %l, %lse = nn.cross_entropy %z, %labels : (tensor<2x3x5xf32>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
  // CHECK: nn.cross_entropy %{{.*}}, %{{.*}} smoothing %{{.*}} : (tensor<2x3x5xf32>, tensor<2x3xi32>, tensor<f32>)
  %l1, %lse1 = nn.cross_entropy %z, %labels smoothing %s : (tensor<2x3x5xf32>, tensor<2x3xi32>, tensor<f32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
  // CHECK: nn.cross_entropy_backward %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} :
  %d = nn.cross_entropy_backward %z, %labels, %lse, %l : (tensor<2x3x5xf32>, tensor<2x3xi32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3x5xf32>
  // CHECK: nn.cross_entropy_backward %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} smoothing %{{.*}} :
  %d1 = nn.cross_entropy_backward %z, %labels, %lse, %l smoothing %s : (tensor<2x3x5xf32>, tensor<2x3xi32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<f32>) -> tensor<2x3x5xf32>
  // CHECK: nn.soft_cross_entropy %{{.*}}, %{{.*}} : (tensor<2x3x5xf32>, tensor<2x3x5xf32>) -> tensor<2x3xf32>
  %l2 = nn.soft_cross_entropy %d, %d1 : (tensor<2x3x5xf32>, tensor<2x3x5xf32>) -> tensor<2x3xf32>
  return %d1 : tensor<2x3x5xf32>
}

// CHECK-LABEL: func.func @kl
func.func @kl(%a: tensor<2x5xf32>, %b: tensor<2x5xf32>) -> tensor<2x5xf32> {
  // CHECK: nn.kl %{{.*}}, %{{.*}} : (tensor<2x5xf32>, tensor<2x5xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>)
  %div, %la, %lb = nn.kl %a, %b : (tensor<2x5xf32>, tensor<2x5xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>)
  // CHECK: nn.kl_backward %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} :
  %d = nn.kl_backward %a, %b, %la, %lb, %div : (tensor<2x5xf32>, tensor<2x5xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x5xf32>
  return %d : tensor<2x5xf32>
}
