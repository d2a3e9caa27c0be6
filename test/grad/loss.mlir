// RUN: mome-interp %s

func.func private @cross_entropy(%z: tensor<4x5xf64>, %labels: tensor<4xi32>) -> tensor<4xf64> {
  %loss, %lse = nn.cross_entropy %z, %labels : (tensor<4x5xf64>, tensor<4xi32>) -> (tensor<4xf64>, tensor<4xf64>)
  return %loss : tensor<4xf64>
}
func.func private @smoothed(%z: tensor<4x5xf64>, %labels: tensor<4xi32>, %s: tensor<f64>) -> tensor<4xf64> {
  %loss, %lse = nn.cross_entropy %z, %labels smoothing %s : (tensor<4x5xf64>, tensor<4xi32>, tensor<f64>) -> (tensor<4xf64>, tensor<4xf64>)
  return %loss : tensor<4xf64>
}
func.func private @per_token(%z: tensor<2x2x3xf64>, %labels: tensor<2x2xi64>) -> tensor<2x2xf64> {
  %loss, %lse = nn.cross_entropy %z, %labels : (tensor<2x2x3xf64>, tensor<2x2xi64>) -> (tensor<2x2xf64>, tensor<2x2xf64>)
  return %loss : tensor<2x2xf64>
}
func.func private @lse(%z: tensor<4x5xf64>, %labels: tensor<4xi32>) -> tensor<4xf64> {
  %loss, %lse = nn.cross_entropy %z, %labels : (tensor<4x5xf64>, tensor<4xi32>) -> (tensor<4xf64>, tensor<4xf64>)
  return %lse : tensor<4xf64>
}
func.func private @backward(%z: tensor<4x5xf64>, %labels: tensor<4xi32>, %lse: tensor<4xf64>, %d: tensor<4xf64>, %s: tensor<f64>) -> (tensor<4x5xf64>, tensor<4x5xf64>) {
  %0 = nn.cross_entropy_backward %z, %labels, %lse, %d : (tensor<4x5xf64>, tensor<4xi32>, tensor<4xf64>, tensor<4xf64>) -> tensor<4x5xf64>
  %1 = nn.cross_entropy_backward %z, %labels, %lse, %d smoothing %s : (tensor<4x5xf64>, tensor<4xi32>, tensor<4xf64>, tensor<4xf64>, tensor<f64>) -> tensor<4x5xf64>
  return %0, %1 : tensor<4x5xf64>, tensor<4x5xf64>
}
func.func @test_cross_entropy() {
  %z = check.random from -3.0 to 3.0 seed 1 : tensor<4x5xf64>
  %labels = nn.constant dense<[0, 4, -1, 5]> : tensor<4xi32> // the last two are no classes
  %s = nn.constant dense<0.1> : tensor<f64>
  check.expect_grad @cross_entropy(%z, %labels) : tensor<4x5xf64>, tensor<4xi32>
  check.expect_forms @cross_entropy(%z, %labels) : tensor<4x5xf64>, tensor<4xi32>
  check.expect_forms @lse(%z, %labels) : tensor<4x5xf64>, tensor<4xi32>
  check.expect_grad @smoothed(%z, %labels, %s) wrt [0] : tensor<4x5xf64>, tensor<4xi32>, tensor<f64>
  check.expect_forms @smoothed(%z, %labels, %s) : tensor<4x5xf64>, tensor<4xi32>, tensor<f64>
  %z2 = check.random from -3.0 to 3.0 seed 2 : tensor<2x2x3xf64>
  %labels2 = nn.constant dense<[[0, 2], [1, 1]]> : tensor<2x2xi64>
  check.expect_grad @per_token(%z2, %labels2) : tensor<2x2x3xf64>, tensor<2x2xi64>
  check.expect_forms @per_token(%z2, %labels2) : tensor<2x2x3xf64>, tensor<2x2xi64>
  %lse = nn.logsumexp %z : (tensor<4x5xf64>) -> tensor<4xf64>
  %d = check.random from -3.0 to 3.0 seed 3 : tensor<4xf64>
  check.expect_forms @backward(%z, %labels, %lse, %d, %s) : tensor<4x5xf64>, tensor<4xi32>, tensor<4xf64>, tensor<4xf64>, tensor<f64>
  %huge = check.random from -5000.0 to 5000.0 seed 4 : tensor<4x5xf64>
  check.expect_forms @smoothed(%huge, %labels, %s) : tensor<4x5xf64>, tensor<4xi32>, tensor<f64>
  return
}

