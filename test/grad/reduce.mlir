// Derivatives of the reductions.
// RUN: mome-interp %s

func.func private @reduce_sum(%x: tensor<2x3x4xf64>) -> (tensor<2x3xf64>, tensor<3xf64>, tensor<f64>, tensor<4xf64>) {
  %0 = nn.reduce_sum %x axes [2] : tensor<2x3x4xf64> -> tensor<2x3xf64>
  %1 = nn.reduce_sum %x axes [0, 2] : tensor<2x3x4xf64> -> tensor<3xf64>
  %2 = nn.reduce_sum %x axes [0, 1, 2] : tensor<2x3x4xf64> -> tensor<f64>
  %3 = nn.reduce_sum %x axes [0, 1] : tensor<2x3x4xf64> -> tensor<4xf64>
  return %0, %1, %2, %3 : tensor<2x3xf64>, tensor<3xf64>, tensor<f64>, tensor<4xf64>
}
func.func private @reduce_max(%x: tensor<2x3x4xf64>) -> (tensor<2x3xf64>, tensor<3xf64>, tensor<f64>, tensor<3x4xf64>) {
  %0 = nn.reduce_max %x axes [2] : tensor<2x3x4xf64> -> tensor<2x3xf64>
  %1 = nn.reduce_max %x axes [0, 2] : tensor<2x3x4xf64> -> tensor<3xf64>
  %2 = nn.reduce_max %x axes [0, 1, 2] : tensor<2x3x4xf64> -> tensor<f64>
  %3 = nn.reduce_max %x axes [0] : tensor<2x3x4xf64> -> tensor<3x4xf64>
  return %0, %1, %2, %3 : tensor<2x3xf64>, tensor<3xf64>, tensor<f64>, tensor<3x4xf64>
}
func.func @test() {
  %x = check.random from -2.0 to 2.0 seed 1 : tensor<2x3x4xf64>
  check.expect_grad @reduce_sum(%x) : tensor<2x3x4xf64>
  check.expect_grad @reduce_max(%x) : tensor<2x3x4xf64>
  %y = check.random from 50.0 to 60.0 seed 2 : tensor<2x3x4xf64>
  check.expect_grad @reduce_sum(%y) : tensor<2x3x4xf64>
  check.expect_grad @reduce_max(%y) rel 1.0e-6 : tensor<2x3x4xf64>
  return
}
