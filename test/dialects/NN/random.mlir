// RUN: mome-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @dropout
func.func @dropout(%x: tensor<2x3xf32>, %rate: tensor<f32>, %seed: tensor<i64>, %step: tensor<i64>, %sample: tensor<i64>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  // CHECK: nn.dropout %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} rng_id 4294967295 :
  %0 = nn.dropout %x, %rate, %seed, %step, %sample rng_id 4294967295 : (tensor<2x3xf32>, tensor<f32>, tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<2x3xf32>
  // CHECK: nn.dropout %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} rng_id 7 per_sample :
  %1 = nn.dropout %x, %rate, %seed, %step, %sample rng_id 7 per_sample : (tensor<2x3xf32>, tensor<f32>, tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<2x3xf32>
  return %0, %1 : tensor<2x3xf32>, tensor<2x3xf32>
}

// CHECK-LABEL: func.func @initial
func.func @initial(%seed: tensor<i64>, %step: tensor<i64>) -> tensor<2x3xf32> {
  // CHECK: nn.random_uniform %{{.*}} rng_id 7 low -1.000000e+00 high 1.000000e+00 : (tensor<i64>) -> tensor<2x3xf32>
  %0 = nn.random_uniform %seed rng_id 7 low -1.0 high 1.0 : (tensor<i64>) -> tensor<2x3xf32>
  // CHECK: nn.random_normal %{{.*}} rng_id 7 mean 0.000000e+00 std 2.000000e-02 : (tensor<i64>) -> tensor<2x3xf32>
  %1 = nn.random_normal %seed rng_id 7 mean 0.0 std 0.02 : (tensor<i64>) -> tensor<2x3xf32>
  // CHECK: nn.random_normal {{.*}} std 2.000000e-02 truncated :
  %2 = nn.random_normal %seed rng_id 7 mean 0.0 std 0.02 truncated : (tensor<i64>) -> tensor<2x3xf32>
  // CHECK: nn.random_index %{{.*}}, %{{.*}} rng_id 7 n 12 : (tensor<i64>, tensor<i64>) -> tensor<i32>
  %3 = nn.random_index %seed, %step rng_id 7 n 12 : (tensor<i64>, tensor<i64>) -> tensor<i32>
  return %2 : tensor<2x3xf32>
}
