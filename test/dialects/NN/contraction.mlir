// RUN: mome-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @linear
func.func @linear(%x: tensor<2x3x4xf32>, %w: tensor<5x4xf32>, %b: tensor<5xf32>) -> (tensor<2x3x5xf32>, tensor<2x3x5xf32>) {
  // CHECK: nn.linear %{{.*}}, %{{.*}}, %{{.*}} : (tensor<2x3x4xf32>, tensor<5x4xf32>, tensor<5xf32>) -> tensor<2x3x5xf32>
  %0 = nn.linear %x, %w, %b : (tensor<2x3x4xf32>, tensor<5x4xf32>, tensor<5xf32>) -> tensor<2x3x5xf32>
  // CHECK: nn.linear %{{.*}}, %{{.*}} : (tensor<2x3x4xf32>, tensor<5x4xf32>) -> tensor<2x3x5xf32>
  %1 = nn.linear %x, %w : (tensor<2x3x4xf32>, tensor<5x4xf32>) -> tensor<2x3x5xf32>
  return %0, %1 : tensor<2x3x5xf32>, tensor<2x3x5xf32>
}

// CHECK-LABEL: func.func @matmul
func.func @matmul(%a: tensor<2x3x4xf32>, %at: tensor<2x4x3xf32>, %b: tensor<2x4x5xf32>, %bt: tensor<2x5x4xf32>) -> tensor<2x3x5xf32> {
  // CHECK: nn.matmul %{{.*}}, %{{.*}} : (tensor<2x3x4xf32>, tensor<2x4x5xf32>)
  %0 = nn.matmul %a, %b : (tensor<2x3x4xf32>, tensor<2x4x5xf32>) -> tensor<2x3x5xf32>
  // CHECK: nn.matmul %{{.*}}, %{{.*}} transpose_a :
  %1 = nn.matmul %at, %b transpose_a : (tensor<2x4x3xf32>, tensor<2x4x5xf32>) -> tensor<2x3x5xf32>
  // CHECK: nn.matmul %{{.*}}, %{{.*}} transpose_b :
  %2 = nn.matmul %a, %bt transpose_b : (tensor<2x3x4xf32>, tensor<2x5x4xf32>) -> tensor<2x3x5xf32>
  // CHECK: nn.matmul %{{.*}}, %{{.*}} transpose_a transpose_b :
  %3 = nn.matmul %at, %bt transpose_a transpose_b : (tensor<2x4x3xf32>, tensor<2x5x4xf32>) -> tensor<2x3x5xf32>
  %4 = nn.add %0, %1 : tensor<2x3x5xf32>
  %5 = nn.add %2, %3 : tensor<2x3x5xf32>
  %6 = nn.add %4, %5 : tensor<2x3x5xf32>
  return %6 : tensor<2x3x5xf32>
}
