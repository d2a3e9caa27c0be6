// RUN: mome-interp %s

func.func private @layer_norm(%x: tensor<2x3x5xf64>, %g: tensor<5xf64>, %b: tensor<5xf64>) -> tensor<2x3x5xf64> {
  %y, %mean, %rstd = nn.layer_norm %x gamma %g beta %b eps 1.0e-5 : (tensor<2x3x5xf64>, tensor<5xf64>, tensor<5xf64>) -> (tensor<2x3x5xf64>, tensor<2x3xf64>, tensor<2x3xf64>)
  return %y : tensor<2x3x5xf64>
}
func.func private @layer_norm_gamma(%x: tensor<7xf64>, %g: tensor<7xf64>) -> tensor<7xf64> {
  %y, %mean, %rstd = nn.layer_norm %x gamma %g eps 0.1 : (tensor<7xf64>, tensor<7xf64>) -> (tensor<7xf64>, tensor<f64>, tensor<f64>)
  return %y : tensor<7xf64>
}
func.func private @layer_norm_beta(%x: tensor<3x4xf64>, %b: tensor<4xf64>) -> tensor<3x4xf64> {
  %y, %mean, %rstd = nn.layer_norm %x beta %b eps 1.0e-5 : (tensor<3x4xf64>, tensor<4xf64>) -> (tensor<3x4xf64>, tensor<3xf64>, tensor<3xf64>)
  return %y : tensor<3x4xf64>
}
// The statistics too: their decomposition, not their derivative.
func.func private @statistics(%x: tensor<3x4xf64>) -> (tensor<3x4xf64>, tensor<3xf64>, tensor<3xf64>) {
  %y, %mean, %rstd = nn.layer_norm %x eps 1.0e-5 : (tensor<3x4xf64>) -> (tensor<3x4xf64>, tensor<3xf64>, tensor<3xf64>)
  return %y, %mean, %rstd : tensor<3x4xf64>, tensor<3xf64>, tensor<3xf64>
}
func.func private @layer_norm_backward(%dy: tensor<3x4xf64>, %x: tensor<3x4xf64>, %g: tensor<4xf64>)
    -> (tensor<3x4xf64>, tensor<4xf64>, tensor<4xf64>, tensor<3x4xf64>, tensor<4xf64>, tensor<4xf64>) {
  %y, %mean, %rstd = nn.layer_norm %x eps 1.0e-5 : (tensor<3x4xf64>) -> (tensor<3x4xf64>, tensor<3xf64>, tensor<3xf64>)
  %0:3 = nn.layer_norm_backward %dy, %x, %mean, %rstd, %g : (tensor<3x4xf64>, tensor<3x4xf64>, tensor<3xf64>, tensor<3xf64>, tensor<4xf64>) -> (tensor<3x4xf64>, tensor<4xf64>, tensor<4xf64>)
  %1:3 = nn.layer_norm_backward %dy, %x, %mean, %rstd : (tensor<3x4xf64>, tensor<3x4xf64>, tensor<3xf64>, tensor<3xf64>) -> (tensor<3x4xf64>, tensor<4xf64>, tensor<4xf64>)
  return %0#0, %0#1, %0#2, %1#0, %1#1, %1#2 : tensor<3x4xf64>, tensor<4xf64>, tensor<4xf64>, tensor<3x4xf64>, tensor<4xf64>, tensor<4xf64>
}
func.func @test_layer_norm() {
  %x = check.random from -2.0 to 2.0 seed 1 : tensor<2x3x5xf64>
  %g = check.random from -2.0 to 2.0 seed 2 : tensor<5xf64>
  %b = check.random from -2.0 to 2.0 seed 3 : tensor<5xf64>
  check.expect_grad @layer_norm(%x, %g, %b) : tensor<2x3x5xf64>, tensor<5xf64>, tensor<5xf64>
  check.expect_forms @layer_norm(%x, %g, %b) : tensor<2x3x5xf64>, tensor<5xf64>, tensor<5xf64>
  %x1 = check.random from -2.0 to 2.0 seed 4 : tensor<7xf64>
  %g1 = check.random from -2.0 to 2.0 seed 5 : tensor<7xf64>
  check.expect_grad @layer_norm_gamma(%x1, %g1) : tensor<7xf64>, tensor<7xf64>
  check.expect_forms @layer_norm_gamma(%x1, %g1) : tensor<7xf64>, tensor<7xf64>
  %x2 = check.random from -2.0 to 2.0 seed 6 : tensor<3x4xf64>
  %b2 = check.random from -2.0 to 2.0 seed 7 : tensor<4xf64>
  check.expect_grad @layer_norm_beta(%x2, %b2) : tensor<3x4xf64>, tensor<4xf64>
  check.expect_forms @layer_norm_beta(%x2, %b2) : tensor<3x4xf64>, tensor<4xf64>
  check.expect_forms @statistics(%x2) : tensor<3x4xf64>
  %dy = check.random from -2.0 to 2.0 seed 8 : tensor<3x4xf64>
  check.expect_forms @layer_norm_backward(%dy, %x2, %b2) : tensor<3x4xf64>, tensor<3x4xf64>, tensor<4xf64>
  // Far from zero: the variance in two passes keeps its digits.
  %far = check.random from 10000.0 to 10001.0 seed 9 : tensor<3x4xf64>
  check.expect_forms @statistics(%far) rel 1.0e-10 : tensor<3x4xf64>
  return
}

