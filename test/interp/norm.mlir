// Values computed by PyTorch in f64.
// RUN: mome-interp %s

func.func @layer_norm() {
  %x = nn.constant dense<[[-1.983, -1.942, -1.638], [-1.113, -0.436, 0.299]]> : tensor<2x3xf64>
  %g = nn.constant dense<[0.199, 0.717, 0.985]> : tensor<3xf64>
  %b = nn.constant dense<[0.783, 0.598, -0.818]> : tensor<3xf64>
  %y, %mean, %rstd = nn.layer_norm %x gamma %g beta %b eps 1.0e-5 : (tensor<2x3xf64>, tensor<3xf64>, tensor<3xf64>) -> (tensor<2x3xf64>, tensor<2xf64>, tensor<2xf64>)
  %e_y = nn.constant dense<[[0.616645497794304, 0.189615658142652, 0.566443081372198], [0.542684067790441, 0.573959793325491, 0.404529429957624]]> : tensor<2x3xf64>
  check.expect_close %y, %e_y rel 1.0e-11 abs 1.0e-12 : tensor<2x3xf64>
  %e_mean = nn.constant dense<[-1.85433333333333, -0.416666666666667]> : tensor<2xf64>
  check.expect_close %mean, %e_mean rel 1.0e-11 abs 1.0e-12 : tensor<2xf64>
  %e_rstd = nn.constant dense<[6.49703838645413, 1.73425239319786]> : tensor<2xf64>
  check.expect_close %rstd, %e_rstd rel 1.0e-11 abs 1.0e-12 : tensor<2xf64>
  return
}

func.func @softmax() {
  %x = nn.constant dense<[[-1.983, -1.942, -1.638], [-1.113, -0.436, 0.299]]> : tensor<2x3xf64>
  %0 = nn.softmax %x : tensor<2x3xf64>
  %e_0 = nn.constant dense<[[0.289532640086018, 0.30165019069776, 0.408817169216222], [0.141400305911153, 0.27827084914917, 0.580328844939677]]> : tensor<2x3xf64>
  check.expect_close %0, %e_0 rel 1.0e-11 abs 1.0e-12 : tensor<2x3xf64>
  %1 = nn.log_softmax %x : tensor<2x3xf64>
  %e_1 = nn.constant dense<[[-1.23948724191337, -1.19848724191337, -0.894487241913369], [-1.9561603620768, -1.2791603620768, -0.544160362076796]]> : tensor<2x3xf64>
  check.expect_close %1, %e_1 rel 1.0e-11 abs 1.0e-12 : tensor<2x3xf64>
  %2 = nn.logsumexp %x : (tensor<2x3xf64>) -> tensor<2xf64>
  %e_2 = nn.constant dense<[-0.74351275808663, 0.843160362076796]> : tensor<2xf64>
  check.expect_close %2, %e_2 rel 1.0e-11 abs 1.0e-12 : tensor<2xf64>
  return
}

func.func @batch_norm() {
  %x = nn.constant dense<[[[0.779, 1.983, 0.282, -1.832], [-1.263, 1.157, 1.881, -0.15], [-1.962, -0.899, 1.481, 1.691]], [[-0.576, -2.0, -0.494, 1.735], [1.422, -0.974, -1.944, -0.065], [1.909, 1.087, -1.327, -1.797]]]> : tensor<2x3x4xf64>
  %g = nn.constant dense<[0.199, 0.717, 0.985]> : tensor<3xf64>
  %b = nn.constant dense<[0.783, 0.598, -0.818]> : tensor<3xf64>
  %y, %mean, %var = nn.batch_norm %x, %g, %b eps 1.0e-3 : (tensor<2x3x4xf64>, tensor<3xf64>, tensor<3xf64>) -> (tensor<2x3x4xf64>, tensor<3xf64>, tensor<3xf64>)
  %e_y = nn.constant dense<[[[0.896323725137896, 1.06808361821865, 0.825422839040607, 0.523844422119741], [-0.109949061692968, 1.2379948637964, 1.641264038199, 0.509993743707719], [-2.06929598826631, -1.39916429960728, 0.101224617616126, 0.233611875018191]], [[0.703022516562791, 0.499877925410798, 0.714720449480251, 1.03270450402926], [1.3856002936537, 0.0510244070948118, -0.48926716634514, 0.557338881586478], [0.371042456511764, -0.147159093890606, -1.66898213850292, -1.96527742887897]]]> : tensor<2x3x4xf64>
  check.expect_close %y, %e_y rel 1.0e-11 abs 1.0e-12 : tensor<2x3x4xf64>
  %e_mean = nn.constant dense<[-0.015375, 0.00800000000000003, 0.0228750000000001]> : tensor<3xf64>
  check.expect_close %mean, %e_mean rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  %e_var = nn.constant dense<[1.944877984375, 1.656011, 2.440286109375]> : tensor<3xf64>
  check.expect_close %var, %e_var rel 1.0e-11 abs 1.0e-12 : tensor<3xf64>
  return
}
