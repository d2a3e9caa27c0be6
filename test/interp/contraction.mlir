// Values computed by PyTorch in f64.
// RUN: mome-interp %s

func.func @linear() {
  %x = nn.constant dense<[[-1.983, -1.942, -1.638], [-1.113, -0.436, 0.299]]> : tensor<2x3xf64>
  %w = nn.constant dense<[[0.296, 0.932, 0.863], [0.141, -0.688, -0.996]]> : tensor<2x3xf64>
  %b = nn.constant dense<[0.841, 0.997]> : tensor<2xf64>
  %y = nn.linear %x, %w, %b : (tensor<2x3xf64>, tensor<2x3xf64>, tensor<2xf64>) -> tensor<2x2xf64>
  %e_y = nn.constant dense<[[-2.969506, 3.684941], [0.363237, 0.842231]]> : tensor<2x2xf64>
  check.expect_close %y, %e_y rel 1.0e-11 abs 1.0e-12 : tensor<2x2xf64>
  return
}

func.func @matmul() {
  // All four storage orders of one product.
  %a = nn.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf64>
  %at = nn.constant dense<[[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]> : tensor<3x2xf64>
  %b = nn.constant dense<[[1.0, -1.0], [0.5, 2.0], [-3.0, 0.25]]> : tensor<3x2xf64>
  %bt = nn.constant dense<[[1.0, 0.5, -3.0], [-1.0, 2.0, 0.25]]> : tensor<2x3xf64>
  %expected = nn.constant dense<[[-7.0, 3.75], [-11.5, 7.5]]> : tensor<2x2xf64>
  %0 = nn.matmul %a, %b : (tensor<2x3xf64>, tensor<3x2xf64>) -> tensor<2x2xf64>
  check.expect_close %0, %expected : tensor<2x2xf64>
  %1 = nn.matmul %at, %b transpose_a : (tensor<3x2xf64>, tensor<3x2xf64>) -> tensor<2x2xf64>
  check.expect_close %1, %expected : tensor<2x2xf64>
  %2 = nn.matmul %a, %bt transpose_b : (tensor<2x3xf64>, tensor<2x3xf64>) -> tensor<2x2xf64>
  check.expect_close %2, %expected : tensor<2x2xf64>
  %3 = nn.matmul %at, %bt transpose_a transpose_b : (tensor<3x2xf64>, tensor<2x3xf64>) -> tensor<2x2xf64>
  check.expect_close %3, %expected : tensor<2x2xf64>
  return
}

func.func @batches() {
  // Each batch on its own.
  %a = nn.constant dense<[[[2.0]], [[3.0]]]> : tensor<2x1x1xf64>
  %b = nn.constant dense<[[[1.0, 4.0]], [[-1.0, 5.0]]]> : tensor<2x1x2xf64>
  %expected = nn.constant dense<[[[2.0, 8.0]], [[-3.0, 15.0]]]> : tensor<2x1x2xf64>
  %0 = nn.matmul %a, %b : (tensor<2x1x1xf64>, tensor<2x1x2xf64>) -> tensor<2x1x2xf64>
  check.expect_close %0, %expected : tensor<2x1x2xf64>
  return
}
