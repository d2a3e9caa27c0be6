// Updates have no derivative; their elementwise form is checked.
// RUN: mome-interp %s

func.func private @adamw(%p: tensor<2x3xf64>, %g: tensor<2x3xf64>, %m: tensor<2x3xf64>, %v: tensor<2x3xf64>, %lr: tensor<f64>, %b1: tensor<f64>, %b2: tensor<f64>, %eps: tensor<f64>, %wd: tensor<f64>, %c1: tensor<f64>, %c2: tensor<f64>, %s: tensor<f64>) -> (tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>) {
  %0:3 = nn.adamw %p, %g, %m, %v, %lr, %b1, %b2, %eps, %wd, %c1, %c2, %s : (tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>)
  return %0#0, %0#1, %0#2 : tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>
}
func.func private @sgd(%p: tensor<2x3xf64>, %g: tensor<2x3xf64>, %b: tensor<2x3xf64>, %lr: tensor<f64>, %mu: tensor<f64>, %wd: tensor<f64>, %s: tensor<f64>) -> (tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>) {
  %0:2 = nn.sgd %p, %g, %b, %lr, %mu, %wd, %s : (tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<2x3xf64>, tensor<2x3xf64>)
  %1:2 = nn.sgd %p, %g, %b, %lr, %mu, %wd, %s nesterov : (tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<2x3xf64>, tensor<2x3xf64>)
  return %0#0, %0#1, %1#0, %1#1 : tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>
}
func.func private @scalar_param(%p: tensor<f64>, %s: tensor<f64>) -> tensor<f64> {
  %0:2 = nn.sgd %p, %p, %p, %s, %s, %s, %s : (tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return %0#0 : tensor<f64>
}
func.func @test() {
  %p = check.random from -2.0 to 2.0 seed 1 : tensor<2x3xf64>
  %g = check.random from -2.0 to 2.0 seed 2 : tensor<2x3xf64>
  %m = check.random from -2.0 to 2.0 seed 3 : tensor<2x3xf64>
  %v = check.random from 0.0 to 2.0 seed 4 : tensor<2x3xf64>
  %lr = nn.constant dense<0.01> : tensor<f64>
  %b1 = nn.constant dense<0.9> : tensor<f64>
  %b2 = nn.constant dense<0.99> : tensor<f64>
  %eps = nn.constant dense<1.0e-6> : tensor<f64>
  %wd = nn.constant dense<0.05> : tensor<f64>
  %c1 = nn.constant dense<0.271> : tensor<f64>
  %c2 = nn.constant dense<0.029701> : tensor<f64>
  %s = nn.constant dense<0.5> : tensor<f64>
  check.expect_forms @adamw(%p, %g, %m, %v, %lr, %b1, %b2, %eps, %wd, %c1, %c2, %s) : tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>
  check.expect_forms @sgd(%p, %g, %m, %lr, %b1, %wd, %s) : tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>
  check.expect_forms @scalar_param(%b1, %s) : tensor<f64>, tensor<f64>
  return
}
