// RUN: mome-interp %s

func.func private @self(%q: tensor<2x3x4xf64>, %k: tensor<2x3x4xf64>, %v: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.7 : (tensor<2x3x4xf64>, tensor<2x3x4xf64>, tensor<2x3x4xf64>) -> (tensor<2x3x4xf64>, tensor<2x2x3xf64>)
  return %o : tensor<2x3x4xf64>
}
// One query, odd numbers of keys, values of another width.
func.func private @cross(%q: tensor<2x1x6xf64>, %k: tensor<2x5x6xf64>, %v: tensor<2x5x3xf64>, %bias: tensor<3x1x5xf64>) -> tensor<2x1x3xf64> {
  %o, %lse = nn.attention %q, %k, %v bias %bias heads 3 scale -0.5 : (tensor<2x1x6xf64>, tensor<2x5x6xf64>, tensor<2x5x3xf64>, tensor<3x1x5xf64>) -> (tensor<2x1x3xf64>, tensor<2x3x1xf64>)
  return %o : tensor<2x1x3xf64>
}
func.func private @batch_bias(%q: tensor<2x3x2xf64>, %k: tensor<2x4x2xf64>, %v: tensor<2x4x2xf64>, %bias: tensor<2x1x3x4xf64>) -> tensor<2x3x2xf64> {
  %o, %lse = nn.attention %q, %k, %v bias %bias heads 1 scale 1.0 : (tensor<2x3x2xf64>, tensor<2x4x2xf64>, tensor<2x4x2xf64>, tensor<2x1x3x4xf64>) -> (tensor<2x3x2xf64>, tensor<2x1x3xf64>)
  return %o : tensor<2x3x2xf64>
}
func.func @test_attention() {
  %q = check.random from -2.0 to 2.0 seed 1 : tensor<2x3x4xf64>
  %k = check.random from -2.0 to 2.0 seed 2 : tensor<2x3x4xf64>
  %v = check.random from -2.0 to 2.0 seed 3 : tensor<2x3x4xf64>
  check.expect_grad @self(%q, %k, %v) : tensor<2x3x4xf64>, tensor<2x3x4xf64>, tensor<2x3x4xf64>

  %q1 = check.random from -2.0 to 2.0 seed 4 : tensor<2x1x6xf64>
  %k1 = check.random from -2.0 to 2.0 seed 5 : tensor<2x5x6xf64>
  %v1 = check.random from -2.0 to 2.0 seed 6 : tensor<2x5x3xf64>
  %bias1 = check.random from -2.0 to 2.0 seed 7 : tensor<3x1x5xf64>
  check.expect_grad @cross(%q1, %k1, %v1, %bias1) : tensor<2x1x6xf64>, tensor<2x5x6xf64>, tensor<2x5x3xf64>, tensor<3x1x5xf64>

  %q2 = check.random from -2.0 to 2.0 seed 8 : tensor<2x3x2xf64>
  %k2 = check.random from -2.0 to 2.0 seed 9 : tensor<2x4x2xf64>
  %v2 = check.random from -2.0 to 2.0 seed 10 : tensor<2x4x2xf64>
  %bias2 = check.random from -2.0 to 2.0 seed 11 : tensor<2x1x3x4xf64>
  check.expect_grad @batch_bias(%q2, %k2, %v2, %bias2) : tensor<2x3x2xf64>, tensor<2x4x2xf64>, tensor<2x4x2xf64>, tensor<2x1x3x4xf64>
  return
}
