// RUN: mome-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @arithmetic
func.func @arithmetic(%x: tensor<2x3xf32>, %y: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // CHECK: nn.add %{{.*}}, %{{.*}} : tensor<2x3xf32>
  %0 = nn.add %x, %y : tensor<2x3xf32>
  // CHECK: nn.sub %{{.*}}, %{{.*}} : tensor<2x3xf32>
  %1 = nn.sub %0, %y : tensor<2x3xf32>
  // CHECK: nn.mul %{{.*}}, %{{.*}} : tensor<2x3xf32>
  %2 = nn.mul %1, %y : tensor<2x3xf32>
  // CHECK: nn.div %{{.*}}, %{{.*}} : tensor<2x3xf32>
  %3 = nn.div %2, %y : tensor<2x3xf32>
  // CHECK: nn.maximum %{{.*}}, %{{.*}} : tensor<2x3xf32>
  %4 = nn.maximum %3, %y : tensor<2x3xf32>
  // CHECK: nn.minimum %{{.*}}, %{{.*}} : tensor<2x3xf32>
  %5 = nn.minimum %4, %y : tensor<2x3xf32>
  // CHECK: nn.pow %{{.*}}, %{{.*}} : tensor<2x3xf32>
  %6 = nn.pow %5, %y : tensor<2x3xf32>
  return %6 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @functions
func.func @functions(%x: tensor<4xf64>) -> tensor<4xf64> {
  // CHECK: nn.neg %{{.*}} : tensor<4xf64>
  %0 = nn.neg %x : tensor<4xf64>
  // CHECK: nn.abs
  %1 = nn.abs %0 : tensor<4xf64>
  // CHECK: nn.square
  %2 = nn.square %1 : tensor<4xf64>
  // CHECK: nn.sqrt
  %3 = nn.sqrt %2 : tensor<4xf64>
  // CHECK: nn.rsqrt
  %4 = nn.rsqrt %3 : tensor<4xf64>
  // CHECK: nn.exp
  %5 = nn.exp %4 : tensor<4xf64>
  // CHECK: nn.log
  %6 = nn.log %5 : tensor<4xf64>
  // CHECK: nn.sin
  %7 = nn.sin %6 : tensor<4xf64>
  // CHECK: nn.cos
  %8 = nn.cos %7 : tensor<4xf64>
  // CHECK: nn.erf
  %9 = nn.erf %8 : tensor<4xf64>
  // CHECK: nn.erfinv
  %10 = nn.erfinv %9 : tensor<4xf64>
  // CHECK: nn.tanh
  %11 = nn.tanh %10 : tensor<4xf64>
  // CHECK: nn.sigmoid
  %12 = nn.sigmoid %11 : tensor<4xf64>
  // CHECK: nn.relu
  %13 = nn.relu %12 : tensor<4xf64>
  // CHECK: nn.gelu
  %14 = nn.gelu %13 : tensor<4xf64>
  // CHECK: nn.quick_gelu
  %15 = nn.quick_gelu %14 : tensor<4xf64>
  // CHECK: nn.silu
  %16 = nn.silu %15 : tensor<4xf64>
  // CHECK: nn.softplus
  %17 = nn.softplus %16 : tensor<4xf64>
  // CHECK: nn.stop_gradient
  %18 = nn.stop_gradient %17 : tensor<4xf64>
  return %18 : tensor<4xf64>
}

// CHECK-LABEL: func.func @others
func.func @others(%x: tensor<2x3xf32>, %y: tensor<2x3xf32>, %i: tensor<2x3xi32>) -> tensor<2x3xf32> {
  // CHECK: nn.compare lt %{{.*}}, %{{.*}} : tensor<2x3xf32> -> tensor<2x3xi1>
  %c = nn.compare lt %x, %y : tensor<2x3xf32> -> tensor<2x3xi1>
  // CHECK: nn.compare ge %{{.*}}, %{{.*}} : tensor<2x3xi32> -> tensor<2x3xi1>
  %d = nn.compare ge %i, %i : tensor<2x3xi32> -> tensor<2x3xi1>
  // CHECK: nn.is_finite %{{.*}} : tensor<2x3xf32> -> tensor<2x3xi1>
  %f = nn.is_finite %x : tensor<2x3xf32> -> tensor<2x3xi1>
  // CHECK: nn.select %{{.*}}, %{{.*}}, %{{.*}} : tensor<2x3xf32>
  %s = nn.select %c, %x, %y : tensor<2x3xf32>
  // CHECK: nn.select %{{.*}}, %{{.*}}, %{{.*}} : tensor<2x3xi1>
  %t = nn.select %c, %d, %f : tensor<2x3xi1>
  // CHECK: nn.cast %{{.*}} : tensor<2x3xi1> -> tensor<2x3xf32>
  %u = nn.cast %t : tensor<2x3xi1> -> tensor<2x3xf32>
  // CHECK: nn.iota axis 1 : tensor<2x3xi32>
  %v = nn.iota axis 1 : tensor<2x3xi32>
  // CHECK: nn.cast %{{.*}} : tensor<2x3xi32> -> tensor<2x3xbf16>
  %w = nn.cast %v : tensor<2x3xi32> -> tensor<2x3xbf16>
  return %u : tensor<2x3xf32>
}
