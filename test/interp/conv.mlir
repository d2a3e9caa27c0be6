// Values computed by PyTorch in f64.
// RUN: mome-interp %s

func.func @conv() {
  %x = nn.constant dense<[[[[0.296, 0.877, 0.964, 0.507], [-0.236, -0.846, -0.979, -0.559], [0.176, 0.812, 0.989, 0.609], [-0.115, -0.774, -0.996, -0.657], [0.054, 0.734, 1.0, 0.702]], [[0.008, -0.69, -0.999, -0.744], [-0.069, 0.645, 0.995, 0.784], [0.131, -0.596, -0.987, -0.821], [-0.192, 0.546, 0.975, 0.854], [0.252, -0.493, -0.96, -0.885]], [[-0.311, 0.439, 0.94, 0.912], [0.369, -0.382, -0.918, -0.935], [-0.425, 0.325, 0.892, 0.955], [0.48, -0.266, -0.862, -0.972], [-0.533, 0.206, 0.829, 0.984]], [[0.584, -0.146, -0.793, -0.993], [-0.633, 0.084, 0.754, 0.999], [0.679, -0.023, -0.712, -1.0], [-0.723, -0.039, 0.668, 0.998], [0.764, 0.1, -0.621, -0.991]]]]> : tensor<1x4x5x4xf64>
  %w = nn.constant dense<[[[[0.479, 0.956], [-0.098, -0.995], [-0.299, 0.876]], [[0.648, -0.617], [-0.894, 0.261], [0.998, 0.138]]], [[[-0.943, -0.514], [0.738, 0.808], [-0.416, -0.974]], [[0.027, 0.985], [0.366, -0.839], [-0.7, 0.56]]]]> : tensor<2x2x3x2xf64>
  %y = nn.conv %x, %w strides [2, 1] pad_low [2, 0] pad_high [1, 1] dilations [1, 2] groups 2 : (tensor<1x4x5x4xf64>, tensor<2x2x3x2xf64>) -> tensor<1x2x3x3xf64>
  %e_y = nn.constant dense<[[[[0.626082, -0.609383, -1.285238], [3.811821, 0.7664, -2.259921], [4.130938, 1.33718, -2.196967]], [[-1.639064, -1.524792, 0.16406], [-3.854958, -5.318875, -1.182023], [-3.376304, -5.285318, -1.162212]]]]> : tensor<1x2x3x3xf64>
  check.expect_close %y, %e_y rel 1.0e-11 abs 1.0e-12 : tensor<1x2x3x3xf64>
  return
}

func.func @pool() {
  %x = nn.constant dense<[[[[0.1, 0.808, -0.916, 0.117, 0.798], [-0.923, 0.133, 0.788, -0.929, 0.15], [0.778, -0.935, 0.166, 0.767, -0.941], [0.183, 0.756, -0.947, 0.2, 0.745], [-0.952, 0.216, 0.734, -0.957, 0.232]]]]> : tensor<1x1x5x5xf64>
  %max, %argmax = nn.max_pool %x kernel [3, 3] strides [2, 2] pad_low [1, 1] pad_high [1, 1] : (tensor<1x1x5x5xf64>) -> (tensor<1x1x3x3xf64>, tensor<1x1x3x3xi32>)
  %e_max = nn.constant dense<[[[[0.808, 0.808, 0.798], [0.778, 0.788, 0.767], [0.756, 0.756, 0.745]]]]> : tensor<1x1x3x3xf64>
  check.expect_close %max, %e_max rel 1.0e-11 abs 1.0e-12 : tensor<1x1x3x3xf64>
  %e_argmax = nn.constant dense<[[[[1, 1, 4], [10, 7, 13], [16, 16, 19]]]]> : tensor<1x1x3x3xi32>
  check.expect_close %argmax, %e_argmax : tensor<1x1x3x3xi32>
  %inner = nn.avg_pool %x kernel [3, 3] strides [2, 2] pad_low [1, 1] pad_high [1, 1] : (tensor<1x1x5x5xf64>) -> tensor<1x1x3x3xf64>
  %e_inner = nn.constant dense<[[[[0.0295, 0.000166666666666667, 0.034], [-0.00133333333333333, -0.000111111111111105, -0.00133333333333332], [0.05075, 0.000333333333333352, 0.055]]]]> : tensor<1x1x3x3xf64>
  check.expect_close %inner, %e_inner rel 1.0e-11 abs 1.0e-12 : tensor<1x1x3x3xf64>
  %all = nn.avg_pool %x kernel [3, 3] strides [2, 2] pad_low [1, 1] pad_high [1, 1] count_include_pad : (tensor<1x1x5x5xf64>) -> tensor<1x1x3x3xf64>
  %e_all = nn.constant dense<[[[[0.0131111111111111, 0.000111111111111111, 0.0151111111111111], [-0.00088888888888889, -0.000111111111111105, -0.000888888888888877], [0.0225555555555556, 0.000222222222222235, 0.0244444444444445]]]]> : tensor<1x1x3x3xf64>
  check.expect_close %all, %e_all rel 1.0e-11 abs 1.0e-12 : tensor<1x1x3x3xf64>
  return
}

// The first of equal maxima wins; NaN wins over all numbers.
func.func @ties() {
  %x = nn.constant dense<[[[2.0, 2.0, 1.0, 0x7FF8000000000000, 5.0, 0x7FF8000000000000]]]> : tensor<1x1x6xf64>
  %max, %argmax = nn.max_pool %x kernel [2] strides [2] pad_low [0] pad_high [0] : (tensor<1x1x6xf64>) -> (tensor<1x1x3xf64>, tensor<1x1x3xi32>)
  %e_argmax = nn.constant dense<[[[0, 3, 5]]]> : tensor<1x1x3xi32>
  check.expect_close %argmax, %e_argmax : tensor<1x1x3xi32>
  return
}