func.func private @softmax(%x: tensor<3x5xf64>) -> (tensor<3x5xf64>, tensor<3x5xf64>, tensor<3xf64>) {
  %0 = nn.softmax %x : tensor<3x5xf64>
  %1 = nn.log_softmax %x : tensor<3x5xf64>
  %2 = nn.logsumexp %x : (tensor<3x5xf64>) -> tensor<3xf64>
  return %0, %1, %2 : tensor<3x5xf64>, tensor<3x5xf64>, tensor<3xf64>
}
func.func private @softmax_vector(%x: tensor<7xf64>) -> (tensor<7xf64>, tensor<7xf64>, tensor<f64>) {
  %0 = nn.softmax %x : tensor<7xf64>
  %1 = nn.log_softmax %x : tensor<7xf64>
  %2 = nn.logsumexp %x : (tensor<7xf64>) -> tensor<f64>
  return %0, %1, %2 : tensor<7xf64>, tensor<7xf64>, tensor<f64>
}
func.func private @softmax_backward(%dy: tensor<3x5xf64>, %y: tensor<3x5xf64>) -> tensor<3x5xf64> {
  %0 = nn.softmax_backward %dy, %y : tensor<3x5xf64>
  return %0 : tensor<3x5xf64>
}
func.func @test_softmax() {
  %x = check.random from -3.0 to 3.0 seed 1 : tensor<3x5xf64>
  check.expect_grad @softmax(%x) : tensor<3x5xf64>
  check.expect_forms @softmax(%x) : tensor<3x5xf64>
  %x1 = check.random from -3.0 to 3.0 seed 2 : tensor<7xf64>
  check.expect_grad @softmax_vector(%x1) : tensor<7xf64>
  check.expect_forms @softmax_vector(%x1) : tensor<7xf64>
  %dy = check.random from -3.0 to 3.0 seed 3 : tensor<3x5xf64>
  check.expect_forms @softmax_backward(%dy, %x) : tensor<3x5xf64>, tensor<3x5xf64>
  // Beyond the range of exp.
  %huge = check.random from -5000.0 to 5000.0 seed 4 : tensor<7xf64>
  check.expect_forms @softmax_vector(%huge) : tensor<7xf64>
  return
}

func.func private @batch_norm(%x: tensor<4x3x2x3xf64>, %g: tensor<3xf64>, %b: tensor<3xf64>) -> tensor<4x3x2x3xf64> {
  %y, %mean, %var = nn.batch_norm %x, %g, %b eps 1.0e-3 : (tensor<4x3x2x3xf64>, tensor<3xf64>, tensor<3xf64>) -> (tensor<4x3x2x3xf64>, tensor<3xf64>, tensor<3xf64>)
  return %y : tensor<4x3x2x3xf64>
}
func.func private @batch_norm_1d(%x: tensor<5x2xf64>, %g: tensor<2xf64>, %b: tensor<2xf64>) -> tensor<5x2xf64> {
  %y, %mean, %var = nn.batch_norm %x, %g, %b eps 1.0e-5 : (tensor<5x2xf64>, tensor<2xf64>, tensor<2xf64>) -> (tensor<5x2xf64>, tensor<2xf64>, tensor<2xf64>)
  return %y : tensor<5x2xf64>
}
func.func @test_batch_norm() {
  %x = check.random from -2.0 to 2.0 seed 1 : tensor<4x3x2x3xf64>
  %g = check.random from -2.0 to 2.0 seed 2 : tensor<3xf64>
  %b = check.random from -2.0 to 2.0 seed 3 : tensor<3xf64>
  check.expect_grad @batch_norm(%x, %g, %b) : tensor<4x3x2x3xf64>, tensor<3xf64>, tensor<3xf64>
  %x1 = check.random from -2.0 to 2.0 seed 4 : tensor<5x2xf64>
  %g1 = check.random from -2.0 to 2.0 seed 5 : tensor<2xf64>
  %b1 = check.random from -2.0 to 2.0 seed 6 : tensor<2xf64>
  check.expect_grad @batch_norm_1d(%x1, %g1, %b1) : tensor<5x2xf64>, tensor<2xf64>, tensor<2xf64>
  return
}
