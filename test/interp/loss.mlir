// Values computed by PyTorch in f64.
// RUN: mome-interp %s

func.func @cross_entropy() {
  %z = nn.constant dense<[[1.933, 1.547, -2.933, 0.35], [2.707, -2.1, -1.349, 2.972], [-0.573, -2.602, 2.255, 1.144]]> : tensor<3x4xf64>
  %labels = nn.constant dense<[1, 3, -1]> : tensor<3xi32>
  %s = nn.constant dense<0.1> : tensor<f64>
  %t = nn.constant dense<[[0.1, 0.985, 0.427, 0.757], [0.832, 0.312, 0.999, 0.223], [0.88, 0.694, 0.509, 0.966]]> : tensor<3x4xf64>
  %loss, %lse = nn.cross_entropy %z, %labels : (tensor<3x4xf64>, tensor<3xi32>) -> (tensor<3xf64>, tensor<3xf64>)
  %e_loss = nn.constant dense<[1.0240745137385, 0.580405271624114, 0.0]> : tensor<3xf64>
  check.expect_close %loss, %e_loss rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  %smoothed, %lse1 = nn.cross_entropy %z, %labels smoothing %s : (tensor<3x4xf64>, tensor<3xi32>, tensor<f64>) -> (tensor<3xf64>, tensor<3xf64>)
  %e_smoothed = nn.constant dense<[1.1563495137385, 0.821855271624114, 0.0]> : tensor<3xf64>
  check.expect_close %smoothed, %e_smoothed rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  %one = nn.constant dense<1.0> : tensor<3xf64>
  %dz = nn.cross_entropy_backward %z, %labels, %lse, %one smoothing %s : (tensor<3x4xf64>, tensor<3xi32>, tensor<3xf64>, tensor<3xf64>, tensor<f64>) -> tensor<3x4xf64>
  %e_dz = nn.constant dense<[[0.503308696456635, -0.565871319688188, -0.0209298462903358, 0.0834924695218884], [0.404383306074105, -0.0214909336415264, -0.0175638740516921, -0.365328498380887], [0.0, 0.0, 0.0, 0.0]]> : tensor<3x4xf64>
  check.expect_close %dz, %e_dz rel 1.0e-11 abs 1.0e-12 : tensor<3x4xf64>
  %soft = nn.soft_cross_entropy %z, %t : (tensor<3x4xf64>, tensor<3x4xf64>) -> tensor<3xf64>
  %e_soft = nn.constant dense<[5.10411407167266, 7.49286187266265, 7.95009733791582]> : tensor<3xf64>
  check.expect_close %soft, %e_soft rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  return
}

func.func @kl() {
  %a = nn.constant dense<[[1.282, -1.836, -2.947, -0.838], [2.187, 2.822, 0.373, -2.483], [-2.626, 0.101, 2.718, 2.365]]> : tensor<3x4xf64>
  %b = nn.constant dense<[[1.933, 1.547, -2.933, 0.35], [2.707, -2.1, -1.349, 2.972], [-0.573, -2.602, 2.255, 1.144]]> : tensor<3x4xf64>
  %div, %la, %lb = nn.kl %a, %b : (tensor<3x4xf64>, tensor<3x4xf64>) -> (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>)
  %e_div = nn.constant dense<[0.324193173910522, 3.18812370873559, 0.14112975310141]> : tensor<3xf64>
  check.expect_close %div, %e_div rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  %one = nn.constant dense<1.0> : tensor<3xf64>
  %db = nn.kl_backward %a, %b, %la, %lb, %one : (tensor<3x4xf64>, tensor<3x4xf64>, tensor<3xf64>, tensor<3xf64>, tensor<3xf64>) -> tensor<3x4xf64>
  %e_db = nn.constant dense<[[-0.319979858158293, 0.321595668730023, -0.00828682343555926, 0.00667101286382877], [0.102521321280348, -0.613286736148496, -0.0458426481313461, 0.556608062999494], [0.0396703848047627, -0.0354466502125579, 0.154584195514556, -0.158807930106761]]> : tensor<3x4xf64>
  check.expect_close %db, %e_db rel 1.0e-11 abs 1.0e-12 : tensor<3x4xf64>
  return
}

// A row of 1.2 million values with one channel at 50 sigma, where e^50 outweighs all others: the divergence from
// a uniform student is ln V - H(p). Closed form: S = e^50 + V - 1, p1 = e^50 / S, div = 50 p1 - ln S + ln V.
func.func @wide_and_peaky() {
  %i = nn.iota axis 1 : tensor<1x1204224xi32>
  %where = nn.constant dense<700001> : tensor<1x1204224xi32>
  %hit = nn.compare eq %i, %where : tensor<1x1204224xi32> -> tensor<1x1204224xi1>
  %peak = nn.constant dense<50.0> : tensor<1x1204224xf64>
  %zero = nn.constant dense<0.0> : tensor<1x1204224xf64>
  %a = nn.select %hit, %peak, %zero : tensor<1x1204224xf64>
  %div, %la, %lb = nn.kl %a, %zero : (tensor<1x1204224xf64>, tensor<1x1204224xf64>) -> (tensor<1xf64>, tensor<1xf64>, tensor<1xf64>)
  %e_div = nn.constant dense<[14.001345934058014]> : tensor<1xf64>
  check.expect_close %div, %e_div rel 1.0e-11 : tensor<1xf64>
  %one = nn.constant dense<1.0> : tensor<1xf64>
  %db = nn.kl_backward %a, %zero, %la, %lb, %one : (tensor<1x1204224xf64>, tensor<1x1204224xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>) -> tensor<1x1204224xf64>
  %sum = nn.reduce_sum %db axes [0, 1] : tensor<1x1204224xf64> -> tensor<f64>
  %e_sum = nn.constant dense<0.0> : tensor<f64>
  check.expect_close %sum, %e_sum abs 1.0e-10 : tensor<f64>
  %ends = nn.slice %db offsets [0, 700000] sizes [1, 2] strides [1, 1] : tensor<1x1204224xf64> -> tensor<1x2xf64>
  %e_ends = nn.constant dense<[[8.30410289115646e-07, -0.9999991695897107]]> : tensor<1x2xf64>
  check.expect_close %ends, %e_ends rel 1.0e-9 : tensor<1x2xf64>
  return
}
