// RUN: mome-opt %s --verify-roundtrip | FileCheck %s

func.func private @f(%x: tensor<3xf64>, %y: tensor<3xf64>) -> tensor<3xf64> {
  %0 = nn.mul %x, %y : tensor<3xf64>
  return %0 : tensor<3xf64>
}

// CHECK-LABEL: func.func @test
func.func @test() {
  // CHECK: check.random from -2.000000e+00 to 2.000000e+00 seed 1 : tensor<3xf64>
  %x = check.random from -2.0 to 2.0 seed 1 : tensor<3xf64>
  // CHECK: check.expect_close %{{.*}}, %{{.*}} : tensor<3xf64>
  check.expect_close %x, %x : tensor<3xf64>
  // CHECK: check.expect_close %{{.*}}, %{{.*}} rel 1.000000e-03 abs 1.000000e+00 : tensor<3xf64>
  check.expect_close %x, %x rel 1.0e-3 abs 1.0 : tensor<3xf64>
  // CHECK: check.expect_grad @f(%{{.*}}, %{{.*}}) wrt [1] rel 1.000000e-03 : tensor<3xf64>, tensor<3xf64>
  check.expect_grad @f(%x, %x) wrt [1] rel 1.0e-3 : tensor<3xf64>, tensor<3xf64>
  // CHECK: check.expect_forms @f(%{{.*}}, %{{.*}}) : tensor<3xf64>, tensor<3xf64>
  check.expect_forms @f(%x, %x) : tensor<3xf64>, tensor<3xf64>
  return
}