func.func private @soft_cross_entropy(%z: tensor<3x5xf64>, %t: tensor<3x5xf64>) -> tensor<3xf64> {
  %loss = nn.soft_cross_entropy %z, %t : (tensor<3x5xf64>, tensor<3x5xf64>) -> tensor<3xf64>
  return %loss : tensor<3xf64>
}
func.func @test_soft_cross_entropy() {
  %z = check.random from -3.0 to 3.0 seed 1 : tensor<3x5xf64>
  %t = check.random from 0.0 to 1.0 seed 2 : tensor<3x5xf64> // rows need not sum to 1
  check.expect_grad @soft_cross_entropy(%z, %t) : tensor<3x5xf64>, tensor<3x5xf64>
  check.expect_forms @soft_cross_entropy(%z, %t) : tensor<3x5xf64>, tensor<3x5xf64>
  return
}

func.func private @kl(%a: tensor<3x7xf64>, %b: tensor<3x7xf64>) -> tensor<3xf64> {
  %div, %la, %lb = nn.kl %a, %b : (tensor<3x7xf64>, tensor<3x7xf64>) -> (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>)
  return %div : tensor<3xf64>
}
func.func private @kl_rows(%a: tensor<3x7xf64>, %b: tensor<3x7xf64>) -> (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>) {
  %div, %la, %lb = nn.kl %a, %b : (tensor<3x7xf64>, tensor<3x7xf64>) -> (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>)
  return %div, %la, %lb : tensor<3xf64>, tensor<3xf64>, tensor<3xf64>
}
func.func private @kl_backward(%a: tensor<3x7xf64>, %b: tensor<3x7xf64>, %d: tensor<3xf64>) -> tensor<3x7xf64> {
  %div, %la, %lb = nn.kl %a, %b : (tensor<3x7xf64>, tensor<3x7xf64>) -> (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>)
  %0 = nn.kl_backward %a, %b, %la, %lb, %d : (tensor<3x7xf64>, tensor<3x7xf64>, tensor<3xf64>, tensor<3xf64>, tensor<3xf64>) -> tensor<3x7xf64>
  return %0 : tensor<3x7xf64>
}
// A held teacher has no gradient, though the divergence depends on it.
func.func private @held_teacher(%a: tensor<3x7xf64>, %b: tensor<3x7xf64>) -> tensor<3xf64> {
  %held = nn.stop_gradient %a : tensor<3x7xf64>
  %div, %la, %lb = nn.kl %held, %b : (tensor<3x7xf64>, tensor<3x7xf64>) -> (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>)
  return %div : tensor<3xf64>
}
func.func @test_kl() {
  %a = check.random from -3.0 to 3.0 seed 1 : tensor<3x7xf64>
  %b = check.random from -3.0 to 3.0 seed 2 : tensor<3x7xf64>
  %d = check.random from -3.0 to 3.0 seed 3 : tensor<3xf64>
  check.expect_grad @kl(%a, %b) : tensor<3x7xf64>, tensor<3x7xf64>
  check.expect_grad @held_teacher(%a, %b) wrt [1] : tensor<3x7xf64>, tensor<3x7xf64>
  check.expect_forms @kl_rows(%a, %b) : tensor<3x7xf64>, tensor<3x7xf64>
  check.expect_forms @kl_backward(%a, %b, %d) : tensor<3x7xf64>, tensor<3x7xf64>, tensor<3xf64>
  return
}
