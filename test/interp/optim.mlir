// Two steps of torch.optim.AdamW (betas 0.9, 0.99) and torch.optim.SGD (momentum 0.9) on halved gradients.
// RUN: mome-interp %s

func.func @adamw() {
  %p = nn.constant dense<[0.296, 0.932, 0.863]> : tensor<3xf64>
  %g0 = nn.constant dense<[0.1, 0.974, -0.351]> : tensor<3xf64>
  %g1 = nn.constant dense<[0.891, 0.974, 0.598]> : tensor<3xf64>
  %zero = nn.constant dense<[0.0, 0.0, 0.0]> : tensor<3xf64>
  %lr = nn.constant dense<0.01> : tensor<f64>
  %beta1 = nn.constant dense<0.9> : tensor<f64>
  %beta2 = nn.constant dense<0.99> : tensor<f64>
  %eps = nn.constant dense<1.0e-6> : tensor<f64>
  %wd = nn.constant dense<0.05> : tensor<f64>
  %scale = nn.constant dense<0.5> : tensor<f64>
  %c1 = nn.constant dense<0.1> : tensor<f64>
  %c2 = nn.constant dense<0.01> : tensor<f64>
  %c3 = nn.constant dense<0.19> : tensor<f64>
  %c4 = nn.constant dense<0.0199> : tensor<f64>
  %p1, %m1, %v1 = nn.adamw %p, %g0, %zero, %zero, %lr, %beta1, %beta2, %eps, %wd, %c1, %c2, %scale : (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>, tensor<3xf64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>)
  %e_p1 = nn.constant dense<[0.285852199996, 0.921534020533839, 0.872568443020268]> : tensor<3xf64>
  check.expect_close %p1, %e_p1 rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  %e_m1 = nn.constant dense<[0.005, 0.0487, -0.01755]> : tensor<3xf64>
  check.expect_close %m1, %e_m1 rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  %e_v1 = nn.constant dense<[2.5e-05, 0.00237169, 0.0003080025]> : tensor<3xf64>
  check.expect_close %v1, %e_v1 rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  %p2, %m2, %v2 = nn.adamw %p1, %g1, %m1, %v1, %lr, %beta1, %beta2, %eps, %wd, %c3, %c4, %scale : (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>, tensor<3xf64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>)
  %e_p2 = nn.constant dense<[0.277585240314491, 0.911073274057411, 0.869107705405422]> : tensor<3xf64>
  check.expect_close %p2, %e_p2 rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  %e_m2 = nn.constant dense<[0.04905, 0.09253, 0.014105]> : tensor<3xf64>
  check.expect_close %m2, %e_m2 rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  %e_v2 = nn.constant dense<[0.0020094525, 0.0047196631, 0.001198932475]> : tensor<3xf64>
  check.expect_close %v2, %e_v2 rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  return
}

func.func @sgd() {
  %p = nn.constant dense<[0.296, 0.932, 0.863]> : tensor<3xf64>
  %g0 = nn.constant dense<[0.1, 0.974, -0.351]> : tensor<3xf64>
  %g1 = nn.constant dense<[0.891, 0.974, 0.598]> : tensor<3xf64>
  %zero = nn.constant dense<[0.0, 0.0, 0.0]> : tensor<3xf64>
  %lr = nn.constant dense<0.1> : tensor<f64>
  %mu = nn.constant dense<0.9> : tensor<f64>
  %wd = nn.constant dense<0.05> : tensor<f64>
  %scale = nn.constant dense<0.5> : tensor<f64>
  %p10, %b10 = nn.sgd %p, %g0, %zero, %lr, %mu, %wd, %scale : (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<3xf64>, tensor<3xf64>)
  %e_p10 = nn.constant dense<[0.28952, 0.87864, 0.876235]> : tensor<3xf64>
  check.expect_close %p10, %e_p10 rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  %e_b10 = nn.constant dense<[0.0648, 0.5336, -0.13235]> : tensor<3xf64>
  check.expect_close %b10, %e_b10 rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  %p20, %b20 = nn.sgd %p10, %g1, %b10, %lr, %mu, %wd, %scale : (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<3xf64>, tensor<3xf64>)
  %e_p20 = nn.constant dense<[0.2376904, 0.7775228, 0.853865325]> : tensor<3xf64>
  check.expect_close %p20, %e_p20 rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  %e_b20 = nn.constant dense<[0.518296, 1.011172, 0.22369675]> : tensor<3xf64>
  check.expect_close %b20, %e_b20 rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  %p11, %b11 = nn.sgd %p, %g0, %zero, %lr, %mu, %wd, %scale nesterov : (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<3xf64>, tensor<3xf64>)
  %e_p11 = nn.constant dense<[0.283688, 0.830616, 0.8881465]> : tensor<3xf64>
  check.expect_close %p11, %e_p11 rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  %e_b11 = nn.constant dense<[0.0648, 0.5336, -0.13235]> : tensor<3xf64>
  check.expect_close %b11, %e_b11 rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  %p21, %b21 = nn.sgd %p11, %g1, %b11, %lr, %mu, %wd, %scale nesterov : (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<3xf64>, tensor<3xf64>)
  %e_p21 = nn.constant dense<[0.191099164, 0.686973548, 0.83361945825]> : tensor<3xf64>
  check.expect_close %p21, %e_p21 rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  %e_b21 = nn.constant dense<[0.5180044, 1.0087708, 0.224292325]> : tensor<3xf64>
  check.expect_close %b21, %e_b21 rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  return
}
